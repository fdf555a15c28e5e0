//! What a certificate says: of whom it is, of which pool, and from when to when.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ring::digest::{SHA256, digest};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::authority::BACKDATED;

/// What a certificate says. Whether it may be believed is another question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFacts {
    /// The common name of its subject.
    pub name: String,
    /// It was issued by enrolment: its name is one agent's.
    pub is_enrolled: bool,
    /// The pool that it was issued for; nothing where it was issued for none in particular.
    pub pool: Option<String>,
    /// Its serial number, without leading zeros.
    pub serial: Vec<u8>,
    /// SHA-256 of its public key ([`key_hash`]).
    pub key: [u8; 32],
    /// From when it is valid.
    pub from: SystemTime,
    /// Until when it is valid.
    pub until: SystemTime,
}

impl CertificateFacts {
    /// Reads a certificate, DER. Nothing where it is none.
    pub fn of(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let subject = certificate.subject();
        let name = subject.iter_common_name().next()?.as_str().ok()?.to_owned();
        let unit = subject.iter_organizational_unit().next().and_then(|unit| unit.as_str().ok());
        let pool = unit.and_then(|unit| unit.strip_prefix(POOL)).map(str::to_owned);
        let time =
            |seconds: i64| u64::try_from(seconds).ok().map(|since| UNIX_EPOCH + Duration::from_secs(since));
        let raw = certificate.raw_serial();
        let first = raw.iter().position(|octet| *octet != 0).unwrap_or_default();
        Some(Self {
            name,
            is_enrolled: pool.is_some() || unit == Some(ENROLLED),
            pool,
            serial: raw.get(first..).unwrap_or_default().to_vec(),
            key: key_hash(certificate.public_key().raw),
            from: time(certificate.validity().not_before.timestamp())?,
            until: time(certificate.validity().not_after.timestamp())?,
        })
    }

    /// Reads the first certificate of a PEM text. Nothing where there is none.
    pub fn of_pem(text: &str) -> Option<Self> {
        Self::of(&CertificateDer::from_pem_slice(text.as_bytes()).ok()?)
    }

    /// When it was issued: certificates are valid from a day before.
    pub fn issued(&self) -> SystemTime {
        self.from + BACKDATED
    }
}

/// SHA-256 of a public key, SubjectPublicKeyInfo in DER: what an agent pins its authority by.
pub fn key_hash(public_key: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, public_key).as_ref());
    hash
}

/// What the unit of a subject begins with that names a pool.
pub(super) const POOL: &str = "pool ";
/// The unit of who enrolled for no pool in particular.
pub(super) const ENROLLED: &str = "enrolled";
