//! The authority of a fleet: makes itself, issues certificates, and is kept in two files.

use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData, SanType, SerialNumber, date_time_ymd,
};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::command::AuthorityCommand;
use super::facts::{ENROLLED, POOL, key_hash};
use super::request::CertificateRequest;
use super::revoked::RevokedFile;
use super::signer::{AuthorityKey, CommandKey};
use super::{Identity, IdentityError, Pem, Role, ValidUntil, files};
use crate::tls::{self, ANY_HOST, role_name};

/// A fleet's authority: whom it issues a certificate to belongs to the fleet.
pub struct Authority {
    issuer: Issuer<'static, AuthorityKey>,
    certificate_pem: String,
}

/// What a certificate says that is issued on request.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The agent's name.
    pub name: String,
    /// The pool that it is for; nothing for none in particular.
    pub pool: Option<String>,
    /// Its serial number: 16 random octets.
    pub serial: [u8; 16],
    /// When it is issued; it is valid from a day before.
    pub at: SystemTime,
    /// Until when it is valid.
    pub until: SystemTime,
}

impl Authority {
    /// A new authority, valid for ten years; ECDSA P-256, as everything that it issues.
    ///
    /// # Errors
    /// No key can be generated.
    pub fn generate(name: &str) -> Result<Self, IdentityError> {
        let key = KeyPair::generate().map_err(|error| IdentityError::not_made(&error))?;
        Self::begin(name, AuthorityKey::Here(Box::new(key)))
    }

    /// A new authority, whose key this program has.
    ///
    /// # Errors
    /// What the program says.
    pub fn generate_elsewhere(name: &str, command: AuthorityCommand) -> Result<Self, IdentityError> {
        let public = command.public_key().map_err(IdentityError::of_command)?;
        Self::begin(name, AuthorityKey::Elsewhere(elsewhere(command, &public)?))
    }

