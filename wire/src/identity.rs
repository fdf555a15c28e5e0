//! Who may speak.

use std::path::Path;

/// What a certificate may be used as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The coordinator.
    Coordinator,
    /// An agent.
    Agent,
}

/// Why an identity cannot be made, loaded or saved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// The certificate cannot be made.
    #[error("{0}")]
    NotMade(String),
}

/// A fleet's authority: who it issues a certificate to belongs to the fleet.
pub struct Authority {}

impl Authority {
    /// A new authority.
    ///
    /// # Errors
    /// The name cannot stand in a certificate.
    pub fn generate(_name: &str) -> Result<Self, IdentityError> {
        todo!()
    }

    /// A certificate and key for one role. Agents accept a coordinator only at one of `hosts` (names or IP addresses
    /// as the agents dial them), or anywhere when `hosts` is empty.
    ///
    /// # Errors
    /// A name cannot stand in a certificate.
    pub fn issue(&self, _name: &str, _role: Role, _hosts: &[String]) -> Result<Identity, IdentityError> {
        todo!()
    }

    /// Loads `authority.pem` and `authority.key`.
    ///
    /// # Errors
    /// Names the file, what is wrong, and what to do.
    pub fn load(_folder: &Path) -> Result<Self, IdentityError> {
        todo!()
    }

    /// Writes `authority.pem` and `authority.key` (mode 0600).
    ///
    /// # Errors
    /// A file exists and `force` is false, or cannot be written.
    pub fn save(&self, _folder: &Path, _force: bool) -> Result<(), IdentityError> {
        todo!()
    }
}

/// One end's certificate, key, and the authority that it trusts.
#[derive(Clone, Debug)]
pub struct Identity {}

impl Identity {
    /// Loads `coordinator.pem`/`.key` or `agent.pem`/`.key` with `authority.pem`, and checks them.
    ///
    /// # Errors
    /// Names the file, what is wrong, and what to do.
    pub fn load(_folder: &Path, _role: Role) -> Result<Self, IdentityError> {
        todo!()
    }

    /// Writes what [`Identity::load`] loads; the key has mode 0600.
    ///
    /// # Errors
    /// A file exists and `force` is false, or cannot be written.
    pub fn save(&self, _folder: &Path, _force: bool) -> Result<(), IdentityError> {
        todo!()
    }
}
