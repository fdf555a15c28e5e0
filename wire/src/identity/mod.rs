//! Who may speak: a fleet's authority, and the certificates that it issues to the coordinator and to the agents.
//!
//! ```text
//! folder/authority.pem  authority.key      who belongs to the fleet; the key stays with whoever adds members
//!        coordinator.pem  coordinator.key  what the coordinator needs, with authority.pem
//!        agent.pem  agent.key              what an agent needs, with authority.pem; agents may share one
//!        authority.crl                     which certificates are revoked; with the coordinator, where there are any
//! ```

mod authority;
mod command;
mod error;
mod facts;
mod files;
mod request;
mod revoked;
mod signature;
mod signer;
mod slot;
mod validity;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

pub use authority::{Authority, Grant};
pub use command::AuthorityCommand;
pub use error::IdentityError;
pub use facts::{CertificateFacts, key_hash};
pub use request::{CertificateRequest, NewKey};
pub use signature::{Signature, SignatureError};
pub use slot::IdentitySlot;
pub use validity::ValidUntil;

pub(crate) use revoked::{RevokedFile, Stamp};

use crate::tls::{self, RevocationList};

/// What a certificate may be used as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The coordinator.
    Coordinator,
    /// An agent.
    Agent,
}

impl Role {
    /// As in file names: `coordinator` or `agent`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Coordinator => "coordinator",
            Self::Agent => "agent",
        }
    }

    pub(crate) fn other(self) -> Self {
        match self {
            Self::Coordinator => Self::Agent,
            Self::Agent => Self::Coordinator,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One end's certificate and key, and the authority that it trusts. Cheap to clone.
#[derive(Clone)]
pub struct Identity {
    role: Role,
    authority: Arc<Pem>,
    certificate: Arc<Pem>,
    key: Arc<Pem>,
    revoked: Option<RevokedFile>,
}

impl Identity {
    /// An identity that is kept elsewhere than in files. It is checked when it is used.
    pub fn from_pem(role: Role, authority: &str, certificate: &str, key: &str) -> Self {
        let pem =
            |kind: &str, text: &str| Arc::new(Pem { source: format!("the {kind}"), text: text.to_owned() });
        Self {
            role,
            authority: pem("authority's certificate", authority),
            certificate: pem(&format!("{role}'s certificate"), certificate),
            key: pem(&format!("{role}'s key"), key),
            revoked: None,
        }
    }

    /// Loads `coordinator.pem`/`.key` or `agent.pem`/`.key` with `authority.pem`, and checks that they belong
    /// together, are for this role, and are valid now. Where there is an `authority.crl`, what it names is refused.
    ///
    /// # Errors
    /// Names the file, what is wrong, and what to do.
    pub fn load(folder: &Path, role: Role) -> Result<Self, IdentityError> {
        let identity = Self {
            role,
            authority: Arc::new(files::read(&folder.join(files::AUTHORITY))?),
            certificate: Arc::new(files::read(&folder.join(format!("{role}.pem")))?),
            key: Arc::new(files::read_key(&folder.join(format!("{role}.key")))?),
            revoked: Some(RevokedFile::of(folder)),
        };
        identity.check()?;
        Ok(identity)
    }

    /// Loads an agent's certificate and key from one file, with the authority's from another, and checks them. Such a file is
    /// replaced at once when the certificate is renewed.
    ///
    /// # Errors
    /// As [`Identity::load`].
    pub fn load_agent(authority: &Path, both: &Path) -> Result<Self, IdentityError> {
        let pem = Arc::new(files::read_key(both)?);
        let authority = Arc::new(files::read(authority)?);
        let identity =
            Self { role: Role::Agent, authority, certificate: Arc::clone(&pem), key: pem, revoked: None };
        identity.check()?;
        Ok(identity)
    }

    /// What its certificate says.
    pub fn facts(&self) -> Option<CertificateFacts> {
        CertificateFacts::of(self.certificate.certificates().ok()?.first()?)
    }

    /// SHA-256 of its authority's public key.
    pub fn authority_pin(&self) -> Option<[u8; 32]> {
        Some(CertificateFacts::of(self.authority.certificates().ok()?.first()?)?.key)
    }

    /// Writes what [`Identity::load`] loads; the key has mode 0600. An `authority.pem` that is the same already may
    /// stay.
    ///
    /// # Errors
    /// A file exists and `force` is false (then nothing was written), or one cannot be written.
    pub fn save(&self, folder: &Path, force: bool) -> Result<(), IdentityError> {
        let authority = folder.join(files::AUTHORITY);
        let certificate = folder.join(format!("{}.pem", self.role));
        let key = folder.join(format!("{}.key", self.role));
        let same_authority = files::read(&authority).is_ok_and(|present| present.text == self.authority.text);
        if !force {
            files::refuse_existing([&certificate, &key])?;
            if !same_authority {
                files::refuse_existing([&authority])?;
            }
        }
        if !same_authority {
            files::write(&authority, &self.authority.text)?;
        }
        files::write(&certificate, &self.certificate.text)?;
        files::write_key(&key, &self.key.text)
    }

    /// What it may be used as.
    pub fn role(&self) -> Role {
        self.role
    }

    /// The authority's certificate as PEM.
    pub fn authority_pem(&self) -> &str {
        &self.authority.text
    }

    /// The certificate as PEM, its issuers after it.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate.text
    }

    /// The private key as PEM (PKCS #8). Secret.
    pub fn key_pem(&self) -> &str {
        &self.key.text
    }

    /// Fails unless this is for the wanted role.
    pub(crate) fn expect_role(&self, role: Role) -> Result<(), IdentityError> {
        if self.role == role {
            return Ok(());
        }
        Err(IdentityError::WrongRole { path: self.certificate.source.clone(), role })
    }

    /// Judges the certificate as the other side will.
    ///
    /// # Errors
    /// What is wrong with it, or with its key.
    pub fn check(&self) -> Result<(), IdentityError> {
        let Credentials { roots, revoked, chain, key } = self.credentials()?;
        let key_error =
            |error: rustls::Error| IdentityError::from_key(error, &self.key.source, &self.certificate.source);
        CertifiedKey::from_der(chain.clone(), key, &tls::provider()).map_err(key_error)?;
        self.judge(tls::verify(self.role, roots, revoked, &chain))
    }

    /// Until when its certificate is valid; nothing where that cannot be read.
    pub fn valid_until(&self) -> Option<ValidUntil> {
        ValidUntil::of(&self.certificate)
    }

    /// What to say when its certificate ends soon.
    pub fn ends_soon(&self, now: std::time::SystemTime) -> Option<String> {
        self.valid_until()?.warning(&self.certificate.source, now)
    }

    /// Where the list of revoked certificates is, or may come to be.
    pub(crate) fn revoked_file(&self) -> Option<&RevokedFile> {
        self.revoked.as_ref()
    }

    /// The revoked certificates, as they are in the file now; checked with this identity's own certificate, which the
    /// same authority has issued.
    pub(crate) fn read_revoked(&self) -> Result<Vec<RevocationList>, IdentityError> {
        let Credentials { roots, revoked, chain, .. } = self.credentials()?;
        match self.judge(tls::verify(self.role, roots, revoked.clone(), &chain)) {
            Err(error @ IdentityError::NotRevocations { .. }) => Err(error),
            // Whatever has become of the certificate itself, the list is in order.
            _ => Ok(revoked),
        }
    }

    fn judge(&self, verified: Result<(), rustls::Error>) -> Result<(), IdentityError> {
        let revoked = self.revoked.as_ref().map(RevokedFile::source).unwrap_or_default();
        let (certificate, authority) = (&self.certificate.source, &self.authority.source);
        verified.map_err(|error| {
            IdentityError::from_certificate(error, self.role, certificate, authority, &revoked)
        })
    }

    /// The parts in the form that TLS needs.
    pub(crate) fn credentials(&self) -> Result<Credentials, IdentityError> {
        Ok(Credentials {
            roots: self.authority.roots()?,
            revoked: self.revoked.as_ref().map(RevokedFile::read).transpose()?.unwrap_or_default(),
            chain: self.certificate.certificates()?,
            key: self.key.private_key()?,
        })
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("role", &self.role)
            .field("certificate", &self.certificate.source)
            .finish()
    }
}

/// The parts of an identity in the form that TLS needs.
pub(crate) struct Credentials {
    pub(crate) roots: RootCertStore,
    pub(crate) revoked: Vec<RevocationList>,
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: PrivateKeyDer<'static>,
}

/// Reads an identity as an agent and as a coordinator do, and a list of revoked certificates; for fuzzing.
#[doc(hidden)]
pub fn fuzz_certificates(authority: &str, certificate: &str, key: &str, list: &str) {
    for role in [Role::Agent, Role::Coordinator] {
        let _ = Identity::from_pem(role, authority, certificate, key).check();
    }
    let _ = revoked::lists(&Pem { source: "fuzz".to_owned(), text: list.to_owned() });
}

/// A PEM text and where it is from, for errors.
struct Pem {
    source: String,
    text: String,
}

impl Pem {
    fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(self.text.as_bytes()).collect();
        certificates
            .ok()
            .filter(|certificates| !certificates.is_empty())
            .ok_or_else(|| self.not_pem("CERTIFICATE"))
    }

    /// The certificates as authorities to trust.
    fn roots(&self) -> Result<RootCertStore, IdentityError> {
        let mut roots = RootCertStore::empty();
        for authority in self.certificates()? {
            roots.add(authority).map_err(|error| IdentityError::NotACertificate {
                path: self.source.clone(),
                reason: error.to_string(),
            })?;
        }
        Ok(roots)
    }

    fn private_key(&self) -> Result<PrivateKeyDer<'static>, IdentityError> {
        PrivateKeyDer::from_pem_slice(self.text.as_bytes()).map_err(|_| self.not_pem("PRIVATE KEY"))
    }

    fn not_pem(&self, section: &'static str) -> IdentityError {
        IdentityError::NotPem { path: self.source.clone(), section }
    }
}
