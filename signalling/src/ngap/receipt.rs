//! What a target says of the container that it has admitted a UE by, so that the source knows that it is its own.
//!
//! ```text
//! source ── container ──► AMF ──► target
//! source ◄── receipt ◄─── AMF ◄── target        of another container: the AMF has mixed up two UEs
//! ```

use sha2::{Digest, Sha256};

/// Stands for one container: the first octets of its SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Receipt([u8; LENGTH]);

impl Receipt {
    pub(crate) fn of(container: &[u8]) -> Self {
        let digest: [u8; 32] = Sha256::digest(container).into();
        let mut receipt = [0; LENGTH];
        receipt.copy_from_slice(&digest[..LENGTH]);
        Self(receipt)
    }

    pub(crate) fn octets(&self) -> &[u8] {
        &self.0
    }
}

/// Enough that no two of a run's containers have the same.
const LENGTH: usize = 12;
