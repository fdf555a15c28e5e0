//! What of a peer's messages was in order before, so that it need not be read again.
//!
//! [`NGAPPDU::check`] decodes each IE and encodes it again, which costs as much as the procedure itself. Nearly every message has
//! the IEs of one that was checked before, and most of their values are the same for every UE of a network: the slices, the
//! cell, the cause. They are compared with what was found to be in order; what is a UE's own is decoded once, as its type.

use oxirush_ngap::ngap::*;

use super::UNREAD;

/// Outlines of messages, and values of IEs, that were in order. There is room for [`MOST`]; when it is full all are forgotten, so that
/// neither memory nor time grows with what a peer sends.
#[derive(Debug, Default)]
pub(super) struct Familiar {
    /// By their digests, in rising order.
    known: Vec<Known>,
}

#[derive(Debug)]
struct Known {
    digest: u64,
    /// The IE whose value it is; `None` of an outline.
    ie: Option<u16>,
    octets: Box<[u8]>,
}

impl Familiar {
    /// Whether a check of the message finds nothing. `false` says nothing at all.
    pub(super) fn is_in_order(&self, pdu: &NGAPPDU<'_>) -> bool {
        let mut outline = Outline::of(pdu);
        let good = each_ie(pdu, |id, criticality, value| {
            outline.add(id, criticality) && (is_plain(id, value) || self.is_good(id, value))
        });
        good && self.knows(None, outline.octets())
    }

    /// Keeps what a message was made of, which a check has found to be in order.
    pub(super) fn keep(&mut self, pdu: &NGAPPDU<'_>) {
        let mut outline = Outline::of(pdu);
        let whole = each_ie(pdu, |id, criticality, value| {
            let is_of_cell = ProtocolIEID(id) == ID_USER_LOCATION_INFORMATION;
            if is_of_cell || decodes_as_its_type(id, value).is_none() {
                self.put(Some(id), value);
            }
            outline.add(id, criticality)
        });
        if whole {
            self.put(None, outline.octets());
        }
    }

    /// Whether a value is in order. A value of a type that every UE has its own of may be that of a cell all the same.
    fn is_good(&self, id: u16, value: &[u8]) -> bool {
        if ProtocolIEID(id) == ID_USER_LOCATION_INFORMATION && self.knows(Some(id), value) {
            return true;
        }
        decodes_as_its_type(id, value).unwrap_or_else(|| self.knows(Some(id), value))
    }

    fn knows(&self, ie: Option<u16>, octets: &[u8]) -> bool {
        let digest = digest(ie, octets);
        let place = self.known.binary_search_by_key(&digest, |known| known.digest);
        let known = place.ok().and_then(|place| self.known.get(place));
        known.is_some_and(|known| known.is(ie, octets))
    }

    fn put(&mut self, ie: Option<u16>, octets: &[u8]) {
        if octets.len() > LONGEST {
            return;
        }
        let digest = digest(ie, octets);
        let place = self.known.binary_search_by_key(&digest, |known| known.digest);
        // Of a message that is new in one IE the others are known already.
        if place.is_ok_and(|place| self.known[place].is(ie, octets)) {
            return;
        }
        let new = Known { digest, ie, octets: octets.into() };
        match place {
            Ok(place) => self.known[place] = new,
            Err(_) if self.known.len() >= MOST => {
                self.known.clear();
                self.known.push(new);
            }
            Err(place) => self.known.insert(place, new),
        }
    }
}

impl Known {
    fn is(&self, ie: Option<u16>, octets: &[u8]) -> bool {
        self.ie == ie && *self.octets == *octets
    }
}

/// The direction, procedure and criticality of a message, and the identifier and criticality of each IE.
struct Outline {
    octets: [u8; 3 * (MOST_IES + 1)],
    length: usize,
}

impl Outline {
    fn of(pdu: &NGAPPDU<'_>) -> Self {
        let direction = match pdu {
            NGAPPDU::initiatingMessage(_) => 0,
            NGAPPDU::successfulOutcome(_) => 1,
            _ => 2,
        };
        let mut octets = [0; 3 * (MOST_IES + 1)];
        octets[..3].copy_from_slice(&[direction, pdu.procedure_code(), pdu.criticality() as u8]);
        Self { octets, length: 3 }
    }

