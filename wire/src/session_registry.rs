//! The agents that are connected, so that one whose certificate is revoked meanwhile is cut off.

use std::sync::{Arc, Weak};

use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::{CertificateError, Error};

use crate::identity::{IdentityError, Stamp};
use crate::link::REVOKED;
use crate::tls::AgentVerifier;
use crate::{Identity, WireError};

/// The connected agents, and the judgement of their certificates.
pub(crate) struct SessionRegistry {
    identity: Identity,
    verifier: Arc<AgentVerifier>,
    stamp: Option<Stamp>,
    connections: Vec<Weak<quinn::Connection>>,
}

impl SessionRegistry {
    pub(crate) fn new(identity: &Identity) -> Result<Self, WireError> {
        let file = identity.revoked_file();
        let stamp = file.and_then(|file| file.stamp());
        if let Some(file) = file.filter(|_| stamp.is_none()) {
            // A fleet has one from its beginning: whoever is revoked in it gets in now.
            tracing::warn!(
                "{} is not there, so no certificate is revoked: copy it from where the authority is kept; `roamstorm certs` makes one with the authority",
                file.source()
            );
        }
        let verifier = AgentVerifier::new(identity.credentials()?.roots, identity.read_revoked()?)?;
        Ok(Self { identity: identity.clone(), verifier: Arc::new(verifier), stamp, connections: Vec::new() })
    }

    pub(crate) fn verifier(&self) -> Arc<AgentVerifier> {
        Arc::clone(&self.verifier)
    }

    pub(crate) fn joined(&mut self, connection: &Arc<quinn::Connection>) {
        self.connections.push(Arc::downgrade(connection));
    }

    /// Looks whether the list of revoked certificates has changed. A list that is gone or wrong changes nothing: whoever
    /// is revoked stays so.
    pub(crate) fn tick(&mut self) {
        self.connections.retain(|connection| connection.strong_count() > 0);
        let Some(file) = self.identity.revoked_file() else { return };
        let stamp = file.stamp();
        if stamp == self.stamp {
            return;
        }
        self.stamp = stamp;
        let source = file.source();
        if stamp.is_none() {
            tracing::warn!(
                "{source} is gone: what it named last stays revoked until the coordinator is restarted"
            );
            return;
        }
        match self.reread() {
            Ok(cut_off) => tracing::info!(cut_off, "{source} has changed, and is in force"),
            Err(error) => tracing::error!("{error}; what was revoked before stays so, and nothing else is"),
        }
    }

    /// How many agents were cut off.
    fn reread(&self) -> Result<usize, IdentityError> {
        self.verifier.set_revoked(self.identity.read_revoked()?)?;
        let revoked = self.connections.iter().filter_map(Weak::upgrade).filter(|one| self.is_revoked(one));
        Ok(revoked
            .map(|connection| {
                tracing::warn!(address = %connection.remote_address(), "an agent's certificate is revoked: cut off");
                connection.close(REVOKED, b"its certificate is revoked");
            })
            .count())
    }

    fn is_revoked(&self, connection: &quinn::Connection) -> bool {
        let Some(identity) = connection.peer_identity() else { return false };
        let Ok(chain) = identity.downcast::<Vec<CertificateDer<'static>>>() else { return false };
        let Some((end_entity, intermediates)) = chain.split_first() else { return false };
        let judged = self.verifier.verify_client_cert(end_entity, intermediates, UnixTime::now());
        matches!(judged, Err(Error::InvalidCertificate(CertificateError::Revoked)))
    }
}
