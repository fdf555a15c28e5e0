//! Subscriber data: the part of a UDM, with its ARPF and SIDF, that the core network of the simulator needs.

use identity::{Imsi, Key128, Plmn, Snssai};
use oxirush_security::Rand;
use oxirush_security::milenage::{Amf as AmfField, AuthenticationVector, Auts, K, Milenage, Opc, Sqn};
use oxirush_security::nas_5gs::{HomeNetworkPrivateKey, ProtectionScheme, Suci};
use rustc_hash::FxHashMap;
use scenarios::{HomeAnswer, KeySource};

/// Where the subscribers come from. The sequence numbers are kept by [`Subscribers`].
pub trait SubscriberData {
    /// The subscriber, when there is one with this IMSI.
    fn find(&self, imsi: Imsi) -> Option<SubscriberRecord>;

    /// What is stored of it but for its keys, which may have to be derived.
    fn profile(&self, imsi: Imsi) -> Option<Profile> {
        self.find(imsi).map(|record| record.profile)
    }

    /// The private keys of the home network, to de-conceal SUCIs.
    fn home_network_keys(&self) -> Vec<HomeNetworkKey> {
        Vec::new()
    }
}

/// What is stored of a subscriber.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriberRecord {
    /// The permanent key.
    pub k: Key128,
    /// The operator variant, derived for this key.
    pub opc: Key128,
    /// What it is derived from, where that is known: another card has another one then.
    pub op: Option<Key128>,
    /// The authentication management field of the challenges; its separation bit must be set (TS 33.501 Annex A).
    pub amf_field: [u8; 2],
    /// All that is no key.
    pub profile: Profile,
}

/// What is stored of a subscriber for its services.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// The subscribed slices; `None` for all that the AMF serves.
    pub slices: Option<Vec<Snssai>>,
    /// The home network; `None`: wherever the subscriber is.
    pub home: Option<Plmn>,
    /// What the home network says of the subscriber; `None`: the UE is served.
    pub refused: Option<HomeAnswer>,
}

impl SubscriberRecord {
    /// With the card that replaces this one: as [`scenarios::Subscriber::after_swap`].
    pub fn after_swap(self, imsi: Imsi) -> Self {
        let k = KeySource::Derived(self.k).of(imsi);
        Self { k, opc: self.op.map_or(self.opc, |op| scenarios::opc_of(&op, &k)), ..self }
    }
}

/// A private key of the home network (TS 33.501 Annex C.3.4).
#[derive(Clone)]
pub enum HomeNetworkKey {
    /// X25519.
    ProfileA { key_id: u8, private_key: [u8; 32] },
    /// secp256r1.
    ProfileB { key_id: u8, private_key: [u8; 32] },
}

impl std::fmt::Debug for HomeNetworkKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::ProfileA { key_id, .. } => write!(f, "ProfileA({key_id}, ..)"),
            Self::ProfileB { key_id, .. } => write!(f, "ProfileB({key_id}, ..)"),
        }
    }
}

/// The subscribers and the sequence number of each (TS 33.102 Annex C).
pub struct Subscribers {
    data: Box<dyn SubscriberData + Send>,
    sqn: FxHashMap<Imsi, SequenceNumber>,
    /// How many cards each subscriber had before the present one; who has the first is not in it.
    cards: FxHashMap<Imsi, u16>,
    keys: Vec<(ProtectionScheme, u8, HomeNetworkPrivateKey)>,
}

impl Subscribers {
    /// With the first card and the first sequence number of each.
    pub fn new(data: Box<dyn SubscriberData + Send>) -> Self {
        let keys = data.home_network_keys();
        let keys = keys.iter().filter_map(|key| match key {
            HomeNetworkKey::ProfileA { key_id, private_key } => {
                Some((ProtectionScheme::PROFILE_A, *key_id, HomeNetworkPrivateKey::profile_a(private_key)))
            }
            HomeNetworkKey::ProfileB { key_id, private_key } => {
                let key = HomeNetworkPrivateKey::profile_b(private_key).ok()?;
                Some((ProtectionScheme::PROFILE_B, *key_id, key))
            }
        });
        let keys = keys.collect();
        Self { data, sqn: FxHashMap::default(), cards: FxHashMap::default(), keys }
    }

