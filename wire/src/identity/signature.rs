//! What a member of a fleet signs for those who read it later, without a connection: a manifest of artifacts.
//!
//! ECDSA P-256 with SHA-256 in ASN.1, or Ed25519: by the key of a certificate, so that who trusts the authority knows who signed.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ring::digest;
use ring::signature::{ECDSA_P256_SHA256_ASN1, ED25519, UnparsedPublicKey, VerificationAlgorithm};
use rustls::SignatureScheme;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::UnixTime;
use serde::{Deserialize, Serialize};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{Credentials, Identity, IdentityError, Pem, RevokedFile, files};
use crate::tls;

/// A signature and whose it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// `ecdsa-p256-sha256` or `ed25519`.
    pub algorithm: String,
    /// The signature, hexadecimal.
    pub signature: String,
    /// The signer's certificate as PEM, its issuers after it.
    pub certificate: String,
}

/// Why a signature proves nothing.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// It is of another message, or by another key.
    #[error("the signature is not of this text: one of the two was changed")]
    NotOfThis,
    /// It cannot be read.
    #[error("the signature cannot be read: {0}")]
    Unreadable(&'static str),
}

impl Signature {
    /// Signs a message as this identity, which is checked first.
    ///
    /// # Errors
    /// The certificate is not valid now, or its key cannot sign.
    pub fn by(identity: &Identity, message: &[u8]) -> Result<Self, IdentityError> {
        identity.check()?;
        let Credentials { key, .. } = identity.credentials()?;
        let key = any_supported_type(&key).map_err(IdentityError::not_usable)?;
        let schemes = ALGORITHMS.map(|(scheme, ..)| scheme);
        let signer = key.choose_scheme(&schemes).ok_or_else(|| {
            IdentityError::not_usable("its key cannot sign this; ECDSA P-256 and Ed25519 can")
        })?;
        let name = ALGORITHMS.iter().find(|row| row.0 == signer.scheme()).map_or("", |row| row.1);
        let octets = signer.sign(message).map_err(IdentityError::not_usable)?;
        Ok(Self {
            algorithm: name.to_owned(),
            signature: hex::encode(&octets),
            certificate: identity.certificate_pem().to_owned(),
        })
    }

    /// Whether the key of its certificate signed this message; who that is says [`Self::is_trusted`].
    ///
    /// # Errors
    /// It did not, or something cannot be read.
    pub fn is_of(&self, message: &[u8]) -> Result<(), SignatureError> {
        let octets =
            hex::decode(&self.signature).map_err(|_| SignatureError::Unreadable("it is not hexadecimal"))?;
        let (_, _, algorithm) = ALGORITHMS
            .into_iter()
            .find(|row| row.1 == self.algorithm)
            .ok_or(SignatureError::Unreadable("its algorithm is neither ecdsa-p256-sha256 nor ed25519"))?;
        let no_certificate = SignatureError::Unreadable("it has no certificate");
        let chain = self.pem().certificates().map_err(|_| no_certificate)?;
        let first = chain.first().ok_or(SignatureError::Unreadable("it has no certificate"))?;
        let (_, certificate) = X509Certificate::from_der(first)
            .map_err(|_| SignatureError::Unreadable("its certificate is none"))?;
        let key = &certificate.public_key().subject_public_key.data;
        let verified = UnparsedPublicKey::new(algorithm, key).verify(message, &octets);
        verified.map_err(|_| SignatureError::NotOfThis)
    }

    /// Whether its certificate is a coordinator's of the authority in this file, and was valid at that time; a list of revoked
    /// certificates beside the file is read, too.
    ///
    /// # Errors
    /// It is not, or a file cannot be read.
    pub fn is_trusted(&self, authority: &Path, at: SystemTime) -> Result<(), IdentityError> {
        let roots = files::read(authority)?.roots()?;
        let beside = RevokedFile::of(authority.parent().unwrap_or_else(|| Path::new(".")));
        let chain = self.pem().certificates()?;
        let since = at.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let judged =
            tls::verify_coordinator_at(roots, beside.read()?, &chain, UnixTime::since_unix_epoch(since));
        judged.map_err(|error| {
            let authority = authority.display().to_string();
            IdentityError::from_certificate(
                error,
                super::Role::Coordinator,
                SIGNER,
                &authority,
                &beside.source(),
            )
        })
    }

    /// The SHA-256 of its certificate, hexadecimal; nothing where there is none.
    pub fn fingerprint(&self) -> Option<String> {
        let chain = self.pem().certificates().ok()?;
        Some(hex::encode(digest::digest(&digest::SHA256, chain.first()?).as_ref()))
    }

    fn pem(&self) -> Pem {
        Pem { source: SIGNER.to_owned(), text: self.certificate.clone() }
    }
}

/// What is said of its certificate in errors.
const SIGNER: &str = "the signer's certificate";

type Row = (SignatureScheme, &'static str, &'static dyn VerificationAlgorithm);
const ALGORITHMS: [Row; 2] = [
    (SignatureScheme::ECDSA_NISTP256_SHA256, "ecdsa-p256-sha256", &ECDSA_P256_SHA256_ASN1),
    (SignatureScheme::ED25519, "ed25519", &ED25519),
];

#[cfg(test)]
mod tests {
    use super::super::{Authority, Role};
    use super::*;

    #[test]
    fn a_signature_is_of_one_message_by_a_coordinator_of_one_authority() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("authority.pem");
        let authority = Authority::generate("test").unwrap();
        let coordinator =
            authority.issue("coordinator", Role::Coordinator, &["localhost".to_owned()]).unwrap();
        let agent = authority.issue("agent", Role::Agent, &[]).unwrap();
        std::fs::write(&file, coordinator.authority_pem()).unwrap();
        let now = SystemTime::now();

        let signed = Signature::by(&coordinator, b"message").unwrap();
        assert_eq!(signed.algorithm, "ecdsa-p256-sha256");
        signed.is_of(b"message").unwrap();
        signed.is_trusted(&file, now).unwrap();
        assert_eq!(signed.is_of(b"massage"), Err(SignatureError::NotOfThis));
        for wrong in ["", "0", "zz", "é0", &signed.signature[2..]] {
            let wrong = Signature { signature: wrong.to_owned(), ..signed.clone() };
            assert!(wrong.is_of(b"message").is_err(), "{wrong:?}");
        }
        let other = Signature { algorithm: "rsa".to_owned(), ..signed.clone() };
        assert!(other.is_of(b"message").unwrap_err().to_string().contains("ed25519"));

        let by_agent = Signature::by(&agent, b"message").unwrap();
        by_agent.is_of(b"message").unwrap();
        let error = by_agent.is_trusted(&file, now).unwrap_err().to_string();
        assert!(error.contains("not a certificate for a coordinator"), "{error}");
        let swapped = Signature { certificate: by_agent.certificate, ..signed.clone() };
        assert_eq!(swapped.is_of(b"message"), Err(SignatureError::NotOfThis));

        let years = Duration::from_secs(20 * 365 * 24 * 3600);
        assert!(signed.is_trusted(&file, now + years).unwrap_err().to_string().contains("expired"));
        let stranger = Authority::generate("stranger").unwrap();
        let stranger = stranger.issue("coordinator", Role::Coordinator, &["localhost".to_owned()]).unwrap();
        let signed = Signature::by(&stranger, b"message").unwrap();
        let error = signed.is_trusted(&file, now).unwrap_err().to_string();
        assert!(error.contains("not issued by the authority"), "{error}");
    }
}
