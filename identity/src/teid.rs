//! Tunnel endpoint identifiers that nobody outside can guess (TS 29.281 §5.1).

use std::fmt;

/// The key by which an endpoint draws its TEIDs: a permutation of all 32-bit numbers, so that two numbers never share a
/// TEID, and whoever has the key finds the number of a TEID again without a table.
///
/// It is a Feistel network of six rounds, each with SipHash-2-4 of the half and the round.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TeidKey([u64; 2]);

impl TeidKey {
    /// Of a secret. The secret cannot be found from it.
    pub fn of_secret(secret: &[u8; 32]) -> Self {
        let (words, _) = secret.as_chunks::<8>();
        let mut key = [u64::from_le_bytes(*b"teid-one"), u64::from_le_bytes(*b"teid-two")];
        for pair in words.as_chunks::<2>().0 {
            let under = pair.map(u64::from_le_bytes);
            key = key.map(|word| sip_hash(under, word));
        }
        Self(key)
    }

    /// Of a seed: who knows the seed knows the TEIDs.
    pub fn of_seed(seed: u64) -> Self {
        let mut secret = [0; 32];
        secret[..8].copy_from_slice(&seed.to_le_bytes());
        Self::of_secret(&secret)
    }

    /// The TEID of a number. For one number it is 0, which is no TEID: leave that number out.
    pub fn teid(self, number: u32) -> u32 {
        let (mut left, mut right) = halves(number);
        for round in 0..ROUNDS {
            (left, right) = (right, left ^ self.round(round, right));
        }
        joined(left, right)
    }

    /// The number of a TEID.
    pub fn number(self, teid: u32) -> u32 {
        let (mut left, mut right) = halves(teid);
        for round in (0..ROUNDS).rev() {
            (left, right) = (right ^ self.round(round, left), left);
        }
        joined(left, right)
    }

    fn round(self, round: u64, half: u16) -> u16 {
        let [a, b, ..] = sip_hash(self.0, round << 16 | u64::from(half)).to_le_bytes();
        u16::from_le_bytes([a, b])
    }
}

/// A key is no text to show.
impl fmt::Debug for TeidKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TeidKey(…)")
    }
}

fn halves(number: u32) -> (u16, u16) {
    let [a, b, c, d] = number.to_be_bytes();
    (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))
}

fn joined(left: u16, right: u16) -> u32 {
    u32::from(left) << 16 | u32::from(right)
}

/// SipHash-2-4 of one word (Aumasson and Bernstein 2012).
fn sip_hash(key: [u64; 2], word: u64) -> u64 {
    let mut v = [
        key[0] ^ 0x736f_6d65_7073_6575,
        key[1] ^ 0x646f_7261_6e64_6f6d,
        key[0] ^ 0x6c79_6765_6e65_7261,
        key[1] ^ 0x7465_6462_7974_6573,
    ];
    for block in [word, 8 << 56] {
        v[3] ^= block;
        (0..2).for_each(|_| sip_round(&mut v));
        v[0] ^= block;
    }
    v[2] ^= 0xff;
    (0..4).for_each(|_| sip_round(&mut v));
    v[0] ^ v[1] ^ v[2] ^ v[3]
}

fn sip_round(v: &mut [u64; 4]) {
    v[0] = v[0].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(13) ^ v[0];
    v[0] = v[0].rotate_left(32);
    v[2] = v[2].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(16) ^ v[2];
    v[0] = v[0].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(21) ^ v[0];
    v[2] = v[2].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(17) ^ v[2];
    v[2] = v[2].rotate_left(32);
}

const ROUNDS: u64 = 6;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_hash_is_that_of_its_authors() {
        // Of the 64-bit vectors of the reference implementation: key 00 to 0f, message 00 to 07.
        let word = |from: u8| u64::from_le_bytes(std::array::from_fn(|n| from + u8::try_from(n).unwrap()));
        let hash = sip_hash([word(0), word(8)], word(0));
        assert_eq!(hash.to_le_bytes(), [0x62, 0x24, 0x93, 0x9a, 0x79, 0xf5, 0xf5, 0x93]);
    }

    #[test]
    fn a_teid_leads_back_to_its_number_and_to_no_other() {
        let key = TeidKey::of_seed(4);
        let numbers = (0..100_000).chain((1 << 20)..(1 << 20) + 1_000).chain([u32::MAX]);
        let mut teids = BTreeSet::new();
        let mut count = 0;
        for number in numbers {
            let teid = key.teid(number);
            assert_eq!(key.number(teid), number);
            assert!(teids.insert(teid), "{teid:#x} twice");
            count += 1;
        }
        assert_eq!(teids.len(), count);
    }

    #[test]
    fn teids_are_neither_near_one_another_nor_those_of_another_key() {
        let (one, other) = (TeidKey::of_secret(&[7; 32]), TeidKey::of_secret(&[8; 32]));
        let near = (1..10_000).filter(|&n| one.teid(n).abs_diff(one.teid(n + 1)) < 1 << 16).count();
        assert!(near < 10, "{near} of 10,000 neighbours are near, where chance gives 0.3");
        let low = (1..10_000).filter(|&n| one.teid(n) < 1 << 24).count();
        assert!((10..80).contains(&low), "{low} of 10,000 are in the lowest 256th, where chance gives 39");
        assert!((1..1_000).all(|n| one.teid(n) != other.teid(n)));
    }
}