    /// `false` when there is no room for it.
    fn add(&mut self, id: u16, criticality: u8) -> bool {
        let Some(room) = self.octets.get_mut(self.length..self.length + 3) else { return false };
        let [high, low] = id.to_be_bytes();
        room.copy_from_slice(&[high, low, criticality]);
        self.length += 3;
        true
    }

    fn octets(&self) -> &[u8] {
        self.octets.get(..self.length).unwrap_or_default()
    }
}

/// Gives the identifier, the criticality and the value of each IE, as long as `take` says so; whether it took all of them.
///
/// Only what nearly every message is: nothing after the IEs, and no value of 16,384 octets or more. `false` for all else, which may be in
/// order all the same.
fn each_ie(pdu: &NGAPPDU<'_>, mut take: impl FnMut(u16, u8, &[u8]) -> bool) -> bool {
    let value = match pdu {
        NGAPPDU::initiatingMessage(message) => &message.value,
        NGAPPDU::successfulOutcome(message) => &message.value,
        NGAPPDU::unsuccessfulOutcome(message) => &message.value,
        _ => return false,
    };
    let [0, high, low, rest @ ..] = value.as_slice() else { return false };
    let mut rest = rest;
    for _ in 0..u16::from_be_bytes([*high, *low]) {
        let [high, low, criticality, after @ ..] = rest else { return false };
        let (length, after) = match after {
            [length @ 0..=0x7f, after @ ..] => (usize::from(*length), after),
            [first @ 0x80..=0xbf, second, after @ ..] => {
                (usize::from(u16::from_be_bytes([first & 0x3f, *second])), after)
            }
            _ => return false,
        };
        let Some((value, after)) = after.split_at_checked(length) else { return false };
        if !take(u16::from_be_bytes([*high, *low]), criticality >> 6, value) {
            return false;
        }
        rest = after;
    }
    rest.is_empty()
}

/// Whether a value is one of the plainest that nearly every message has, by its octets alone: a number in as many octets as it says, or a
/// string of so many. `false` says nothing at all.
fn is_plain(id: u16, value: &[u8]) -> bool {
    match (ProtocolIEID(id), value) {
        // TS 38.413 §9.3.3.1: 1 to 5 octets, of which three bits say how many.
        (ID_AMF_UE_NGAP_ID | ID_SOURCE_AMF_UE_NGAP_ID, [first, rest @ ..]) => {
            first & 0x1f == 0 && rest.len() == usize::from(first >> 5) + 1 && rest.len() <= 5
        }
        // §9.3.3.2: 1 to 4 octets, of which two bits say how many.
        (ID_RAN_UE_NGAP_ID, [first, rest @ ..]) => {
            first & 0x3f == 0 && rest.len() == usize::from(first >> 6) + 1
        }
        (
            ID_NAS_PDU
            | ID_SOURCE_TO_TARGET_TRANSPARENT_CONTAINER
            | ID_TARGET_TO_SOURCE_TRANSPARENT_CONTAINER,
            [first, rest @ ..],
        ) => match (first, rest) {
            (0..=0x7f, rest) => rest.len() == usize::from(*first),
            (0x80..=0xbf, [second, rest @ ..]) => {
                rest.len() == usize::from(u16::from_be_bytes([first & 0x3f, *second]))
            }
            _ => false,
        },
        // §9.3.1.87: 256 bits.
        (ID_SECURITY_KEY, value) => value.len() == 32,
        // §9.3.1.88: nothing optional, 3 bits, and 256 from the next octet on.
        (ID_SECURITY_CONTEXT, [first, next_hop @ ..]) => first & 0xc7 == 0 && next_hop.len() == 32,
        _ => false,
    }
}

