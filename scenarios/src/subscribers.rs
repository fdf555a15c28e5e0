//! The subscribers: ranges of IMSIs with their keys, each subscriber computed when asked for.

use std::fmt;

use identity::{Imsi, Key128, Plmn};
use oxirush_security::milenage::{K, Op, Opc};

use crate::HomeAnswer;

/// A range of consecutive IMSIs with one home network and one source of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriberGroup {
    /// The home network; the IMSIs begin with its digits.
    pub plmn: Plmn,
    /// The first IMSI; the others follow without a gap.
    pub first_imsi: Imsi,
    /// How many, at least 1.
    pub count: u64,
    /// Where K comes from.
    pub k: KeySource,
    /// What the operator has made MILENAGE its own with.
    pub operator: OperatorKey,
    /// The authentication management field (TS 33.102 §6.3); bit 0 of octet 0 set for 5G (TS 33.501 annex A.1).
    pub amf: [u8; 2],
    /// How the IMSI is concealed.
    pub suci: SuciScheme,
    /// What the simulator's home network says of them; `None`: they are served.
    pub refused: Option<HomeAnswer>,
}

impl SubscriberGroup {
    /// The last IMSI of the range.
    pub fn last_imsi(&self) -> Option<Imsi> {
        self.first_imsi.plus(self.count.checked_sub(1)?)
    }

    /// The place of an IMSI in the range.
    pub(crate) fn offset_of(&self, imsi: Imsi) -> Option<u64> {
        imsi.offset_from(self.first_imsi).filter(|offset| *offset < self.count)
    }

    pub(crate) fn subscriber(&self, offset: u64, index: u64, group: usize) -> Option<Subscriber> {
        let imsi = self.first_imsi.plus(offset)?;
        let k = self.k.of(imsi);
        let (opc, op) = (self.operator.opc(&k), self.operator.op());
        Some(Subscriber { index, group, imsi, plmn: self.plmn, k, opc, op, amf: self.amf })
    }
}

/// The operator's variant of MILENAGE (TS 35.205 §8.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperatorKey {
    /// OPc, the same for all.
    Opc(Key128),
    /// OP, the same for all: the OPc of each subscriber follows from it and from K.
    Op(Key128),
}

impl OperatorKey {
    /// OPc of the subscriber with this K: OPc = AES_K(OP) ⊕ OP (TS 35.206 §2.3).
    pub fn opc(&self, k: &Key128) -> Key128 {
        match self {
            Self::Opc(opc) => *opc,
            Self::Op(op) => opc_of(op, k),
        }
    }

    /// OP, where it is known.
    pub fn op(&self) -> Option<Key128> {
        match self {
            Self::Opc(_) => None,
            Self::Op(op) => Some(*op),
        }
    }
}

/// OPc of OP and K.
pub fn opc_of(op: &Key128, k: &Key128) -> Key128 {
    Key128(*Opc::from_op(&K::new(&k.0), &Op::new(&op.0)).as_octets())
}

/// Where a subscriber's K comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// All have this K.
    Shared(Key128),
    /// Each has a K of its own: AES-128 under this master key of the IMSI, right-aligned as BCD in 16 octets of zeros.
    Derived(Key128),
}

impl KeySource {
    /// K of the subscriber with this IMSI.
    pub fn of(&self, imsi: Imsi) -> Key128 {
        match self {
            Self::Shared(k) => *k,
            Self::Derived(master) => derive(master, imsi),
        }
    }
}

/// How a SUCI conceals the IMSI (TS 33.501 annex C).
#[derive(Clone, PartialEq, Eq)]
pub enum SuciScheme {
    /// Not at all: scheme 0.
    Null,
    /// ECIES on Curve25519: scheme 1.
    ProfileA {
        /// Home network public key identifier.
        key_id: u8,
        /// The home network's public key.
        public_key: [u8; 32],
        /// Its private key; only the simulator uses it.
        private_key: Option<[u8; 32]>,
    },
    /// ECIES on secp256r1: scheme 2.
    ProfileB {
        /// Home network public key identifier.
        key_id: u8,
        /// The home network's public key, compressed: 33 octets.
        public_key: Vec<u8>,
        /// Its private key; only the simulator uses it.
        private_key: Option<[u8; 32]>,
    },
}

/// Without the private key.
impl fmt::Debug for SuciScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("Null"),
            Self::ProfileA { key_id, public_key, .. } => {
                write!(f, "ProfileA({key_id}, {})", hex::encode(public_key))
            }
            Self::ProfileB { key_id, public_key, .. } => {
                write!(f, "ProfileB({key_id}, {})", hex::encode(public_key))
            }
        }
    }
}

