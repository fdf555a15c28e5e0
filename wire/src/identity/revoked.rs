//! Which certificates of a fleet's authority are no longer good: `authority.crl`, a list that the authority signs
//! (RFC 5280 §5). The coordinator reads it again whenever it changes.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    CertificateRevocationListParams, Issuer, KeyIdMethod, RevokedCertParams, SerialNumber, date_time_ymd,
};
use rustls::pki_types::CertificateRevocationListDer;
use rustls::pki_types::pem::PemObject;
use x509_parser::prelude::{CertificateRevocationList, FromDer, X509Certificate};

use super::authority::{AUTHORITY_VALID, BACKDATED};
use super::signer::AuthorityKey;
use super::{IdentityError, Pem, files};
use crate::tls::RevocationList;

/// The file of the list. It is there from the beginning, with nothing in it; where it is missing nothing is revoked, which is said.
#[derive(Clone, Debug)]
pub(crate) struct RevokedFile {
    path: PathBuf,
}

/// Tells one state of the file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    changed: Option<SystemTime>,
    octets: u64,
}

impl RevokedFile {
    pub(crate) fn of(folder: &Path) -> Self {
        Self { path: folder.join(files::REVOKED) }
    }

    pub(crate) fn source(&self) -> String {
        self.path.display().to_string()
    }

    /// `None` when there is no such file.
    pub(crate) fn stamp(&self) -> Option<Stamp> {
        let metadata = fs::metadata(&self.path).ok()?;
        Some(Stamp { changed: metadata.modified().ok(), octets: metadata.len() })
    }

    /// The lists in it, none when there is no such file.
    pub(crate) fn read(&self) -> Result<Vec<RevocationList>, IdentityError> {
        let pem = match files::read(&self.path) {
            Ok(pem) => pem,
            Err(IdentityError::Missing { .. }) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        lists(&pem)
    }

    /// Adds certificates to the list; how many were not there already.
    pub(super) fn add(
        &self,
        serials: Vec<SerialNumber>,
        issuer: &Issuer<'static, AuthorityKey>,
        now: SystemTime,
    ) -> Result<usize, IdentityError> {
        let source = Pem { source: self.source(), text: String::new() };
        let (mut number, mut revoked) = (0, Vec::new());
        for list in self.read()? {
            let (of_list, mut those) = entries(&list, &source)?;
            number = number.max(of_list);
            revoked.append(&mut those);
        }
        let known: BTreeSet<Vec<u8>> = revoked.iter().map(|one| one.serial_number.to_bytes()).collect();
        let before = revoked.len();
        let new = serials.into_iter().filter(|serial| !known.contains(&serial.to_bytes()));
        revoked.extend(new.map(|serial_number| RevokedCertParams {
            serial_number,
            revocation_time: date_time_ymd(1970, 1, 1) + since_1970(now),
            reason_code: None,
            invalidity_date: None,
        }));
        let new = revoked.len() - before;
        if new > 0 {
            self.write(number + 1, revoked, issuer, now)?;
        }
        Ok(new)
    }

    /// Begins the list of a new authority: nothing is revoked.
    pub(super) fn begin(
        &self,
        issuer: &Issuer<'static, AuthorityKey>,
        now: SystemTime,
    ) -> Result<(), IdentityError> {
        self.write(1, Vec::new(), issuer, now)
    }

    fn write(
        &self,
        number: u64,
        revoked: Vec<RevokedCertParams>,
        issuer: &Issuer<'static, AuthorityKey>,
        now: SystemTime,
    ) -> Result<(), IdentityError> {
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(1970, 1, 1) + since_1970(now - BACKDATED),
            next_update: date_time_ymd(1970, 1, 1) + since_1970(now + AUTHORITY_VALID),
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: revoked,
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = list.signed_by(issuer).and_then(|list| list.pem());
        let list = list.map_err(|error| IdentityError::not_signed(&error, issuer.key().trouble()))?;
        files::replace(&self.path, &list)
    }
}

/// The lists of a file, each of which can be read to its end.
pub(super) fn lists(pem: &Pem) -> Result<Vec<RevocationList>, IdentityError> {
    let lists: Result<Vec<_>, _> =
        CertificateRevocationListDer::pem_slice_iter(pem.text.as_bytes()).collect();
    let lists = lists.ok().filter(|lists| !lists.is_empty()).ok_or_else(|| pem.not_pem("X509 CRL"))?;
    lists.iter().try_for_each(|list| entries(list, pem).map(|_| ()))?;
    Ok(lists)
}

fn since_1970(time: SystemTime) -> Duration {
    time.duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// A list's number and what it names.
fn entries(list: &RevocationList, source: &Pem) -> Result<(u64, Vec<RevokedCertParams>), IdentityError> {
    let (_, list) = CertificateRevocationList::from_der(list).map_err(|error| {
        IdentityError::NotRevocations { path: source.source.clone(), reason: error.to_string() }
    })?;
    let number = list.crl_number().and_then(|number| u64::try_from(number).ok()).unwrap_or_default();
    let revoked = list.iter_revoked_certificates().map(|one| RevokedCertParams {
        serial_number: number_of(one.raw_serial()),
        revocation_time: one.revocation_date.to_datetime(),
        reason_code: None,
        invalidity_date: None,
    });
    Ok((number, revoked.collect()))
}

/// The serial number of the first certificate of a text.
pub(super) fn serial_of(source: &Pem) -> Result<SerialNumber, IdentityError> {
    let der = source.certificates()?.swap_remove(0);
    match X509Certificate::from_der(&der) {
        Ok((_, certificate)) => Ok(number_of(certificate.raw_serial())),
        Err(error) => {
            Err(IdentityError::NotACertificate { path: source.source.clone(), reason: error.to_string() })
        }
    }
}

/// Without the zero octet that keeps a number positive in DER.
fn number_of(raw: &[u8]) -> SerialNumber {
    let first = raw.iter().position(|octet| *octet != 0).unwrap_or_default();
    SerialNumber::from_slice(raw.get(first..).unwrap_or_default())
}
