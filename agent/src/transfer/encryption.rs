//! What a UE takes along to another agent, sealed with the key of the run: whoever carries it can neither read nor change
//! it, and what was sealed in another run does not open.
//!
//! ChaCha20-Poly1305 (RFC 8439) with the run's name, and what is sealed, as additional data. A nonce is the shard, the epoch of its lease and
//! a counter: one holder of a lease never uses a number twice, and no two leases have the same shard and epoch. So the nonce names
//! what was sealed, and a receiver remembers by it what it has taken ([`EncryptedId`]).

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

/// Seals and opens with the key of one run, for one lease.
pub struct Encryption {
    key: LessSafeKey,
    run: Vec<u8>,
    shard: u32,
    epoch: u64,
    sealed: u32,
}

/// Names what was sealed in a run: no two have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub(crate) struct EncryptedId([u8; NONCE_LEN]);

impl EncryptedId {
    /// Of something sealed.
    pub(crate) fn of(sealed: &[u8]) -> Option<Self> {
        sealed.first_chunk().copied().map(Self)
    }
}

/// What is sealed: one does not open as another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encrypted {
    /// A UE in the container of a handover.
    UeContextTransfer,
    /// A part of a shard that goes to another agent.
    Ues,
}

/// Why something does not open. `Display` is short and stable: it is counted by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EncryptionError {
    /// Shorter than a nonce and a tag.
    #[error("handover-container-short")]
    Short,
    /// Sealed with another key or in another run, or changed on its way.
    #[error("handover-container-not-ours")]
    NotOurs,
    /// It opens, but it is not what we seal.
    #[error("handover-container-unreadable")]
    Unreadable,
    /// The lease has sealed as many as there are nonces.
    #[error("handover-container-used-up")]
    UsedUp,
}

impl Encryption {
    /// With this key, in a run and for a lease.
    pub fn new(key: &[u8; 32], run: &str, shard: u32, epoch: u64) -> Self {
        let Ok(key) = UnboundKey::new(&CHACHA20_POLY1305, key) else {
            unreachable!("a key of ChaCha20-Poly1305 has 32 octets")
        };
        Self { key: LessSafeKey::new(key), run: run.as_bytes().to_vec(), shard, epoch, sealed: 0 }
    }

    /// The nonce, and the sealed value with its tag.
    pub(crate) fn seal<T: serde::Serialize>(
        &mut self,
        what: Encrypted,
        value: &T,
    ) -> Result<Vec<u8>, EncryptionError> {
        let mut octets = postcard::to_stdvec(value).map_err(|_| EncryptionError::Unreadable)?;
        let nonce = self.next_nonce()?;
        let aad = self.additional_data(what);
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad), &mut octets)
            .map_err(|_| EncryptionError::Unreadable)?;
        Ok([&nonce[..], &octets].concat())
    }

    /// The value that was sealed.
    pub(crate) fn open<T: serde::de::DeserializeOwned>(
        &self,
        what: Encrypted,
        sealed: &[u8],
    ) -> Result<T, EncryptionError> {
        let (nonce, octets) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(EncryptionError::Short)?;
        let mut octets = octets.to_vec();
        let plain = self
            .key
            .open_in_place(
                Nonce::assume_unique_for_key(*nonce),
                Aad::from(self.additional_data(what)),
                &mut octets,
            )
            .map_err(|_| EncryptionError::NotOurs)?;
        postcard::from_bytes(plain).map_err(|_| EncryptionError::Unreadable)
    }

    fn additional_data(&self, what: Encrypted) -> Vec<u8> {
        let what: &[u8] = match what {
            Encrypted::UeContextTransfer => b"",
            // No run's name has an octet 0.
            Encrypted::Ues => b"\0ues",
        };
        [&self.run, what].concat()
    }

    fn next_nonce(&mut self) -> Result<[u8; NONCE_LEN], EncryptionError> {
        let counter = self.sealed;
        self.sealed = counter.checked_add(1).ok_or(EncryptionError::UsedUp)?;
        let mut nonce = [0; NONCE_LEN];
        nonce[..4].copy_from_slice(&self.shard.to_be_bytes());
        // An epoch grows with each lease of the shard, of which a run has far fewer than 2³².
        nonce[4..8].copy_from_slice(&self.epoch.to_be_bytes()[4..]);
        nonce[8..].copy_from_slice(&counter.to_be_bytes());
        Ok(nonce)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const P: Encrypted = Encrypted::UeContextTransfer;

    #[test]
    fn what_was_sealed_opens_in_another_shard_of_the_run() {
        let sealed = Encryption::new(&[7; 32], "run-a", 0, 1).seal(P, &("ue", 5u32)).unwrap();
        let opened: (String, u32) = Encryption::new(&[7; 32], "run-a", 3, 9).open(P, &sealed).unwrap();
        assert_eq!(opened, ("ue".to_owned(), 5));
        assert!(!sealed.windows(2).any(|pair| pair == b"ue"), "it can be read from outside");
    }

    #[test]
    fn another_key_another_run_and_any_change_are_refused() {
        let mut encryption = Encryption::new(&[7; 32], "run-a", 0, 1);
        let sealed = encryption.seal(P, &5u64).unwrap();
        assert_eq!(
            Encryption::new(&[8; 32], "run-a", 0, 1).open::<u64>(P, &sealed),
            Err(EncryptionError::NotOurs)
        );
        assert_eq!(
            Encryption::new(&[7; 32], "run-b", 0, 1).open::<u64>(P, &sealed),
            Err(EncryptionError::NotOurs)
        );
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(encryption.open::<u64>(P, &changed), Err(EncryptionError::NotOurs), "octet {at}");
        }
        assert_eq!(encryption.open::<u64>(Encrypted::Ues, &sealed), Err(EncryptionError::NotOurs));
        assert_eq!(encryption.open::<u64>(P, &sealed[..11]), Err(EncryptionError::Short));
        assert_eq!(encryption.open::<[u64; 9]>(P, &sealed), Err(EncryptionError::Unreadable));
    }

    #[test]
    fn no_nonce_comes_twice_among_shards_epochs_and_counters() {
        let mut nonces = std::collections::BTreeSet::new();
        for (shard, epoch) in [(0, 1), (1, 0), (0, 256), (256, 1)] {
            let mut encryption = Encryption::new(&[7; 32], "run-a", shard, epoch);
            for _ in 0..300 {
                assert!(nonces.insert(encryption.seal(P, &0u8).unwrap()[..NONCE_LEN].to_vec()));
            }
        }
    }
}
