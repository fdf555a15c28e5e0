//! TLS 1.3 with mutual authentication, by the *ring* provider named explicitly: what another crate installs as the
//! process's default makes no difference here.
//!
//! A certificate's role is in it twice, and both are checked: as extended key usage (serverAuth or clientAuth,
//! RFC 5280 §4.2.1.12) and as a DNS name of its subject ([`role_name`]). So an agent's certificate never makes a
//! coordinator, nor the other way round, whatever the files are called. There is no session resumption: every join
//! shows its certificate anew, and is held against the authority's list of revoked ones.

mod agents;

use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, ServerName, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, ParsedCertificate};
use rustls::version::TLS13;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, ServerConfig,
    SignatureScheme,
};

pub(crate) use agents::AgentVerifier;

use crate::identity::{Credentials, IdentityError, Role};
use crate::{Identity, Settings};

/// The coordinator's side of a connection, where this verifier judges the agents.
pub(crate) fn server_config(
    identity: &Identity,
    settings: &Settings,
    agents: Arc<AgentVerifier>,
) -> Result<quinn::ServerConfig, IdentityError> {
    let Credentials { chain, key, .. } = identity.credentials()?;
    let mut tls = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .map_err(IdentityError::not_usable)?
        .with_client_cert_verifier(agents)
        .with_single_cert(chain, key)
        .map_err(IdentityError::not_usable)?;
    tls.alpn_protocols = vec![PROTOCOL.to_vec()];
    tls.session_storage = Arc::new(NoServerSessionStorage {});
    tls.send_tls13_tickets = 0;
    let tls = QuicServerConfig::try_from(tls).map_err(IdentityError::not_usable)?;
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(tls));
    config
        .transport_config(transport(settings))
        .max_incoming(settings.pending_joins.saturating_add(settings.waiting_joins))
        .incoming_buffer_size(64 << 10)
        .incoming_buffer_size_total(16 << 20);
    Ok(config)
}

/// An agent's side of a connection.
pub(crate) fn client_config(
    identity: &Identity,
    settings: &Settings,
) -> Result<quinn::ClientConfig, IdentityError> {
    let Credentials { roots, revoked, chain, key } = identity.credentials()?;
    let mut tls = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .map_err(IdentityError::not_usable)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(CoordinatorVerifier::new(roots, revoked)?))
        .with_client_auth_cert(chain, key)
        .map_err(IdentityError::not_usable)?;
    tls.alpn_protocols = vec![PROTOCOL.to_vec()];
    tls.resumption = Resumption::disabled();
    let tls = QuicClientConfig::try_from(tls).map_err(IdentityError::not_usable)?;
    let mut config = quinn::ClientConfig::new(Arc::new(tls));
    config.transport_config(transport(settings));
    Ok(config)
}

