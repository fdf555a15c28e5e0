//! Peers that hold a good certificate and speak nonsense, or nothing. They are written on bare QUIC here, so that
//! what our own code would never send is sent.

#![allow(clippy::unwrap_used, reason = "how a test fails")]

mod fleet;
mod stranger;

use std::net::Ipv4Addr;
use std::sync::Arc;

use fleet::{Fleet, hello, in_time, loopback, meet, short};
use quinn::crypto::rustls::QuicServerConfig;
use quinn::{Connection, Endpoint, RecvStream, SendStream, ServerConfig};
use rustls::server::WebPkiClientVerifier;
use rustls::version::TLS13;
use stranger::{OFFER, connect_from, frame, parts};
use wire::frame::{FrameError, encode};
use wire::to_coordinator::ToCoordinator;
use wire::{CoordinatorEndpoint, Identity, Settings, WireError, join_with};

#[tokio::test]
async fn silent_client_keeps_no_other_waiting_and_is_reported_in_time() {
    let fleet = Fleet::new();
    let endpoint = fleet.endpoint(short());
    let silent = stranger(&endpoint, &fleet.agent);
    let (silent, (at_coordinator, at_agent)) =
        in_time(async { tokio::join!(silent, meet(&endpoint, &fleet.agent, short())) }).await;
    let (_link, _joined) = (at_coordinator.unwrap(), at_agent.unwrap());

    let error = in_time(endpoint.accept()).await.unwrap_err();
    assert!(matches!(error, WireError::TooSlow { .. }), "{error}");
    assert!(error.to_string().ends_with("did not finish joining within 1.2 s"), "{error}");
    let told = in_time(silent.closed()).await.to_string();
    assert!(told.contains("no Hello came in time"), "{told}");
}

#[tokio::test]
async fn no_more_joins_are_worked_on_than_the_limit() {
    let fleet = Fleet::new();
    let endpoint = fleet.endpoint(Settings { pending_joins: 1, ..short() });
    let silent = stranger(&endpoint, &fleet.agent);
    let patient = Settings { join: 10 * short().join, idle: 10 * short().idle, ..short() };
    let address = endpoint.local_addr().to_string();
    let accept = async {
        let first = endpoint.accept().await.unwrap_err();
        assert!(matches!(first, WireError::TooSlow { .. }), "{first}");
        endpoint.accept().await
    };
    let after = async {
        let silent = silent.await;
        (silent, join_with(&address, &fleet.agent, hello("a"), patient).await)
    };
    let (at_coordinator, (_silent, at_agent)) = in_time(async { tokio::join!(accept, after) }).await;
    at_coordinator.unwrap();
    at_agent.unwrap();
}

#[tokio::test]
async fn first_frame_of_another_program_is_refused() {
    let error = refused_join(b"\0\0\0\x10GET / HTTP/1.1\r\n").await;
    assert!(
        error.contains("does not speak Roamstorm's protocol (its first frame is `GET / HTTP/1.1"),
        "{error}"
    );
    assert!(!error.contains('\r'), "{error:?}");
    let error = refused_join(b"GET / HTTP/1.1\r\n\r\n").await;
    assert!(error.contains("a frame of 1195725856 octets, where at most 8192 are allowed"), "{error}");
}

#[tokio::test]
async fn first_message_that_is_not_hello_is_refused() {
    let pong = encode(&ToCoordinator::Pong { sent_us: 0, agent_us: 0 }).unwrap();
    let error = refused_join(&[OFFER, &frame(&pong)].concat()).await;
    assert!(error.contains("its first message is not Hello"), "{error}");
}

#[tokio::test]
async fn oversized_frame_is_refused_by_its_length() {
    let error = error_after_hello(&[0x01, 0x00, 0x00, 0x01]).await;
    assert!(
        matches!(error, WireError::Frame { source: FrameError::TooLong { octets: 16_777_217, .. }, .. }),
        "{error}"
    );
    assert!(
        error.to_string().ends_with("a frame of 16777217 octets, where at most 16777216 are allowed"),
        "{error}"
    );
}

