//! An agent's end: how it joins the coordinator.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use quinn::{ConnectError, ConnectionError};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::frame;
use crate::link::{CoordinatorReceiver, CoordinatorSender, halves};
use crate::patience::Patience;
use crate::to_coordinator::{Hello, ToCoordinator};
use crate::{CoordinatorLink, Identity, Peer, Role, Settings, VersionOffer, WireError, tls};

/// Joins the coordinator at `host` or `host:port` ([`crate::PORT`] where none is given). When it returns, each side has accepted the other's certificate and version,
/// and `hello` is on its way; the coordinator answers with `ToAgent::Welcome`.
///
/// # Errors
/// Nothing answered in time, a certificate was refused by either side, the versions differ, the name does not resolve.
pub async fn join(
    coordinator: &str,
    identity: &Identity,
    hello: Hello,
) -> Result<CoordinatorLink, WireError> {
    join_with(coordinator, identity, hello, Settings::default()).await
}

/// [`join`] with other times and limits.
///
/// # Errors
/// As [`join`].
pub async fn join_with(
    coordinator: &str,
    identity: &Identity,
    hello: Hello,
    settings: Settings,
) -> Result<CoordinatorLink, WireError> {
    identity.expect_role(Role::Agent)?;
    let config = tls::client_config(identity, &settings)?;
    let (host, port) = host_and_port(coordinator, crate::PORT)?;
    let addresses = resolve(coordinator, host, port, settings.join).await?;
    let connection = connect_to_first(&addresses, host, &config, &settings).await?;
    let peer = Peer { role: Role::Coordinator, address: connection.remote_address() };
    match Patience::of(settings.join).wait_for(greet(connection, peer, hello, &settings)).await {
        Some(link) => link,
        None => Err(WireError::TooSlow { peer, after: settings.join }),
    }
}

/// A connection to `host` or `host:port` (this port where none is given), with another protocol than an agent's: the name of
/// the host stands in the TLS of `config` for whoever wants to look at it.
///
/// # Errors
/// As [`join`], of the connection.
pub async fn dial(
    to: &str,
    port: u16,
    config: &quinn::ClientConfig,
    settings: &Settings,
) -> Result<quinn::Connection, WireError> {
    let (host, port) = host_and_port(to, port)?;
    let addresses = resolve(to, host, port, settings.join).await?;
    connect_to_first(&addresses, host, config, settings).await
}

/// The host of `host` or `host:port`.
///
/// # Errors
/// It is neither.
pub fn host_of(text: &str) -> Result<&str, WireError> {
    host_and_port(text, crate::PORT).map(|(host, _)| host)
}

/// Versions, then `Hello`.
async fn greet(
    connection: quinn::Connection,
    peer: Peer,
    hello: Hello,
    settings: &Settings,
) -> Result<CoordinatorLink, WireError> {
    let streams = connection.open_bi().await;
    let streams = streams.map_err(|error| WireError::from_connection(peer, settings.idle, error))?;
    let (mut sender, mut receiver): (CoordinatorSender, CoordinatorReceiver) =
        halves(Arc::new(connection), peer, settings.idle, streams);

    let ours = VersionOffer::new(&settings.versions);
    sender.send_offer(&ours).await?;
    // In TLS 1.3 a client is done before the server has seen its certificate: a refusal of it arrives here.
    let theirs = receiver.receive_offer(frame::LIMIT).await?;
    let Some(version) = ours.common_version(&theirs) else {
        return Err(WireError::Version { peer, ours, theirs });
    };
    sender.send(&ToCoordinator::Hello(hello)).await?;
    Ok(CoordinatorLink { peer: peer.address, version, sender, receiver })
}

fn host_and_port(text: &str, usual: u16) -> Result<(&str, u16), WireError> {
    let not_an_address = || WireError::NotAnAddress { text: text.to_owned() };
    let has_port = text.rsplit_once(':').filter(|(host, port)| !port.contains(']') && !host.is_empty());
    let (host, port) = match has_port {
        Some((host, port)) => (host, port.parse().ok().filter(|port| *port != 0).ok_or_else(not_an_address)?),
        None => (text, usual),
    };
    let host = match host.strip_prefix('[') {
        Some(bracketed) => bracketed.strip_suffix(']').ok_or_else(not_an_address)?,
        None if host.contains(':') => return Err(not_an_address()),
        None => host,
    };
    // Also what TLS will be asked to verify.
    rustls::pki_types::ServerName::try_from(host).map_err(|_| not_an_address())?;
    Ok((host, port))
}

