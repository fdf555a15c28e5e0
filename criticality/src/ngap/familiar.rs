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
            outline.add(id, criticality)
                && decodes_as_its_type(id, value).unwrap_or_else(|| self.knows(Some(id), value))
        });
        good && self.knows(None, outline.octets())
    }

    /// Keeps what a message was made of, which a check has found to be in order.
    pub(super) fn keep(&mut self, pdu: &NGAPPDU<'_>) {
        let mut outline = Outline::of(pdu);
        let whole = each_ie(pdu, |id, criticality, value| {
            if decodes_as_its_type(id, value).is_none() {
                self.put(Some(id), value);
            }
            outline.add(id, criticality)
        });
        if whole {
            self.put(None, outline.octets());
        }
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