    fn begin(name: &str, key: AuthorityKey) -> Result<Self, IdentityError> {
        let now = SystemTime::now();
        let mut params = params(name, now - BACKDATED, now + AUTHORITY_VALID);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key);
        let certificate = certificate.map_err(|error| IdentityError::not_signed(&error, key.trouble()))?;
        Ok(Self { certificate_pem: certificate.pem(), issuer: Issuer::new(params, key) })
    }

    /// A certificate and key for one role, valid for a year. Agents accept a coordinator at those `hosts` only (names
    /// or IP addresses, as the agents dial them), or anywhere when `hosts` is empty. For an agent they are a note.
    ///
    /// # Errors
    /// [`IdentityError::Name`] for a host that is none.
    pub fn issue(&self, name: &str, role: Role, hosts: &[String]) -> Result<Identity, IdentityError> {
        self.issue_for(name, role, hosts, IDENTITY_VALID)
    }

    /// [`Authority::issue`] of one that is valid for so long from now.
    ///
    /// # Errors
    /// As [`Authority::issue`].
    pub fn issue_for(
        &self,
        name: &str,
        role: Role,
        hosts: &[String],
        valid: Duration,
    ) -> Result<Identity, IdentityError> {
        let now = SystemTime::now();
        self.issue_between(name, role, hosts, now - BACKDATED, now + valid)
    }

    /// Until when the authority itself is valid, and with it all that it has issued.
    pub fn valid_until(&self) -> Option<ValidUntil> {
        ValidUntil::of(&Pem { source: String::new(), text: self.certificate_pem.clone() })
    }

    /// Whether this folder holds the certificate of this authority.
    pub fn is_of(&self, folder: &Path) -> bool {
        files::read(&folder.join(files::AUTHORITY)).is_ok_and(|there| there.text == self.certificate_pem)
    }

    /// [`Authority::issue`] with other dates.
    ///
    /// # Errors
    /// As [`Authority::issue`].
    pub fn issue_between(
        &self,
        name: &str,
        role: Role,
        hosts: &[String],
        from: SystemTime,
        until: SystemTime,
    ) -> Result<Identity, IdentityError> {
        let mut names = vec![role_name(role)];
        if hosts.is_empty() {
            names.push(ANY_HOST);
        }
        names.extend(hosts.iter().map(String::as_str));
        let usage = match role {
            Role::Coordinator => ExtendedKeyUsagePurpose::ServerAuth,
            Role::Agent => ExtendedKeyUsagePurpose::ClientAuth,
        };
        let params = leaf(params(name, from, until), &names, usage)?;
        let key = KeyPair::generate().map_err(|error| IdentityError::not_made(&error))?;
        let certificate = self.sign(&params, &key)?;
        Ok(Identity::from_pem(role, &self.certificate_pem, &certificate, &key.serialize_pem()))
    }

    /// A certificate for an agent that has shown who it is, PEM.
    ///
    /// # Errors
    /// It cannot be signed.
    pub fn issue_to(&self, request: &CertificateRequest, grant: &Grant) -> Result<String, IdentityError> {
        let mut params = params(&grant.name, grant.at - BACKDATED, grant.until);
        let unit = grant.pool.as_ref().map_or_else(|| ENROLLED.to_owned(), |pool| format!("{POOL}{pool}"));
        params.distinguished_name.push(DnType::OrganizationalUnitName, unit);
        params.serial_number = Some(SerialNumber::from_slice(&grant.serial));
        let params = leaf(params, &[role_name(Role::Agent), ANY_HOST], ExtendedKeyUsagePurpose::ClientAuth)?;
        self.sign(&params, request.public())
    }

    /// A certificate and key, PEM, for a server of this DNS name, which is never resolved.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn issue_server(&self, name: &str, valid: Duration) -> Result<(String, String), IdentityError> {
        let now = SystemTime::now();
        let params =
            leaf(params(name, now - BACKDATED, now + valid), &[name], ExtendedKeyUsagePurpose::ServerAuth)?;
        let key = KeyPair::generate().map_err(|error| IdentityError::not_made(&error))?;
        Ok((self.sign(&params, &key)?, key.serialize_pem()))
    }

    fn sign(&self, params: &CertificateParams, key: &impl PublicKeyData) -> Result<String, IdentityError> {
        let certificate = params.signed_by(key, &self.issuer);
        let trouble = || self.issuer.key().trouble();
        certificate
            .map(|certificate| certificate.pem())
            .map_err(|error| IdentityError::not_signed(&error, trouble()))
    }

    /// SHA-256 of its public key: what agents pin it by.
    pub fn pin(&self) -> [u8; 32] {
        key_hash(&self.issuer.key().subject_public_key_info())
    }

    /// Loads `authority.pem` and `authority.key`, and checks that they belong together.
    ///
    /// # Errors
    /// Names the file, what is wrong, and what to do.
    pub fn load(folder: &Path) -> Result<Self, IdentityError> {
        let certificate = files::read(&folder.join(files::AUTHORITY))?;
        let key = files::read_key(&folder.join(files::AUTHORITY_KEY))?;
        certificate.certificates()?;
        key.private_key()?;
        let pair = KeyPair::from_pem(&key.text).map_err(|error| IdentityError::NotAKey {
            path: key.source.clone(),
            reason: error.to_string(),
        })?;
        Self::checked(certificate, AuthorityKey::Here(Box::new(pair)), key.source)
    }

    /// Loads `authority.pem` alone; this program has its key.
    ///
    /// # Errors
    /// Names the file or the program, what is wrong, and what to do.
    pub fn load_elsewhere(folder: &Path, command: AuthorityCommand) -> Result<Self, IdentityError> {
        let certificate = files::read(&folder.join(files::AUTHORITY))?;
        let der = certificate.certificates()?.swap_remove(0);
        let public = X509Certificate::from_der(&der).map(|(_, one)| one.public_key().raw.to_vec());
        let public = public.map_err(|error| IdentityError::NotACertificate {
            path: certificate.source.clone(),
            reason: error.to_string(),
        })?;
        let key = elsewhere(command, &public)?;
        Self::checked(certificate, AuthorityKey::Elsewhere(key), "--authority-command".to_owned())
    }

    fn checked(certificate: Pem, key: AuthorityKey, source: String) -> Result<Self, IdentityError> {
        let issuer = Issuer::from_ca_cert_pem(&certificate.text, key).map_err(|error| {
            IdentityError::NotACertificate { path: certificate.source.clone(), reason: error.to_string() }
        })?;
        let authority = Self { issuer, certificate_pem: certificate.text.clone() };
        // What the key signs has to verify with the certificate.
        match authority.issue("check", Role::Agent, &[])?.check() {
            Ok(()) => Ok(authority),
            Err(IdentityError::OtherAuthority { .. }) => {
                Err(IdentityError::NotItsKey { key: source, certificate: certificate.source })
            }
            Err(error) => {
                Err(IdentityError::NotACertificate { path: certificate.source, reason: error.to_string() })
            }
        }
    }

    /// Writes `authority.pem`, `authority.key` (mode 0600), and `authority.crl` with nothing in it.
    ///
    /// # Errors
    /// A file exists and `force` is false (then nothing was written), or one cannot be written.
    pub fn save(&self, folder: &Path, force: bool) -> Result<(), IdentityError> {
        let (certificate, key) = (folder.join(files::AUTHORITY), folder.join(files::AUTHORITY_KEY));
        if !force {
            files::refuse_existing([&certificate, &key])?;
        }
        files::write(&certificate, &self.certificate_pem)?;
        if let Some(pem) = self.issuer.key().pem() {
            files::write_key(&key, &pem)?;
        }
        RevokedFile::of(folder).begin(&self.issuer, SystemTime::now())
    }

    /// Enters certificates of these serial numbers in `authority.crl` of this folder, which the coordinator has to see. How many
    /// were not there yet.
    ///
    /// # Errors
    /// The list cannot be read, signed or written.
    pub fn revoke_serials(&self, folder: &Path, serials: &[Vec<u8>]) -> Result<usize, IdentityError> {
        let serials = serials.iter().map(|serial| SerialNumber::from_slice(serial)).collect();
        RevokedFile::of(folder).add(serials, &self.issuer, SystemTime::now())
    }

    /// Revokes the certificate in a file: enters it in `authority.crl` of this folder, which the coordinator has to see.
    /// False when it was revoked already.
    ///
    /// # Errors
    /// The certificate is of another authority, or one of the files cannot be read or written.
    pub fn revoke(&self, folder: &Path, certificate: &Path) -> Result<bool, IdentityError> {
        let pem = files::read(certificate)?;
        let judged = |role| self.judge(role, &pem);
        match judged(Role::Agent) {
            Err(IdentityError::WrongRole { .. }) => judged(Role::Coordinator),
            judged => judged,
        }
        // One that has expired comes to life again where a clock is wrong.
        .or_else(|error| match error {
            IdentityError::Expired { .. } | IdentityError::NotValidYet { .. } => Ok(()),
            error => Err(error),
        })?;
        let file = RevokedFile::of(folder);
        file.add(vec![super::revoked::serial_of(&pem)?], &self.issuer, SystemTime::now()).map(|new| new > 0)
    }

    fn judge(&self, role: Role, certificate: &Pem) -> Result<(), IdentityError> {
        let authority =
            Pem { source: "the authority's certificate".to_owned(), text: self.certificate_pem.clone() };
        tls::verify(role, authority.roots()?, Vec::new(), &certificate.certificates()?).map_err(|error| {
            IdentityError::from_certificate(error, role, &certificate.source, &authority.source, "")
        })
    }

    /// The authority's certificate as PEM.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }
}