/// Whether a value decodes, where its type is one of those whose values are a UE's own. `None` for any other type. What is handed on
/// unread may be anything.
///
/// A value that decodes may still be outside the root of a constraint that a later release may extend, which a check reports:
/// no type here has such a constraint.
fn decodes_as_its_type(id: u16, value: &[u8]) -> Option<bool> {
    macro_rules! as_its_type {
        ($($id:ident: $type:ident),* $(,)?) => {
            match ProtocolIEID(id) {
                ID_USER_LOCATION_INFORMATION => {
                    // The other alternatives have addresses, whose length a later release may extend.
                    let location = decode_open_type::<UserLocationInformation<'_>>(value);
                    Some(matches!(location, Ok(UserLocationInformation::userLocationInformationNR(_))))
                }
                $($id => Some(decode_open_type::<$type>(value).is_ok()),)*
                _ => UNREAD.contains(&id).then_some(true),
            }
        };
    }
    as_its_type! {
        ID_AMF_UE_NGAP_ID: AMFUENGAPID,
        ID_SOURCE_AMF_UE_NGAP_ID: AMFUENGAPID,
        ID_RAN_UE_NGAP_ID: RANUENGAPID,
        ID_UE_NGAP_IDS: UENGAPIDs,
        ID_FIVE_G_S_TMSI: FiveGSTMSI,
        ID_UEPAGING_IDENTITY: UEPagingIdentity,
        ID_NAS_PDU: NASPDU,
        ID_SECURITY_KEY: SecurityKey,
        ID_SECURITY_CONTEXT: SecurityContext,
        ID_SOURCE_TO_TARGET_TRANSPARENT_CONTAINER: SourceToTargetTransparentContainer,
        ID_TARGET_TO_SOURCE_TRANSPARENT_CONTAINER: TargetToSourceTransparentContainer,
        ID_PDUSESSION_RESOURCE_ADMITTED_LIST: PDUSessionResourceAdmittedList,
        ID_PDUSESSION_RESOURCE_HANDOVER_LIST: PDUSessionResourceHandoverList,
        ID_PDUSESSION_RESOURCE_LIST_CXT_REL_CPL: PDUSessionResourceListCxtRelCpl,
        ID_PDUSESSION_RESOURCE_LIST_CXT_REL_REQ: PDUSessionResourceListCxtRelReq,
        ID_PDUSESSION_RESOURCE_LIST_HORQD: PDUSessionResourceListHORqd,
        ID_PDUSESSION_RESOURCE_MODIFY_LIST_MOD_REQ: PDUSessionResourceModifyListModReq,
        ID_PDUSESSION_RESOURCE_MODIFY_LIST_MOD_RES: PDUSessionResourceModifyListModRes,
        ID_PDUSESSION_RESOURCE_RELEASED_LIST_REL_RES: PDUSessionResourceReleasedListRelRes,
        ID_PDUSESSION_RESOURCE_SETUP_LIST_CXT_REQ: PDUSessionResourceSetupListCxtReq,
        ID_PDUSESSION_RESOURCE_SETUP_LIST_CXT_RES: PDUSessionResourceSetupListCxtRes,
        ID_PDUSESSION_RESOURCE_SETUP_LIST_HOREQ: PDUSessionResourceSetupListHOReq,
        ID_PDUSESSION_RESOURCE_SETUP_LIST_SUREQ: PDUSessionResourceSetupListSUReq,
        ID_PDUSESSION_RESOURCE_SETUP_LIST_SURES: PDUSessionResourceSetupListSURes,
        ID_PDUSESSION_RESOURCE_SWITCHED_LIST: PDUSessionResourceSwitchedList,
        ID_PDUSESSION_RESOURCE_TO_BE_SWITCHED_DLLIST: PDUSessionResourceToBeSwitchedDLList,
        ID_PDUSESSION_RESOURCE_TO_RELEASE_LIST_REL_CMD: PDUSessionResourceToReleaseListRelCmd,
    }
}

