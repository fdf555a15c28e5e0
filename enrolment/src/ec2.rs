//! The identity document of an EC2 instance: a JSON text that AWS signs, which says which instance of which account it is and
//! when it was started.
//!
//! Whoever has seen a document can show it: it is no secret of its instance. So it is good for once, within a short time after
//! the start, and for the account that the fleet is of.

use std::path::Path;

use ring::signature::{RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, UnparsedPublicKey};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::Refusal;
use crate::base64url::decode_ordinary;

/// Which instances may enrol.
#[derive(Clone, Debug)]
pub struct Ec2Policy {
    /// The public keys that AWS signs with in the fleet's regions.
    keys: Vec<Vec<u8>>,
    /// Accounts, twelve digits each.
    accounts: Vec<String>,
    /// How long after its start an instance may enrol, seconds.
    most_age_s: u64,
    /// The pool that they are of; empty for none in particular.
    pub pool: String,
}

/// What a document says that was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// `i-…`.
    pub id: String,
    /// Its account.
    pub account: String,
    /// Its region.
    pub region: String,
}

impl Instance {
    /// Account and instance: what has enrolled once does not again.
    pub fn unique(&self) -> String {
        format!("{}/{}", self.account, self.id)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    account_id: String,
    instance_id: String,
    region: String,
    pending_time: String,
}

impl Ec2Policy {
    /// Instances of these accounts, in the regions whose RSA certificates are in this file, as AWS prints them (PEM).
    ///
    /// # Errors
    /// What is wrong, and what would be accepted.
    pub fn new(
        certificates: &Path,
        accounts: Vec<String>,
        most_age_s: u64,
        pool: String,
    ) -> Result<Self, String> {
        let shown = certificates.display();
        if !certificates.exists() {
            return Err(format!(
                "{shown}: there is no such file; the EC2 user guide prints the RSA certificates of the regions"
            ));
        }
        let text = edges::files::read(certificates).map_err(|error| format!("{shown}: {error}"))?;
        if let Some(wrong) = accounts.iter().find(|account| !is_account(account)) {
            return Err(format!("`{wrong}` is no AWS account: twelve digits are accepted"));
        }
        if accounts.is_empty() {
            return Err("no AWS account is named: anybody's instances could enrol; name yours".to_owned());
        }
        let mut keys = Vec::new();
        for certificate in CertificateDer::pem_slice_iter(&text) {
            let certificate = certificate.map_err(|error| format!("{shown}: not PEM: {error}"))?;
            let (_, certificate) = X509Certificate::from_der(&certificate)
                .map_err(|error| format!("{shown}: not a certificate: {error}"))?;
            if certificate.public_key().algorithm.algorithm.to_id_string() != RSA {
                return Err(format!(
                    "{shown}: holds a certificate that is not RSA: the RSA certificates of your regions are needed, which the EC2 user guide prints"
                ));
            }
            keys.push(certificate.public_key().subject_public_key.data.to_vec());
        }
        if keys.is_empty() {
            return Err(format!(
                "{shown}: no certificate in it; the RSA certificates of your regions are needed, in PEM"
            ));
        }
        Ok(Self { keys, accounts, most_age_s, pool })
    }

    /// Which instance it is.
    ///
    /// # Errors
    /// Why the document is not accepted.
    pub fn verify(&self, document: &str, signature: &str, now_s: u64) -> Result<Instance, Refusal> {
        let refused = |why: &str| Refusal::Ec2(why.to_owned());
        if document.len() > LONGEST_DOCUMENT || signature.len() > LONGEST_DOCUMENT {
            return Err(refused("it is too long"));
        }
        let signature = decode_ordinary(signature).ok_or_else(|| refused("its signature is not base64"))?;
        let verifies = |key: &Vec<u8>| {
            let key = UnparsedPublicKey::new(&RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, key);
            key.verify(document.as_bytes(), &signature).is_ok()
        };
        if !self.keys.iter().any(verifies) {
            return Err(refused(
                "none of the certificates that the authority was given has signed it: it was altered, or is of a region whose certificate is missing (--ec2-certs)",
            ));
        }
        let document: Document = serde_json::from_str(document)
            .map_err(|error| Refusal::Ec2(format!("it is not understood: {error}")))?;
        if !is_account(&document.account_id) || !is_instance(&document.instance_id) {
            return Err(refused("it names no account and instance"));
        }
        if !self.accounts.contains(&document.account_id) {
            let other = &document.account_id;
            return Err(Refusal::Ec2(format!(
                "it is of account {other}, which is none of the fleet's (--ec2-account)"
            )));
        }
        let started = OffsetDateTime::parse(&document.pending_time, &Rfc3339)
            .map_err(|_| refused("it does not say when the instance was started"))?;
        let age = i128::from(now_s) - i128::from(started.unix_timestamp());
        if age > i128::from(self.most_age_s) {
            return Err(Refusal::Ec2(format!(
                "the instance was started {age} s ago, and may enrol within {} s (--ec2-age); start another one, or use a token",
                self.most_age_s
            )));
        }
        if age < -FUTURE_S {
            return Err(Refusal::Ec2(format!(
                "the instance starts in {} s: the authority's clock is wrong",
                -age
            )));
        }
        let region = edges::text::line(&document.region, 40).into_owned();
        Ok(Instance { id: document.instance_id, account: document.account_id, region })
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.chars().all(|c| c.is_ascii_digit())
}

fn is_instance(text: &str) -> bool {
    let digits = text.strip_prefix("i-").unwrap_or_default();
    (8..=32).contains(&digits.len()) && digits.chars().all(|c| c.is_ascii_hexdigit())
}

/// rsaEncryption (RFC 8017 §A.1).
const RSA: &str = "1.2.840.113549.1.1.1";
/// Octets; documents have about 500.
const LONGEST_DOCUMENT: usize = 8 << 10;
/// Clocks of the instance's host and the authority may differ by so much, seconds.
const FUTURE_S: i128 = 300;