fn elsewhere(command: AuthorityCommand, public: &[u8]) -> Result<CommandKey, IdentityError> {
    CommandKey::new(command, public).map_err(|error| IdentityError::not_made(&error))
}

/// What every certificate but the authority's says.
fn leaf(
    mut params: CertificateParams,
    names: &[&str],
    usage: ExtendedKeyUsagePurpose,
) -> Result<CertificateParams, IdentityError> {
    params.subject_alt_names = names.iter().map(|name| subject(name)).collect::<Result<_, _>>()?;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![usage];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn params(name: &str, from: SystemTime, until: SystemTime) -> CertificateParams {
    let epoch = date_time_ymd(1970, 1, 1);
    let since_epoch = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut params = CertificateParams::default();
    params.not_before = epoch + since_epoch(from);
    params.not_after = epoch + since_epoch(until);
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "Roamstorm fleet");
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn subject(host: &str) -> Result<SanType, IdentityError> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(SanType::IpAddress(address));
    }
    let wrong = |reason: String| IdentityError::Name { name: host.to_owned(), reason };
    // Stricter than the certificate's own syntax: what TLS would never match is refused here.
    rustls::pki_types::DnsName::try_from(host).map_err(|error| wrong(error.to_string()))?;
    Ok(SanType::DnsName(host.try_into().map_err(|error: rcgen::Error| wrong(error.to_string()))?))
}

/// A day: machines' clocks differ.
pub(super) const BACKDATED: Duration = Duration::from_secs(24 * 3600);
const IDENTITY_VALID: Duration = Duration::from_secs(365 * 24 * 3600);
pub(super) const AUTHORITY_VALID: Duration = Duration::from_secs(3650 * 24 * 3600);
