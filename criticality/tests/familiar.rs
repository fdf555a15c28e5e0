//! A judge that has seen messages before says of each message what one says that has seen none.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::Path;

use criticality::ngap::Judge;
use oracles::folder_of_vectors;
use oxirush_ngap::ngap::NGAP_PDU;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Messages of an AMF as pycrate writes them.
fn messages() -> Vec<Vec<u8>> {
    folder_of_vectors(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../signalling/testdata/ngap"))
}

/// One that has seen all of them, more than once.
fn experienced() -> Judge {
    let mut judge = Judge::default();
    for octets in messages().iter().chain(&messages()) {
        let pdu = NGAP_PDU::decode_borrowed(octets).unwrap();
        let judgement = judge.judge(&pdu, true).unwrap();
        assert!(judgement.proceed && !judgement.faulty && judgement.answer.is_none(), "{judgement:?}");
    }
    judge
}

/// What is done to a message.
#[derive(Clone, Debug)]
enum Change {
    Octet(Index, u8),
    Bit(Index, u8),
    Removed(Index),
    Added(Index, u8),
    Cut(Index),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, octet)| Change::Octet(at, octet)),
        (any::<Index>(), 0u8..8).prop_map(|(at, bit)| Change::Bit(at, bit)),
        any::<Index>().prop_map(Change::Removed),
        (any::<Index>(), any::<u8>()).prop_map(|(at, octet)| Change::Added(at, octet)),
        any::<Index>().prop_map(Change::Cut),
    ]
}

/// The message with the change, and the length of the PDU's value mended, so that the change reaches an IE.
fn changed(message: &[u8], changes: &[Change]) -> Vec<u8> {
    let mut octets = message.to_vec();
    for change in changes {
        match change {
            Change::Octet(at, octet) => *at.get_mut(&mut octets) = *octet,
            Change::Bit(at, bit) => *at.get_mut(&mut octets) ^= 1 << bit,
            Change::Removed(at) => drop(octets.remove(at.index(octets.len()))),
            Change::Added(at, octet) => octets.insert(at.index(octets.len()), *octet),
            Change::Cut(at) => octets.truncate(at.index(octets.len()).max(4)),
        }
        if octets.len() < 5 {
            return octets;
        }
        // X.691 §10.9.3.5, §10.9.3.6: the length has one octet below 128, else two.
        let head = if octets[3] < 0x80 { 4 } else { 5 };
        let length = u16::try_from(octets.len() - head).unwrap();
        if head == 4 && length < 0x80 {
            octets[3] = u8::try_from(length).unwrap();
        } else if head == 5 && length >= 0x80 {
            octets[3..5].copy_from_slice(&(length | 0x8000).to_be_bytes());
        }
    }
    octets
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn what_was_seen_before_changes_no_judgement(
        message in select(messages()),
        others in prop::collection::vec(select(messages()), 0..3),
        changes in prop::collection::vec(change(), 0..4),
        comprehended in prop::bool::weighted(0.9),
    ) {
        let octets = changed(&message, &changes);
        let mut judge = experienced();
        for other in others {
            judge.judge(&NGAP_PDU::decode_borrowed(&other).unwrap(), true).unwrap();
        }
        if let Ok(pdu) = NGAP_PDU::decode_borrowed(&octets) {
            let anew = format!("{:?}", Judge::default().judge(&pdu, comprehended).unwrap());
            // Twice: what the first time taught must not change the second.
            prop_assert_eq!(format!("{:?}", judge.judge(&pdu, comprehended).unwrap()), &*anew);
            prop_assert_eq!(format!("{:?}", judge.judge(&pdu, comprehended).unwrap()), &*anew);
        }
    }
}
