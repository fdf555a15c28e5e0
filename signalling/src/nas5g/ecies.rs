//! ECIES Profiles A and B: the scheme output of a concealed MSIN (TS 33.501 Annex C.3).
//!
//! The ephemeral private key is an argument, which the security crate draws from the operating system: with it a run
//! repeats from its seed, and the test data of Annex C.4 can be checked.

use aes::Aes128;
use aes::cipher::{BlockCipherEncrypt, KeyInit};
use hmac::{Hmac, Mac};
use p256::elliptic_curve::sec1::ToSec1Point;
use sha2::{Digest, Sha256};

/// Profile A, on Curve25519 (Annex C.3.4.1). `None` for a point of small order, which gives everyone the same secret.
pub(crate) fn profile_a(home: &[u8; 32], ephemeral: &[u8; 32], plain: &[u8]) -> Option<Vec<u8>> {
    use x25519_dalek::{PublicKey, StaticSecret};
    let secret = StaticSecret::from(*ephemeral);
    let shared = secret.diffie_hellman(&PublicKey::from(*home));
    let public = PublicKey::from(&secret);
    shared.was_contributory().then(|| scheme_output(shared.as_bytes(), public.as_bytes(), plain))?
}

/// Profile B, on secp256r1 with point compression (Annex C.3.4.2). `None` when a key is none of the curve.
pub(crate) fn profile_b(home: &[u8; 33], ephemeral: &[u8; 32], plain: &[u8]) -> Option<Vec<u8>> {
    let home = p256::PublicKey::from_sec1_bytes(home).ok()?;
    let secret = p256::SecretKey::from_slice(ephemeral).ok()?;
    let shared = p256::ecdh::diffie_hellman(secret.to_nonzero_scalar(), home.as_affine());
    let public = secret.public_key().to_sec1_point(true);
    scheme_output(shared.raw_secret_bytes().as_slice(), public.as_bytes(), plain)
}

/// The ephemeral public key, the ciphertext and the MAC tag (Annex C.3.2).
fn scheme_output(shared: &[u8], public: &[u8], plain: &[u8]) -> Option<Vec<u8>> {
    let keys = keying_data(shared, public);
    let (encryption_key, rest) = keys.split_first_chunk::<16>()?;
    let (counter_block, mac_key) = rest.split_first_chunk::<16>()?;
    let mut ciphertext = plain.to_vec();
    let cipher = Aes128::new(encryption_key.into());
    let mut counter = u128::from_be_bytes(*counter_block);
    for chunk in ciphertext.chunks_mut(16) {
        let mut block = counter.to_be_bytes().into();
        cipher.encrypt_block(&mut block);
        chunk.iter_mut().zip(block).for_each(|(octet, key)| *octet ^= key);
        counter = counter.wrapping_add(1);
    }
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(mac_key).ok()?;
    mac.update(&ciphertext);
    let tag = mac.finalize().into_bytes();
    Some([public, &ciphertext, tag.get(..MAC_OCTETS)?].concat())
}

/// The KDF of ANSI X9.63 with SHA-256, whose SharedInfo1 is the ephemeral public key (Annex C.3.4): 64 octets.
fn keying_data(shared: &[u8], public: &[u8]) -> Vec<u8> {
    (1..=2u32)
        .flat_map(|counter| {
            Sha256::new()
                .chain_update(shared)
                .chain_update(counter.to_be_bytes())
                .chain_update(public)
                .finalize()
        })
        .collect()
}

/// Octets of the MAC tag.
const MAC_OCTETS: usize = 8;

#[cfg(test)]
mod tests {
    use oracles::line_of_vector;

    use super::*;

    #[test]
    fn profile_a_gives_the_output_of_annex_c_4() {
        let vector = |name| line_of_vector(include_str!("../../testdata/suci/profile_a.hex"), name);
        let (home, ephemeral) = (vector("home-public"), vector("ephemeral-private"));
        let output =
            profile_a(&home.try_into().unwrap(), &ephemeral.try_into().unwrap(), &vector("plain")).unwrap();
        assert_eq!(hex::encode(output), hex::encode(vector("output")));
    }

    #[test]
    fn profile_b_gives_the_output_of_annex_c_4() {
        let vector = |name| line_of_vector(include_str!("../../testdata/suci/profile_b.hex"), name);
        let (home, ephemeral) = (vector("home-public"), vector("ephemeral-private"));
        let output =
            profile_b(&home.try_into().unwrap(), &ephemeral.try_into().unwrap(), &vector("plain")).unwrap();
        assert_eq!(hex::encode(output), hex::encode(vector("output")));
    }

    #[test]
    fn unusable_home_network_keys_are_refused() {
        assert_eq!(profile_a(&[0; 32], &[7; 32], &[1]), None);
        assert_eq!(profile_b(&[0; 33], &[7; 32], &[1]), None);
        assert_eq!(profile_b(&[2; 33], &[0; 32], &[1]), None);
    }
}