/// Judges a certificate now as the other side of a connection would, hosts apart.
pub(crate) fn verify(
    role: Role,
    roots: RootCertStore,
    revoked: Vec<RevocationList>,
    chain: &[CertificateDer<'_>],
) -> Result<(), Error> {
    let Some((end_entity, intermediates)) = chain.split_first() else {
        return Err(Error::NoCertificatesPresented);
    };
    match role {
        Role::Coordinator => verify_coordinator_at(roots, revoked, chain, UnixTime::now()),
        Role::Agent => {
            let no_verifier = |error: IdentityError| Error::General(error.to_string());
            let verifier = AgentVerifier::new(roots, revoked).map_err(no_verifier)?;
            verifier.verify_client_cert(end_entity, intermediates, UnixTime::now()).map(|_| ())
        }
    }
}

/// Judges a coordinator's certificate as of this time.
pub(crate) fn verify_coordinator_at(
    roots: RootCertStore,
    revoked: Vec<RevocationList>,
    chain: &[CertificateDer<'_>],
    at: UnixTime,
) -> Result<(), Error> {
    let (end_entity, intermediates) = chain.split_first().ok_or(Error::NoCertificatesPresented)?;
    let verifier =
        CoordinatorVerifier::new(roots, revoked).map_err(|error| Error::General(error.to_string()))?;
    verifier.verify_role(end_entity, intermediates, &[], at)
}

/// The DNS name that says a certificate's role. Never resolved.
pub(crate) fn role_name(role: Role) -> &'static str {
    match role {
        Role::Coordinator => "coordinator.roamstorm.internal",
        Role::Agent => "agent.roamstorm.internal",
    }
}

pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn transport(settings: &Settings) -> Arc<quinn::TransportConfig> {
    let mut transport = quinn::TransportConfig::default();
    // A report takes several datagrams: one acknowledgement of them all is enough (draft-ietf-quic-ack-frequency).
    let mut acknowledgements = quinn::AckFrequencyConfig::default();
    acknowledgements.ack_eliciting_threshold(ACKNOWLEDGED_TOGETHER.into());
    transport
        .keep_alive_interval(Some(settings.keep_alive))
        .max_idle_timeout(Some(
            settings.idle.min(LONGEST_IDLE).try_into().unwrap_or_else(|_| IDLE_FALLBACK.into()),
        ))
        .max_concurrent_bidi_streams(1u32.into())
        .max_concurrent_uni_streams(0u32.into())
        .stream_receive_window(settings.window.into())
        .receive_window(settings.window.into())
        .send_window(settings.window.into())
        .datagram_receive_buffer_size(None)
        .ack_frequency_config(Some(acknowledgements));
    Arc::new(transport)
}

/// Datagrams that may come before one acknowledgement; those that are fewer are acknowledged within 25 ms.
const ACKNOWLEDGED_TOGETHER: u32 = 10;

/// Accepts a coordinator's certificate for the host that was dialled.
#[derive(Debug)]
struct CoordinatorVerifier {
    chain: Arc<WebPkiServerVerifier>,
}

impl CoordinatorVerifier {
    fn new(roots: RootCertStore, revoked: Vec<RevocationList>) -> Result<Self, IdentityError> {
        let chain = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
            .with_crls(revoked)
            .allow_unknown_revocation_status()
            .build();
        Ok(Self { chain: chain.map_err(IdentityError::not_usable)? })
    }

    fn verify_role(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<(), Error> {
        let role = name(role_name(Role::Coordinator))?;
        match self.chain.verify_server_cert(end_entity, intermediates, &role, ocsp, now) {
            Ok(_) => Ok(()),
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Err(WRONG_ROLE),
            Err(error) => Err(error),
        }
    }
}

impl ServerCertVerifier for CoordinatorVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.verify_role(end_entity, intermediates, ocsp, now)?;
        let certificate = ParsedCertificate::try_from(end_entity)?;
        if verify_server_name(&certificate, &name(ANY_HOST)?).is_err() {
            verify_server_name(&certificate, server_name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}

fn name(name: &'static str) -> Result<ServerName<'static>, Error> {
    ServerName::try_from(name).map_err(|error| Error::General(error.to_string()))
}

/// A list of revoked certificates, signed by their authority (RFC 5280 §5).
pub(crate) type RevocationList = CertificateRevocationListDer<'static>;

/// A coordinator's certificate with this DNS name is good at every host.
pub(crate) const ANY_HOST: &str = "any-host.roamstorm.internal";

/// Told to the other side as unsupported_certificate, as a wrong key usage is.
const WRONG_ROLE: Error = Error::InvalidCertificate(CertificateError::InvalidPurpose);

/// The ALPN identifier (RFC 7301). The same for every version: the opening frame tells versions apart.
const PROTOCOL: &[u8] = b"roamstorm";
const LONGEST_IDLE: Duration = Duration::from_secs(24 * 3600);
/// Milliseconds.
const IDLE_FALLBACK: quinn::VarInt = quinn::VarInt::from_u32(10_000);