    pub(crate) fn profile(&self, imsi: Imsi) -> Option<Profile> {
        self.data.profile(imsi)
    }

    /// The SIDF: the IMSI that the octets of a SUCI conceal (TS 33.501 §6.12.5). `None` for a key that the home
    /// network does not have, a wrong MAC tag, or an identity that is no IMSI.
    pub(crate) fn deconceal(&self, suci: &[u8]) -> Option<Imsi> {
        in_clear(suci).or_else(|| self.deconceal_any(suci))
    }

    fn deconceal_any(&self, suci: &[u8]) -> Option<Imsi> {
        let suci = Suci::from_nas_octets(suci).ok()?;
        let (scheme, key_id) = (suci.protection_scheme(), suci.home_network_public_key_id());
        let key = self.keys.iter().find(|(of, id, _)| *of == scheme && *id == key_id).map(|(_, _, key)| key);
        suci.deconceal(key).ok()?.identity().parse().ok()
    }

    /// With the keys of the present card, or of the next one.
    fn record(&self, imsi: Imsi, next_card: bool) -> Option<SubscriberRecord> {
        let cards = self.cards.get(&imsi).copied().unwrap_or_default() + u16::from(next_card);
        (0..cards).try_fold(self.data.find(imsi)?, |record, _| Some(record.after_swap(imsi)))
    }

    /// Whether there may be a next card.
    pub(crate) fn may_swap(&self, imsi: Imsi) -> bool {
        self.cards.get(&imsi).is_none_or(|cards| *cards < MAX_CARDS)
    }

    /// The subscriber has proved to have the next card.
    pub(crate) fn swapped(&mut self, imsi: Imsi) {
        let cards = self.cards.entry(imsi).or_default();
        *cards = cards.saturating_add(1);
    }

    /// A fresh authentication vector, with the keys of the present card or of the next one. `None` for no subscriber.
    pub(crate) fn vector(
        &mut self,
        imsi: Imsi,
        rand: [u8; 16],
        next_card: bool,
    ) -> Option<AuthenticationVector> {
        let record = self.record(imsi, next_card)?;
        let sqn = self.sqn.entry(imsi).or_default().next();
        let milenage = Milenage::new(&K::new(&record.k.0), &Opc::new(&record.opc.0));
        let sqn = Sqn::try_from(sqn).ok()?;
        Some(milenage.authentication_vector(&Rand::new(&rand), &sqn, &AmfField::new(&record.amf_field)))
    }

    /// Re-synchronisation (TS 33.102 §6.3.5): whether AUTS proves to be of the subscriber; its sequence number is
    /// then never behind that of the USIM.
    pub(crate) fn resynchronise(
        &mut self,
        imsi: Imsi,
        rand: [u8; 16],
        auts: &[u8; 14],
        next_card: bool,
    ) -> bool {
        let Some(record) = self.record(imsi, next_card) else { return false };
        let milenage = Milenage::new(&K::new(&record.k.0), &Opc::new(&record.opc.0));
        let Ok(sqn_ms) = milenage.verify_auts(&Rand::new(&rand), &Auts::new(auts)) else { return false };
        self.sqn.entry(imsi).or_default().at_least(sqn_ms.get());
        true
    }
}

