//! The coordinator's judgement of an agent's certificate. The list of revoked ones may change while it is in use.

use std::sync::{Arc, PoisonError, RwLock};

use rustls::client::danger::HandshakeSignatureValid;
use rustls::client::verify_server_name;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};

use super::{RevocationList, WRONG_ROLE, name, provider, role_name};
use crate::identity::{IdentityError, Role};

/// Accepts an agent's certificate, wherever the agent is.
#[derive(Debug)]
pub(crate) struct AgentVerifier {
    roots: Arc<RootCertStore>,
    hints: Vec<DistinguishedName>,
    chain: RwLock<Arc<dyn ClientCertVerifier>>,
}

impl AgentVerifier {
    pub(crate) fn new(roots: RootCertStore, revoked: Vec<RevocationList>) -> Result<Self, IdentityError> {
        let roots = Arc::new(roots);
        let chain = verifier(&roots, revoked)?;
        Ok(Self { roots, hints: chain.root_hint_subjects().to_vec(), chain: RwLock::new(chain) })
    }

    /// From now on these certificates are refused, and no others.
    pub(crate) fn set_revoked(&self, revoked: Vec<RevocationList>) -> Result<(), IdentityError> {
        *self.chain.write().unwrap_or_else(PoisonError::into_inner) = verifier(&self.roots, revoked)?;
        Ok(())
    }

    fn chain(&self) -> Arc<dyn ClientCertVerifier> {
        Arc::clone(&self.chain.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A certificate of an authority without a list is not revoked; a list whose time is over still counts.
fn verifier(
    roots: &Arc<RootCertStore>,
    revoked: Vec<RevocationList>,
) -> Result<Arc<dyn ClientCertVerifier>, IdentityError> {
    WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), provider())
        .with_crls(revoked)
        .allow_unknown_revocation_status()
        .build()
        .map_err(IdentityError::not_usable)
}

impl ClientCertVerifier for AgentVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.chain().verify_client_cert(end_entity, intermediates, now)?;
        let certificate = ParsedCertificate::try_from(end_entity)?;
        verify_server_name(&certificate, &name(role_name(Role::Agent))?).map_err(|_| WRONG_ROLE)?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain().verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain().verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain().supported_verify_schemes()
    }
}