/// One subscriber, with everything that a USIM and a UDM must agree on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subscriber {
    /// The place among all subscribers of the scenario, from 0.
    pub index: u64,
    /// The place of the group in `Scenario::subscribers`.
    pub group: usize,
    /// The identity.
    pub imsi: Imsi,
    /// The home network.
    pub plmn: Plmn,
    /// The secret key.
    pub k: Key128,
    /// The operator's variant, ciphered.
    pub opc: Key128,
    /// The operator's variant, where the scenario has it: OPc is of it and of K.
    pub op: Option<Key128>,
    /// The authentication management field.
    pub amf: [u8; 2],
}

impl Subscriber {
    /// The same subscriber with the card that replaces this one: its K is AES-128 under the old K of the IMSI, as for
    /// [`KeySource::Derived`]. An OPc that is given stays, and one that follows from OP is that of the new K.
    #[must_use]
    pub fn after_swap(self) -> Self {
        let k = derive(&self.k, self.imsi);
        Self { k, opc: self.op.map_or(self.opc, |op| opc_of(&op, &k)), ..self }
    }
}

/// One block of AES-128. OPc = AES_K(OP) ⊕ OP (TS 35.205 §8.1), so AES_K(block) is the OPc of that block, ⊕ the block.
fn derive(master: &Key128, imsi: Imsi) -> Key128 {
    let block = bcd(imsi);
    let opc = Opc::from_op(&K::new(&master.0), &Op::new(&block));
    let mut key = *opc.as_octets();
    for (octet, mask) in key.iter_mut().zip(block) {
        *octet ^= mask;
    }
    Key128(key)
}

/// The IMSI's digits, two to an octet, right-aligned in 16 octets of zeros.
fn bcd(imsi: Imsi) -> [u8; 16] {
    let mut block = [0; 16];
    let mut rest = imsi.value();
    for octet in block.iter_mut().rev() {
        let pair = u8::try_from(rest % 100).unwrap_or_default();
        *octet = ((pair / 10) << 4) | (pair % 10);
        rest /= 100;
    }
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derived_key_is_the_aes_block_of_the_imsi() {
        // openssl enc -aes-128-ecb -K 000102030405060708090a0b0c0d0e0f -nopad of 00…00 001010000000001 as BCD.
        let master: Key128 = "000102030405060708090a0b0c0d0e0f".parse().unwrap();
        let imsi: Imsi = "001010000000001".parse().unwrap();
        assert_eq!(hex::encode(bcd(imsi)), "00000000000000000001010000000001");
        assert_eq!(KeySource::Derived(master).of(imsi).to_string(), "18df673c9eebbbf11666630760929797");
    }

    #[test]
    fn opc_follows_from_op_and_k() {
        // TS 35.208 §4.3, test set 1.
        let k: Key128 = "465b5ce8b199b49faa5f0a2ee238a6bc".parse().unwrap();
        let op: Key128 = "cdc202d5123e20f62b6d676ac72cb318".parse().unwrap();
        let opc = "cd63cb71954a9f4e48a5994e37a02baf";
        assert_eq!(OperatorKey::Op(op).opc(&k).to_string(), opc);
        assert_eq!(OperatorKey::Opc(opc.parse().unwrap()).opc(&k).to_string(), opc);
    }

    #[test]
    fn the_card_after_a_swap_has_the_opc_of_its_key() {
        let key = |text: &str| text.parse::<Key128>().unwrap();
        let (k, op) = (key("465b5ce8b199b49faa5f0a2ee238a6bc"), key("cdc202d5123e20f62b6d676ac72cb318"));
        let (plmn, imsi) = ("001/01".parse().unwrap(), "001010000000001".parse().unwrap());
        let subscriber = |operator: OperatorKey| Subscriber {
            index: 0,
            group: 0,
            imsi,
            plmn,
            k,
            opc: operator.opc(&k),
            op: operator.op(),
            amf: [0x80, 0],
        };
        let swapped = subscriber(OperatorKey::Op(op)).after_swap();
        assert_eq!(swapped.opc, opc_of(&op, &swapped.k));
        let given = subscriber(OperatorKey::Opc(op));
        assert_eq!(given.after_swap().opc, given.opc);
    }

    #[test]
    fn secrets_are_not_in_debug_text() {
        let scheme = SuciScheme::ProfileA { key_id: 1, public_key: [1; 32], private_key: Some([0xab; 32]) };
        assert!(!format!("{scheme:?}").contains("abab"));
    }
}
