//! The key that an authority signs with: here, in its folder, or elsewhere, behind a program.

use rcgen::{KeyPair, PublicKeyData, SignatureAlgorithm, SigningKey};

use super::command::AuthorityCommand;

/// The authority's key.
pub(super) enum AuthorityKey {
    Here(Box<KeyPair>),
    Elsewhere(CommandKey),
}

/// A key that a program signs with.
pub(super) struct CommandKey {
    command: AuthorityCommand,
    public: rcgen::SubjectPublicKeyInfo,
}

impl CommandKey {
    /// `public`: the key's SubjectPublicKeyInfo (RFC 5280 §4.1), DER.
    pub(super) fn new(command: AuthorityCommand, public: &[u8]) -> Result<Self, rcgen::Error> {
        Ok(Self { command, public: rcgen::SubjectPublicKeyInfo::from_der(public)? })
    }
}

impl AuthorityKey {
    /// PEM of a key that is here.
    pub(super) fn pem(&self) -> Option<String> {
        match self {
            Self::Here(key) => Some(key.serialize_pem()),
            Self::Elsewhere(_) => None,
        }
    }

    /// What the program said that signs, when it failed last.
    pub(super) fn trouble(&self) -> Option<String> {
        match self {
            Self::Here(_) => None,
            Self::Elsewhere(key) => key.command.trouble(),
        }
    }
}

impl PublicKeyData for AuthorityKey {
    fn der_bytes(&self) -> &[u8] {
        match self {
            Self::Here(key) => key.der_bytes(),
            Self::Elsewhere(key) => key.public.der_bytes(),
        }
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        match self {
            Self::Here(key) => PublicKeyData::algorithm(&**key),
            Self::Elsewhere(key) => key.public.algorithm(),
        }
    }
}

impl SigningKey for AuthorityKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        match self {
            Self::Here(key) => key.sign(message),
            Self::Elsewhere(key) => key
                .command
                .sign(message, PublicKeyData::algorithm(self), self.der_bytes())
                .map_err(|_| rcgen::Error::RemoteKeyError),
        }
    }
}
