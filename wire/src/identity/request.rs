//! A certificate request (PKCS #10, RFC 2986): the key of somebody who does not give it away.

use rcgen::{CertificateParams, CertificateSigningRequestParams, KeyPair, PublicKeyData};
use rustls::pki_types::CertificateSigningRequestDer;

use super::{IdentityError, facts::key_hash};

/// A new key of an agent, for which there is no certificate yet. Secret.
pub struct NewKey(KeyPair);

impl NewKey {
    /// ECDSA P-256.
    ///
    /// # Errors
    /// No key can be generated.
    pub fn generate() -> Result<Self, IdentityError> {
        KeyPair::generate().map(Self).map_err(|error| IdentityError::not_made(&error))
    }

    /// One that was kept, PEM.
    ///
    /// # Errors
    /// It is none.
    pub fn from_pem(path: &str, text: &str) -> Result<Self, IdentityError> {
        KeyPair::from_pem(text)
            .map(Self)
            .map_err(|error| IdentityError::NotAKey { path: path.to_owned(), reason: error.to_string() })
    }

    /// PKCS #8, PEM. Secret.
    pub fn to_pem(&self) -> String {
        self.0.serialize_pem()
    }

    /// SHA-256 of the public key.
    pub fn hash(&self) -> [u8; 32] {
        key_hash(&self.0.subject_public_key_info())
    }

    /// A request for a certificate of this key, DER. It says nothing else: what a certificate says is the authority's matter.
    ///
    /// # Errors
    /// It cannot be signed.
    pub fn request(&self) -> Result<Vec<u8>, IdentityError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        let request = params.serialize_request(&self.0);
        request.map(|request| request.der().to_vec()).map_err(|error| IdentityError::not_made(&error))
    }
}

/// What an authority takes from a request: a key, of which it is proven that who asks has it.
#[derive(Debug)]
pub struct CertificateRequest {
    public: rcgen::PublicKey,
}

impl CertificateRequest {
    /// Reads a request, DER. Its subject and the extensions that it asks for are not looked at.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub fn from_der(der: &[u8]) -> Result<Self, String> {
        let request = CertificateSigningRequestParams::from_der(&CertificateSigningRequestDer::from(der))
            .map_err(|error| format!("it is no certificate request that can be used: {error}"))?;
        let public = request.public_key;
        if *PublicKeyData::algorithm(&public) != rcgen::PKCS_ECDSA_P256_SHA256 {
            return Err("its key is of another kind than ECDSA P-256".to_owned());
        }
        Ok(Self { public })
    }

    /// SHA-256 of its key.
    pub fn key(&self) -> [u8; 32] {
        key_hash(&self.public.subject_public_key_info())
    }

    pub(super) fn public(&self) -> &rcgen::PublicKey {
        &self.public
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_proves_the_key_that_it_names_and_an_altered_one_is_refused() {
        let key = NewKey::generate().unwrap();
        let mut request = key.request().unwrap();
        assert_eq!(CertificateRequest::from_der(&request).unwrap().key(), key.hash());
        assert_eq!(NewKey::from_pem("kept", &key.to_pem()).unwrap().hash(), key.hash());
        // In the public key: the signature does not fit any more.
        let place = request.len() / 2;
        request[place] ^= 1;
        CertificateRequest::from_der(&request).unwrap_err();
        CertificateRequest::from_der(b"").unwrap_err();
    }
}