#[tokio::test]
async fn garbage_frame_is_shown() {
    let error = error_after_hello(&frame(&[0xee, 1, 2])).await.to_string();
    assert!(error.starts_with("agent at 127.0.0.1:"), "{error}");
    assert!(error.contains("a frame of 3 octets that is no message of this version"), "{error}");
    assert!(error.ends_with("it begins with ee0102"), "{error}");
}

#[tokio::test]
async fn stream_that_ends_within_a_frame_is_an_error() {
    let error = error_after_hello(&[0, 0, 0, 9, 1]).await;
    assert!(
        matches!(error, WireError::Frame { source: FrameError::Truncated { missing: 8 }, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn agent_refused_by_a_coordinator_of_any_version_shows_its_reason() {
    let fleet = Fleet::new();
    let (address, stranger) = strange_coordinator(&fleet.coordinator, b"\0\0\0\x0bRSTXgo home".to_vec());
    let error = in_time(join_with(&address, &fleet.agent, hello("a"), Settings::default()))
        .await
        .unwrap_err()
        .to_string();
    assert!(error.ends_with("refused: go home"), "{error}");
    in_time(stranger).await.unwrap();
}

#[tokio::test]
async fn agent_of_a_newer_coordinator_names_its_program() {
    let fleet = Fleet::new();
    let offer = b"\0\0\0\x17RSTM\0\x64\0\x66roamstorm 9.9.9".to_vec();
    let (address, stranger) = strange_coordinator(&fleet.coordinator, offer);
    let error = in_time(join_with(&address, &fleet.agent, hello("a"), Settings::default()))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("(roamstorm 9.9.9 speaks versions 100 to 102), this agent (roamstorm "),
        "{error}"
    );
    in_time(stranger).await.unwrap();
}

/// What the coordinator says of a join that consists of these octets.
async fn refused_join(octets: &[u8]) -> String {
    let fleet = Fleet::new();
    let endpoint = fleet.endpoint(Settings::default());
    let join = async {
        let connection = stranger(&endpoint, &fleet.agent).await;
        let (mut send, receive) = connection.open_bi().await.unwrap();
        send.write_all(octets).await.unwrap();
        (connection, send, receive)
    };
    let (_stranger, joined) = in_time(async { tokio::join!(join, endpoint.accept()) }).await;
    joined.unwrap_err().to_string()
}

/// What the coordinator receives from an agent that joined well, and then sends these octets and ends its stream.
async fn error_after_hello(octets: &[u8]) -> WireError {
    let fleet = Fleet::new();
    let endpoint = fleet.endpoint(Settings::default());
    let hello = encode(&ToCoordinator::Hello(hello("stranger"))).unwrap();
    let octets = [OFFER, &frame(&hello), octets].concat();
    let join = async {
        let connection = stranger(&endpoint, &fleet.agent).await;
        let (mut send, receive): (SendStream, RecvStream) = connection.open_bi().await.unwrap();
        send.write_all(&octets).await.unwrap();
        send.finish().unwrap();
        (connection, send, receive)
    };
    let (_stranger, link) = in_time(async { tokio::join!(join, endpoint.accept()) }).await;
    in_time(link.unwrap().receive()).await.unwrap_err()
}

/// A QUIC connection with an agent's certificate, on which nothing has been said.
async fn stranger(endpoint: &CoordinatorEndpoint, agent: &Identity) -> Connection {
    connect_from(Ipv4Addr::LOCALHOST, endpoint.local_addr(), agent).await.unwrap()
}

/// A coordinator that sends these octets to the first agent and waits for it to leave.
fn strange_coordinator(identity: &Identity, octets: Vec<u8>) -> (String, tokio::task::JoinHandle<()>) {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let (roots, chain, key) = parts(identity);
    let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider.clone()).build().unwrap();
    let mut tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .unwrap();
    tls.alpn_protocols = vec![b"roamstorm".to_vec()];
    let config = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls).unwrap()));
    let server = Endpoint::server(config, loopback()).unwrap();
    let address = server.local_addr().unwrap().to_string();
    let serving = tokio::spawn(async move {
        let connection = server.accept().await.unwrap().await.unwrap();
        let (mut send, _receive) = connection.accept_bi().await.unwrap();
        send.write_all(&octets).await.unwrap();
        connection.closed().await;
    });
    (address, serving)
}
