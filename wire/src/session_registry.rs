//! The agents that are connected, so that one whose certificate is revoked meanwhile is cut off.

use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::{CertificateError, Error};

use crate::identity::{IdentityError, Stamp};
use crate::link::{CLOSED, REVOKED};
use crate::tls::AgentVerifier;
use crate::{CertificateFacts, Identity, WireError};

/// The connected agents, and the judgement of their certificates.
pub(crate) struct SessionRegistry {
    identity: Identity,
    verifier: Arc<AgentVerifier>,
    stamp: Option<Stamp>,
    connections: Vec<Joined>,
}

/// A connection, and until when the certificate that was shown on it is valid.
struct Joined {
    connection: Weak<quinn::Connection>,
    until: Option<SystemTime>,
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
        let until = shown(connection).and_then(|chain| Some(CertificateFacts::of(chain.first()?)?.until));
        self.connections.push(Joined { connection: Arc::downgrade(connection), until });
    }

    /// Ends connections that have outlived their certificate by far: an agent that renews joins again at once with the new one, and
    /// one that does not is let in no more.
    fn end_outlived(&self, now: SystemTime) {
        let is_outlived = |joined: &&Joined| joined.until.is_some_and(|until| is_outlived(until, now));
        for connection in
            self.connections.iter().filter(is_outlived).filter_map(|one| one.connection.upgrade())
        {
            tracing::info!(address = %connection.remote_address(), "an agent's certificate ended a day ago: it has to join anew");
            connection.close(CLOSED, b"its certificate ended a day ago: it has to join with a newer one");
        }
    }

    /// Looks whether the list of revoked certificates has changed. A list that is gone or wrong changes nothing: whoever
    /// is revoked stays so.
    pub(crate) fn tick(&mut self) {
        self.connections.retain(|joined| joined.connection.strong_count() > 0);
        self.end_outlived(SystemTime::now());
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
        let revoked = self.connections.iter().filter_map(|one| one.connection.upgrade());
        let revoked = revoked.filter(|one| self.is_revoked(one));
        Ok(revoked
            .map(|connection| {
                tracing::warn!(address = %connection.remote_address(), "an agent's certificate is revoked: cut off");
                connection.close(REVOKED, b"its certificate is revoked");
            })
            .count())
    }

    /// Also where its certificate has ended meanwhile: its agent may have a newer one.
    fn is_revoked(&self, connection: &quinn::Connection) -> bool {
        let Some(chain) = shown(connection) else { return false };
        let Some((end_entity, intermediates)) = chain.split_first() else { return false };
        let end =
            CertificateFacts::of(end_entity).and_then(|facts| facts.until.duration_since(UNIX_EPOCH).ok());
        let now = UnixTime::now();
        let at =
            end.map(UnixTime::since_unix_epoch).filter(|end| end.as_secs() < now.as_secs()).unwrap_or(now);
        let judged = self.verifier.verify_client_cert(end_entity, intermediates, at);
        matches!(judged, Err(Error::InvalidCertificate(CertificateError::Revoked)))
    }
}

/// The certificates that were shown on a connection.
fn shown(connection: &quinn::Connection) -> Option<Vec<CertificateDer<'static>>> {
    connection.peer_identity()?.downcast().ok().map(|chain| *chain)
}

/// Whether a connection has gone on for too long after the end of its certificate.
fn is_outlived(until: SystemTime, now: SystemTime) -> bool {
    now.duration_since(until).is_ok_and(|since| since > OUTLIVED)
}

/// So long a connection goes on whose certificate has ended.
const OUTLIVED: Duration = Duration::from_secs(24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_outlives_its_certificate_by_a_day() {
        let (now, hour) = (SystemTime::now(), Duration::from_secs(3600));
        assert!(!is_outlived(now + hour, now) && !is_outlived(now - 24 * hour, now));
        assert!(is_outlived(now - 25 * hour, now));
    }
}