/// The IMSI of a SUCI that conceals nothing, of a USIM without a routing indicator: what most UEs send is read without a detour. `None`
/// says nothing at all.
fn in_clear(suci: &[u8]) -> Option<Imsi> {
    // TS 24.501 figure 9.11.3.4.3: SUPI format IMSI, the network, the routing indicator 0, the null scheme, no key.
    let [0x01, a, b, c, 0xf0, 0xff, 0, 0, msin @ ..] = suci else { return None };
    let (mut text, mut length) = ([0; 15], 0);
    let mut add = |digit: u8| {
        *text.get_mut(length).filter(|_| digit < 10)? = b'0' + digit;
        length += 1;
        Some(())
    };
    for digit in [a & 0xf, a >> 4, b & 0xf, c & 0xf, c >> 4] {
        add(digit)?;
    }
    if b >> 4 != FILLER {
        add(b >> 4)?;
    }
    let (last, others) = msin.split_last()?;
    for octet in others {
        add(octet & 0xf)?;
        add(octet >> 4)?;
    }
    add(last & 0xf)?;
    if last >> 4 != FILLER {
        add(last >> 4)?;
    }
    std::str::from_utf8(text.get(..length)?).ok()?.parse().ok()
}

/// The half octet of a digit that is not there.
const FILLER: u8 = 0xf;

/// Each card costs an AES block at every authentication.
const MAX_CARDS: u16 = 1_000;

/// SQN_HE: SEQ of 43 bits and IND of 5 bits, which takes its values in turn (TS 33.102 §C.1.1.1, §C.1.1.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct SequenceNumber {
    seq: u64,
    ind: u8,
}

impl SequenceNumber {
    /// The next sequence number, of 48 bits.
    fn next(&mut self) -> u64 {
        self.seq = (self.seq + 1) % (1 << 43);
        self.ind = (self.ind + 1) % 32;
        self.seq << 5 | u64::from(self.ind)
    }

    /// SQN_MS, from AUTS: what the USIM accepted last. Only a higher one is taken (TS 33.102 §6.3.5, step 3).
    fn at_least(&mut self, sqn_ms: u64) {
        self.seq = self.seq.max(sqn_ms >> 5);
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    struct Nobody;

    impl SubscriberData for Nobody {
        fn find(&self, _: Imsi) -> Option<SubscriberRecord> {
            None
        }
    }

    proptest! {
        #[test]
        fn a_suci_in_clear_is_the_imsi_that_any_other_way_finds(
            plmn in any::<[u8; 3]>(),
            digits in vec(0u8..10, 0..30),
            any in vec(any::<u8>(), 0..12),
            filled in any::<bool>(),
            of_digits in any::<bool>(),
        ) {
            let plmn = if filled { [plmn[0] % 10, 0xf0 | (plmn[1] % 10), plmn[2] % 10] } else { plmn };
            let digits = digits.chunks(2).map(|pair| pair.get(1).unwrap_or(&0xf) << 4 | pair[0]);
            let msin = if of_digits { digits.collect() } else { any };
            let suci = [&[1][..], &plmn, &[0xf0, 0xff, 0, 0], &msin].concat();
            let whole = Subscribers::new(Box::new(Nobody)).deconceal_any(&suci);
            if let Some(imsi) = in_clear(&suci) {
                prop_assert_eq!(Some(imsi), whole);
            } else if filled && of_digits {
                prop_assert_eq!(whole, None);
            }
        }
    }

    #[test]
    fn a_suci_in_clear_is_read() {
        let suci = [1, 0x00, 0xf1, 0x10, 0xf0, 0xff, 0, 0, 0, 0, 0, 0, 0x10];
        assert_eq!(in_clear(&suci), "001010000000001".parse().ok());
    }

    #[test]
    fn sequence_numbers_grow_and_indices_take_turns() {
        let mut sqn = SequenceNumber::default();
        assert_eq!((sqn.next(), sqn.next()), (1 << 5 | 1, 2 << 5 | 2));
        for _ in 0..31 {
            sqn.next();
        }
        assert_eq!(sqn.next(), 34 << 5 | 2);
    }

    #[test]
    fn a_usim_that_is_ahead_is_followed_and_one_behind_is_not() {
        let mut sqn = SequenceNumber::default();
        sqn.at_least(1000 << 5 | 7);
        assert_eq!(sqn.next() >> 5, 1001);
        sqn.at_least(3 << 5);
        assert_eq!(sqn.next() >> 5, 1002);
    }
}