/// Stands for the value of an IE, or for an outline. What has the same digest is told apart by comparing it.
fn digest(ie: Option<u16>, octets: &[u8]) -> u64 {
    let begin = ie.map_or(0, |ie| u64::from(ie) + 1);
    let (words, rest) = octets.as_chunks::<8>();
    let rest = rest.iter().fold(0, |word, octet| word << 8 | u64::from(*octet));
    let words = words.iter().map(|word| u64::from_le_bytes(*word)).chain([rest, octets.len() as u64]);
    // FNV's way of mixing, a word at a time.
    words.fold(begin, |mixed, word| (mixed.rotate_left(29) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// The values of a network are a few dozen for a gNB, and some hundreds for an AMF that serves many cells.
const MOST: usize = 512;
/// Octets of a value that is kept.
const LONGEST: usize = 128;
/// IEs of a message whose outline is kept.
const MOST_IES: usize = 24;

#[cfg(test)]
mod tests {
    use oxirush_ngap::{Octets, build_ngap};
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// A UE that asks for service: all that is its own differs from one to the next.
    fn of_ue(number: u32, nas: Vec<u8>) -> NGAP_PDU {
        let plmn = PLMNIdentity([0x00, 0xf1, 0x10]);
        let location = UserLocationInformationNR::new(
            oxirush_ngap::helpers::nr_cgi(plmn, 1, 24, 0).unwrap(),
            oxirush_ngap::helpers::tai(plmn, [0, 0, 1]),
            Some(TimeStamp(number.to_be_bytes())),
            None,
        );
        build_ngap!(
            InitiatingMessage,
            InitialUEMessage,
            InitialUEMessage,
            RAN_UE_NGAP_ID(number),
            NAS_PDU(nas),
            UserLocationInformation(UserLocationInformation::userLocationInformationNR(location)),
            RRCEstablishmentCause(RRCEstablishmentCause::mo_Signalling),
            FiveG_S_TMSI(FiveGSTMSI::new(
                AMFSetID::new(1).unwrap(),
                AMFPointer::new(1).unwrap(),
                FiveGTMSI(number.to_be_bytes()),
                None,
            )),
            UEContextRequest(UEContextRequest::requested),
        )
        .unwrap()
    }

    #[test]
    fn a_message_of_one_ue_makes_that_of_another_familiar() {
        let mut familiar = Familiar::default();
        let first = of_ue(7, vec![0x7e; 20]);
        assert!(!familiar.is_in_order(&first) && first.check().unwrap().is_empty());
        familiar.keep(&first);
        let after_one = familiar.known.len();
        assert!(familiar.is_in_order(&of_ue(0x0001_0000, vec![0x7e; 200])));
        assert_eq!(familiar.known.len(), after_one);
    }

    fn value() -> impl Strategy<Value = (ProtocolIEID, Vec<u8>)> {
        let ids = [
            ID_AMF_UE_NGAP_ID,
            ID_SOURCE_AMF_UE_NGAP_ID,
            ID_RAN_UE_NGAP_ID,
            ID_NAS_PDU,
            ID_SOURCE_TO_TARGET_TRANSPARENT_CONTAINER,
            ID_TARGET_TO_SOURCE_TRANSPARENT_CONTAINER,
            ID_SECURITY_KEY,
            ID_SECURITY_CONTEXT,
        ];
        let first = prop_oneof![any::<u8>(), (0u8..8).prop_map(|high| high << 5), Just(0x38)];
        let length = prop_oneof![0usize..40, Just(31), Just(32)];
        let rest = length.prop_flat_map(|length| vec(any::<u8>(), length));
        let octets = (first, rest).prop_map(|(first, rest)| [vec![first], rest].concat());
        let string = vec(any::<u8>(), 0..300).prop_map(|octets| encode_open_type(&NASPDU(octets.into())));
        let string = string.prop_map(|value| value.unwrap().into_vec());
        (prop::sample::select(ids.to_vec()), prop_oneof![octets, string])
    }

    proptest! {
        #[test]
        fn what_is_plain_decodes((id, value) in value()) {
            if is_plain(id.0, &value) {
                prop_assert_eq!(decodes_as_its_type(id.0, &value), Some(true), "{:?} {:02x?}", id, value);
            }
        }

        #[test]
        fn what_a_peer_of_ours_sends_is_plain(amf in 0u64..1 << 40, ran in any::<u32>(), nas in vec(any::<u8>(), 0..300)) {
            let plain = |id: ProtocolIEID, value: Octets<'_>| is_plain(id.0, &value);
            prop_assert!(plain(ID_AMF_UE_NGAP_ID, encode_open_type(&AMFUENGAPID(amf)).unwrap()));
            prop_assert!(plain(ID_RAN_UE_NGAP_ID, encode_open_type(&RANUENGAPID(ran)).unwrap()));
            prop_assert!(plain(ID_NAS_PDU, encode_open_type(&NASPDU(nas.clone().into())).unwrap()));
            let context = SecurityContext::new(NextHopChainingCount(amf.to_be_bytes()[7] % 8), [7; 32].into(), None);
            prop_assert!(plain(ID_SECURITY_CONTEXT, encode_open_type(&context).unwrap()));
            prop_assert!(plain(ID_SECURITY_KEY, encode_open_type(&SecurityKey::from([7; 32])).unwrap()));
        }
    }
}