async fn resolve(text: &str, host: &str, port: u16, limit: Duration) -> Result<Vec<SocketAddr>, WireError> {
    let unresolved = |reason: String| WireError::Unresolved { text: text.to_owned(), reason };
    let addresses = match timeout(limit, tokio::net::lookup_host((host, port))).await {
        Ok(Ok(addresses)) => addresses.take(MOST_ADDRESSES).collect::<Vec<_>>(),
        Ok(Err(error)) => return Err(unresolved(error.to_string())),
        Err(_) => return Err(unresolved("the name server does not answer".to_owned())),
    };
    if addresses.is_empty() { Err(unresolved("it has no address".to_owned())) } else { Ok(addresses) }
}

/// Tries every address of a name, one a little after the other, and takes the first that answers (the way of RFC 8305:
/// a name often has an IPv6 address that leads nowhere).
async fn connect_to_first(
    addresses: &[SocketAddr],
    host: &str,
    config: &quinn::ClientConfig,
    settings: &Settings,
) -> Result<quinn::Connection, WireError> {
    let mut attempts = JoinSet::new();
    let mut wait = Duration::ZERO;
    for &address in addresses {
        let (host, config, settings) = (host.to_owned(), config.clone(), settings.clone());
        attempts.spawn(async move {
            sleep(wait).await;
            connect(address, &host, config, &settings).await
        });
        wait += BETWEEN_ADDRESSES;
    }
    let mut error = WireError::EndpointClosed;
    while let Some(attempt) = attempts.join_next().await {
        match attempt {
            Ok(Ok(connection)) => return Ok(connection),
            // A refusal says more than silence elsewhere.
            Ok(Err(silence @ WireError::NoAnswer { .. })) if matches!(error, WireError::EndpointClosed) => {
                error = silence;
            }
            Ok(Err(WireError::NoAnswer { .. })) => {}
            Ok(Err(refusal)) => error = refusal,
            Err(stopped) => match stopped.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => error = WireError::EndpointClosed,
            },
        }
    }
    Err(error)
}

async fn connect(
    address: SocketAddr,
    host: &str,
    config: quinn::ClientConfig,
    settings: &Settings,
) -> Result<quinn::Connection, WireError> {
    let peer = Peer { role: Role::Coordinator, address };
    let no_answer = || WireError::NoAnswer { peer, after: settings.join.min(settings.idle) };
    let any: IpAddr =
        if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let endpoint =
        quinn::Endpoint::client(SocketAddr::new(any, 0)).map_err(|source| WireError::Socket { source })?;
    let connecting = endpoint.connect_with(config, address, host).map_err(|error| match error {
        ConnectError::InvalidServerName(text) => WireError::NotAnAddress { text },
        ConnectError::InvalidRemoteAddress(address) => WireError::NotAnAddress { text: address.to_string() },
        other => WireError::Gone { peer, reason: other.to_string() },
    })?;
    match Patience::of(settings.join).wait_for(connecting).await {
        Some(Ok(connection)) => Ok(connection),
        Some(Err(ConnectionError::TimedOut)) | None => Err(no_answer()),
        Some(Err(error)) => Err(WireError::from_connection(peer, settings.idle, error)),
    }
}

const MOST_ADDRESSES: usize = 8;
/// RFC 8305 §5: the recommended delay between two attempts.
const BETWEEN_ADDRESSES: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinator_address_forms_are_told_apart() {
        assert_eq!(host_and_port("10.0.0.1:7700", 7400).unwrap(), ("10.0.0.1", 7700));
        assert_eq!(host_and_port("[::1]:7700", 7400).unwrap(), ("::1", 7700));
        assert_eq!(host_and_port("coordinator.lab:1", 7400).unwrap(), ("coordinator.lab", 1));
        assert_eq!(host_and_port("coordinator.lab", 7400).unwrap(), ("coordinator.lab", 7400));
        assert_eq!(host_and_port("127.0.0.1", 7400).unwrap(), ("127.0.0.1", 7400));
        assert_eq!(host_and_port("[::1]", 7400).unwrap(), ("::1", 7400));
        for wrong in ["", "lab:", "lab:x", "lab:0", "lab:70000", ":7700", "::1:7700", "[::1:7700", "a b:1"] {
            let error = host_and_port(wrong, 7400).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("`{wrong}` is not a coordinator's address: write a name")),
                "{error}"
            );
        }
    }
}
