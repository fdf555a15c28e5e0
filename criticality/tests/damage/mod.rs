//! What is done to a message on its way, for tests of both ends: every damage that clause 10 of TS 38.413 knows, and what the receiver's
//! diagnostics are to accuse then.

use oxirush_ngap::ngap::*;
use oxirush_ngap::{NgapPduKind, ie};

/// What a message is to its receiver, written down from TS 38.413 tables 8.1-1 to 8.1-3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Class 1, with this unsuccessful outcome.
    Answered(&'static str),
    /// Class 1 without an unsuccessful outcome.
    OnlyAcknowledged,
    /// Class 2.
    Unanswered,
    /// The answer of the other end.
    Outcome,
}

/// A mandatory IE, from the tables of §9.2: identifier, criticality, and whether the unsuccessful outcome needs it.
pub(crate) type Mandatory = (u16, Criticality, bool);

pub(crate) const REJECT: Criticality = Criticality::reject;
pub(crate) const NOTIFY: Criticality = Criticality::notify;
pub(crate) const IGNORE: Criticality = Criticality::ignore;

/// What is done to a message on its way, and what is wrong with it then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Damage {
    /// An IE that no specification has.
    Unknown(Criticality),
    Missing(u16),
    /// The first IE twice.
    Twice,
    /// The last IE before the others.
    OutOfOrder,
    /// The value of the first IE does not decode.
    Undecodable,
    /// The last octet of the message is not there.
    Cut,
}

impl Damage {
    /// Every damage of a message with these mandatory IEs, and so many IEs together.
    pub(crate) fn all(mandatory: &[Mandatory], ies: usize) -> Vec<Self> {
        let unknown = [REJECT, NOTIFY, IGNORE].map(Self::Unknown);
        let missing = mandatory.iter().map(|(id, ..)| Self::Missing(*id));
        let order = (ies > 1).then_some(Self::OutOfOrder);
        let others = [Self::Twice, Self::Undecodable, Self::Cut].into_iter().chain(order);
        unknown.into_iter().chain(missing).chain(others).collect()
    }

    /// The octets of a message that has suffered it; `undecodable` is the value that the first IE has then.
    pub(crate) fn done_to(self, whole: &NGAP_PDU, undecodable: &[u8]) -> Vec<u8> {
        let mut pdu = whole.clone();
        let mut ies = pdu.protocol_ies().unwrap().into_owned();
        match self {
            Self::Unknown(criticality) => {
                let value = vec![1, 2, 3].into();
                ies.0.push(ProtocolIEField::new(ProtocolIEID(UNKNOWN_IE), criticality, value));
            }
            Self::Missing(id) => {
                let before = ies.0.len();
                ies.0.retain(|ie| ie.id.0 != id);
                assert_eq!(ies.0.len() + 1, before, "the message has IE {id} once");
            }
            Self::Twice => ies.0.insert(1, ies.0[0].clone()),
            Self::OutOfOrder => ies.0.rotate_right(1),
            Self::Undecodable => ies.0[0].value = undecodable.to_vec().into(),
            Self::Cut => {}
        }
        pdu.set_protocol_ies(ies).unwrap();
        let mut octets = pdu.encode().unwrap();
        if self == Self::Cut {
            octets.pop();
        }
        octets
    }

    /// Diagnostics accuse the IE that is at fault, where they are to accuse one.
    pub(crate) fn is_accused_by(self, diagnostics: &CriticalityDiagnostics) {
        let accused = match self {
            Self::Unknown(criticality) => Some((UNKNOWN_IE, criticality, TypeOfError::not_understood)),
            Self::Missing(id) => Some((id, REJECT, TypeOfError::missing)),
            _ => None,
        };
        if let Some((id, criticality, error)) = accused {
            let list = diagnostics.ies_criticality_diagnostics.as_ref().unwrap();
            let item = CriticalityDiagnosticsIEItem::new(criticality, ProtocolIEID(id), error, None);
            assert_eq!(list.0, [item]);
        }
    }
}

pub(crate) fn is_indication(pdu: &NGAP_PDU) -> bool {
    pdu.kind() == NgapPduKind::Initiating_ErrorIndication
}

pub(crate) fn diagnostics_of(pdu: &NGAP_PDU) -> CriticalityDiagnostics {
    pdu.ie::<ie::CriticalityDiagnostics>().expect("criticality diagnostics").unwrap()
}

/// No version of the specification has it yet.
const UNKNOWN_IE: u16 = 65_000;
