//! Why an identity cannot be made, loaded or saved.

use std::io;

use rustls::{CertificateError, Error, InconsistentKeys};

use super::Role;

/// Why an identity cannot be made, loaded or saved. Each text names the file and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// A file is missing.
    #[error(
        "{path}: no such file; make a fleet's identities with `roamstorm certs`, or copy this one from there"
    )]
    Missing {
        /// Which file.
        path: String,
    },
    /// A file cannot be read.
    #[error("{path}: cannot be read: {source}")]
    Unreadable {
        /// Which file.
        path: String,
        /// Why not.
        source: io::Error,
    },
    /// A file holds something else than PEM.
    #[error("{path}: no PEM in it; a text with -----BEGIN {section}----- was expected")]
    NotPem {
        /// Which file.
        path: String,
        /// The section that was looked for.
        section: &'static str,
    },
    /// PEM, but no usable certificate.
    #[error("{path}: not a usable certificate: {reason}")]
    NotACertificate {
        /// Which file.
        path: String,
        /// What the TLS library said.
        reason: String,
    },
    /// PEM, but no usable key.
    #[error(
        "{path}: not a usable private key: {reason}; ECDSA P-256 or P-384, Ed25519 or RSA in PKCS #8 is accepted"
    )]
    NotAKey {
        /// Which file.
        path: String,
        /// What the TLS library said.
        reason: String,
    },
    /// The certificate is too old.
    #[error("{path}: expired {days} days ago; issue a new one with `roamstorm certs`")]
    Expired {
        /// Which file.
        path: String,
        /// Whole days since it expired.
        days: u64,
    },
    /// The certificate is too new.
    #[error("{path}: not valid yet; check this machine's clock")]
    NotValidYet {
        /// Which file.
        path: String,
    },
    /// The certificate is from elsewhere.
    #[error("{path}: not issued by the authority in {authority}; use the two files that were made together")]
    OtherAuthority {
        /// Which file.
        path: String,
        /// The authority's file.
        authority: String,
    },
    /// The certificate was revoked.
    #[error("{path}: revoked by its authority; issue a new one with `roamstorm certs DIR issue NAME`")]
    Revoked {
        /// Which file.
        path: String,
    },
    /// The list of revoked certificates is none, or another authority's.
    #[error(
        "{path}: not a list of revoked certificates of this authority: {reason}; make one with `roamstorm certs DIR \
         revoke NAME`, or remove the file"
    )]
    NotRevocations {
        /// Which file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The certificate is for the other role.
    #[error("{path}: not a certificate for {}; a certificate is good for one role only", a(*.role))]
    WrongRole {
        /// Which file.
        path: String,
        /// The role that was wanted.
        role: Role,
    },
    /// Key and certificate are not a pair.
    #[error("{key}: not the key of {certificate}; use the two files that were made together")]
    NotItsKey {
        /// The key's file.
        key: String,
        /// The certificate's file.
        certificate: String,
    },
    /// A file would be overwritten.
    #[error("{path}: exists already, and is not overwritten without --force")]
    Exists {
        /// Which file.
        path: String,
    },
    /// A file cannot be written.
    #[error("{path}: cannot be written: {source}")]
    Unwritable {
        /// Which file.
        path: String,
        /// Why not.
        source: io::Error,
    },
    /// A name cannot stand in a certificate.
    #[error("`{name}` cannot stand in a certificate: {reason}; a host name or an IP address is accepted")]
    Name {
        /// Which name.
        name: String,
        /// Why not.
        reason: String,
    },
    /// Key or certificate cannot be generated.
    #[error("cannot make a certificate: {reason}")]
    NotMade {
        /// What the library said.
        reason: String,
    },
    /// The program that signs for the authority does not.
    #[error("{reason}; see docs/security.md for what such a program has to do")]
    Command {
        /// Which program, and what is wrong.
        reason: String,
    },
    /// The TLS library does not take the identity.
    #[error("this identity is not usable: {reason}")]
    NotUsable {
        /// What the library said.
        reason: String,
    },
}

impl IdentityError {
    pub(crate) fn not_usable(error: impl std::fmt::Display) -> Self {
        Self::NotUsable { reason: error.to_string() }
    }

    pub(super) fn not_made(error: &rcgen::Error) -> Self {
        Self::NotMade { reason: error.to_string() }
    }

    pub(super) fn of_command(reason: String) -> Self {
        Self::Command { reason }
    }

    /// A signature could not be had; `trouble`: what the program said that signs.
    pub(super) fn not_signed(error: &rcgen::Error, trouble: Option<String>) -> Self {
        match (error, trouble) {
            (rcgen::Error::RemoteKeyError, Some(reason)) => Self::Command { reason },
            _ => Self::not_made(error),
        }
    }

    /// Says what is wrong with a key.
    pub(super) fn from_key(error: Error, key: &str, certificate: &str) -> Self {
        match error {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                Self::NotItsKey { key: key.to_owned(), certificate: certificate.to_owned() }
            }
            Error::InvalidCertificate(_) => {
                Self::NotACertificate { path: certificate.to_owned(), reason: error.to_string() }
            }
            _ => Self::NotAKey { path: key.to_owned(), reason: error.to_string() },
        }
    }

    /// Says what is wrong with a certificate.
    pub(super) fn from_certificate(
        error: Error,
        role: Role,
        certificate: &str,
        authority: &str,
        revoked: &str,
    ) -> Self {
        let path = certificate.to_owned();
        if let Error::InvalidCertRevocationList(fault) = error {
            return Self::NotRevocations { path: revoked.to_owned(), reason: format!("{fault:?}") };
        }
        let Error::InvalidCertificate(fault) = error else {
            return Self::NotACertificate { path, reason: error.to_string() };
        };
        match fault {
            CertificateError::ExpiredContext { time, not_after } => Self::Expired {
                path,
                days: time.as_secs().saturating_sub(not_after.as_secs()) / SECONDS_OF_A_DAY,
            },
            CertificateError::Expired => Self::Expired { path, days: 0 },
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                Self::NotValidYet { path }
            }
            CertificateError::Revoked => Self::Revoked { path },
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                Self::OtherAuthority { path, authority: authority.to_owned() }
            }
            CertificateError::InvalidPurpose
            | CertificateError::InvalidPurposeContext { .. }
            | CertificateError::NotValidForName
            | CertificateError::NotValidForNameContext { .. } => Self::WrongRole { path, role },
            other => Self::NotACertificate { path, reason: other.to_string() },
        }
    }
}

fn a(role: Role) -> &'static str {
    match role {
        Role::Coordinator => "a coordinator",
        Role::Agent => "an agent",
    }
}

const SECONDS_OF_A_DAY: u64 = 24 * 3600;
