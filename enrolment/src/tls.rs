//! TLS 1.3 of the enrolment endpoint, by the *ring* provider. The agent knows its authority by the hash of a public key alone; the
//! endpoint shows a certificate of that authority for a name that no coordinator's or agent's certificate has. Agents show one when
//! they renew.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::version::TLS13;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, ServerConfig,
    SignatureScheme,
};
use wire::{Authority, CertificateFacts, Identity};

/// The endpoint's side, with a certificate of its own that its authority has just signed.
pub(crate) fn server_config(authority: &Authority) -> Result<quinn::ServerConfig, String> {
    let (certificate, key) = authority.issue_server(NAME, SERVER_VALID).map_err(|error| error.to_string())?;
    let mut chain = certificates(&certificate)?;
    let issuer = certificates(authority.certificate_pem())?;
    let mut roots = RootCertStore::empty();
    for one in &issuer {
        roots.add(one.clone()).map_err(|error| error.to_string())?;
    }
    // Agents that have nothing but a hash find the key to it here.
    chain.extend(issuer);
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|error| error.to_string())?;
    let agents = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
        .allow_unauthenticated()
        .build()
        .map_err(|error| error.to_string())?;
    let tls = ServerConfig::builder_with_provider(provider()).with_protocol_versions(&[&TLS13]);
    let tls = tls.map_err(|error| error.to_string())?.with_client_cert_verifier(agents);
    let mut tls = tls.with_single_cert(chain, key).map_err(|error| error.to_string())?;
    tls.alpn_protocols = vec![PROTOCOL.to_vec()];
    tls.session_storage = Arc::new(NoServerSessionStorage {});
    tls.send_tls13_tickets = 0;
    let tls = QuicServerConfig::try_from(tls).map_err(|error| error.to_string())?;
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(tls));
    config
        .transport_config(transport())
        .migration(false)
        .incoming_buffer_size(32 << 10)
        .incoming_buffer_size_total(4 << 20);
    Ok(config)
}

/// An agent's side: it speaks to the authority with this pin alone. What was wrong with who answered is left in `fault`.
pub(crate) fn client_config(
    pin: [u8; 32],
    identity: Option<&Identity>,
    fault: &Arc<Mutex<Option<Fault>>>,
) -> Result<quinn::ClientConfig, String> {
    let verifier = Arc::new(PinVerifier { pin, fault: Arc::clone(fault), provider: provider() });
    let tls = ClientConfig::builder_with_provider(provider()).with_protocol_versions(&[&TLS13]);
    let tls = tls.map_err(|error| error.to_string())?.dangerous().with_custom_certificate_verifier(verifier);
    let mut tls = match identity {
        None => tls.with_no_client_auth(),
        Some(identity) => {
            let chain = certificates(identity.certificate_pem())?;
            let key = PrivateKeyDer::from_pem_slice(identity.key_pem().as_bytes());
            let key = key.map_err(|error| error.to_string())?;
            tls.with_client_auth_cert(chain, key).map_err(|error| error.to_string())?
        }
    };
    tls.alpn_protocols = vec![PROTOCOL.to_vec()];
    tls.resumption = Resumption::disabled();
    let tls = QuicClientConfig::try_from(tls).map_err(|error| error.to_string())?;
    let mut config = quinn::ClientConfig::new(Arc::new(tls));
    config.transport_config(transport());
    Ok(config)
}

/// What is wrong with who answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Another authority, or none.
    OtherAuthority,
    /// Its certificate is not valid now, by this machine's clock: from when to when it is.
    Clock {
        /// From when.
        from: SystemTime,
        /// Until when.
        until: SystemTime,
    },
    /// Of the right authority, but no enrolment endpoint.
    NotEnrolment,
}

#[derive(Debug)]
struct PinVerifier {
    pin: [u8; 32],
    fault: Arc<Mutex<Option<Fault>>>,
    provider: Arc<CryptoProvider>,
}

impl PinVerifier {
    fn judge(
        &self,
        end_entity: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), (Fault, Error)> {
        let unknown = || (Fault::OtherAuthority, Error::InvalidCertificate(CertificateError::UnknownIssuer));
        let is_pinned =
            |one: &&CertificateDer<'_>| CertificateFacts::of(one).is_some_and(|facts| facts.key == self.pin);
        let authority = others.iter().find(is_pinned).ok_or_else(unknown)?;
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone().into_owned()).map_err(|_| unknown())?;
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&self.provider));
        let verifier = verifier.build().map_err(|_| unknown())?;
        let name = ServerName::try_from(NAME).map_err(|_| unknown())?;
        let judged = verifier.verify_server_cert(end_entity, &[], &name, &[], now);
        judged.map(drop).map_err(|error| {
            let fault = match &error {
                Error::InvalidCertificate(
                    CertificateError::Expired
                    | CertificateError::ExpiredContext { .. }
                    | CertificateError::NotValidYet
                    | CertificateError::NotValidYetContext { .. },
                ) => CertificateFacts::of(end_entity).map_or(Fault::OtherAuthority, |facts| Fault::Clock {
                    from: facts.from,
                    until: facts.until,
                }),
                Error::InvalidCertificate(
                    CertificateError::UnknownIssuer | CertificateError::BadSignature,
                ) => Fault::OtherAuthority,
                _ => Fault::NotEnrolment,
            };
            (fault, error)
        })
    }
}

impl ServerCertVerifier for PinVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match self.judge(end_entity, others, now) {
            Ok(()) => Ok(ServerCertVerified::assertion()),
            Err((fault, error)) => {
                *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault);
                Err(error)
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.3 alone is spoken".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    all.map_err(|error| error.to_string())
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// One request and its answer: little may be under way, and nobody stays.
fn transport() -> Arc<quinn::TransportConfig> {
    let mut transport = quinn::TransportConfig::default();
    transport
        .max_idle_timeout(Some(IDLE.into()))
        .keep_alive_interval(Some(Duration::from_secs(3)))
        .max_concurrent_bidi_streams(1u32.into())
        .max_concurrent_uni_streams(0u32.into())
        .stream_receive_window((64u32 << 10).into())
        .receive_window((64u32 << 10).into())
        .send_window(64 << 10)
        .datagram_receive_buffer_size(None);
    Arc::new(transport)
}

/// Seconds since 1970, for texts.
pub(crate) fn since_1970(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// The DNS name in an endpoint's certificate. Never resolved.
const NAME: &str = "enrolment.roamstorm.internal";
/// How long the endpoint's own certificate is valid. It is made anew each day.
const SERVER_VALID: Duration = Duration::from_secs(30 * 24 * 3600);
/// The ALPN identifier (RFC 7301).
pub(crate) const PROTOCOL: &[u8] = b"roamstorm-enrol";
/// Milliseconds without a packet after which a connection is over.
const IDLE: quinn::VarInt = quinn::VarInt::from_u32(10_000);
