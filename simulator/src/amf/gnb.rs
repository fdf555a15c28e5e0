//! A gNB, from the association to its end.

use std::time::Instant;

use identity::{Plmn, Snssai, Tac};
use oxirush_ngap::ngap::{GNBID, GlobalGNBID, GlobalNgENBID, GlobalRANNodeID, NgENBID};
use rustc_hash::FxHashMap;

use super::connection::ConnectionId;
use super::runs::RunId;

/// One association with a gNB. It has an identity once the NG interface is set up.
pub(super) struct Gnb {
    /// How many outbound streams the association has.
    pub(super) streams_out: u16,
    pub(super) identity: Option<NodeIdentity>,
    /// The run that it plays in, where its name says one.
    pub(super) run: Option<RunId>,
    /// It has sent NG SETUP REQUEST.
    pub(super) has_asked: bool,
    /// What it broadcasts and the AMF serves.
    pub(super) areas: Vec<Area>,
    /// Its UE-associated logical NG-connections, by RAN UE NGAP ID.
    pub(super) connections: FxHashMap<u32, ConnectionId>,
    /// UEs that may be handed over to it: the gNB has given them no RAN UE NGAP ID yet.
    pub(super) arriving: Vec<ConnectionId>,
    /// When the last message that is not of a UE leaves.
    pub(super) last_due: Option<Instant>,
}

/// How far the NG set-up of an association has come (TS 38.413 §8.7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NgSetup {
    /// No NG SETUP REQUEST has come.
    NotAsked,
    /// None was accepted.
    Refused,
    /// The gNB has its response.
    Done,
}

/// A tracking area of a gNB, in one PLMN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Area {
    /// The place of the PLMN in the settings.
    pub(super) plmn: usize,
    pub(super) tac: Tac,
    /// The slices that the gNB supports there.
    pub(super) slices: Vec<Snssai>,
}

/// The global RAN node ID (TS 38.413 §9.3.1.5): two nodes with the same one are one node. An identifier of another length is
/// another one, whatever its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NodeIdentity {
    pub(super) plmn: [u8; 3],
    pub(super) kind: NodeKind,
    pub(super) value: u64,
    pub(super) bits: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NodeKind {
    /// §9.3.1.6: 22 to 32 bits.
    Gnb,
    /// §9.3.1.8: macro of 20, short macro of 18 or long macro of 21 bits.
    NgEnb,
}

impl NodeIdentity {
    /// The identity of a gNB or ng-eNB; nothing for other RAN nodes, whose UEs are not on 3GPP access.
    pub(super) fn of(node: &GlobalRANNodeID) -> Option<Self> {
        let (plmn, kind, id) = match node {
            GlobalRANNodeID::globalGNB_ID(GlobalGNBID {
                plmn_identity, gnb_id: GNBID::gNB_ID(id), ..
            }) => (plmn_identity, NodeKind::Gnb, id),
            GlobalRANNodeID::globalNgENB_ID(GlobalNgENBID {
                plmn_identity,
                ng_enb_id:
                    NgENBID::macroNgENB_ID(id) | NgENBID::shortMacroNgENB_ID(id) | NgENBID::longMacroNgENB_ID(id),
                ..
            }) => (plmn_identity, NodeKind::NgEnb, id),
            _ => return None,
        };
        Some(Self { plmn: plmn.0, kind, value: id.value(), bits: id.len() })
    }
}

impl std::fmt::Display for NodeIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = match self.kind {
            NodeKind::Gnb => "gNB",
            NodeKind::NgEnb => "ng-eNB",
        };
        write!(f, "{kind} {} of {} bits, {}", self.value, self.bits, plmn_text(self.plmn))
    }
}

/// A PLMN as NGAP has it (TS 38.413 §9.3.3.5), or its octets where they are none.
pub(super) fn plmn_text(octets: [u8; 3]) -> String {
    let [a, b, c] = octets;
    match Plmn::from_ngap_octets(octets) {
        Some(plmn) => format!("PLMN {plmn}"),
        None => format!("PLMN octets {a:02x}{b:02x}{c:02x}"),
    }
}

impl Gnb {
    pub(super) fn new(streams_out: u16) -> Self {
        Self {
            streams_out,
            identity: None,
            run: None,
            has_asked: false,
            areas: Vec::new(),
            connections: FxHashMap::default(),
            arriving: Vec::new(),
            last_due: None,
        }
    }

    /// What it has in a tracking area of a PLMN; `None` where it does not broadcast it.
    pub(super) fn area(&self, plmn: usize, tac: Tac) -> Option<&Area> {
        self.areas.iter().find(|area| area.plmn == plmn && area.tac == tac)
    }

    /// All its UE-associated logical NG-connections, which it is to have no longer.
    pub(super) fn take_connections(&mut self) -> Vec<ConnectionId> {
        let mut all = std::mem::take(&mut self.arriving);
        all.extend(std::mem::take(&mut self.connections).into_values());
        all
    }

    /// The stream of a UE: never stream 0 when there is another (TS 38.412 §7).
    pub(super) fn stream_of(&self, connection: ConnectionId) -> u16 {
        match self.streams_out {
            0 | 1 => 0,
            streams => {
                let others = u64::from(streams - 1);
                u16::try_from(connection.0 % others + 1).unwrap_or(1)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_of_ngap_is_told_in_its_digits() {
        for text in ["001/01", "310/410", "208/93", "001/001"] {
            let plmn: Plmn = text.parse().unwrap();
            assert_eq!(plmn_text(plmn.ngap_octets()), format!("PLMN {text}"));
        }
        assert_eq!(plmn_text([0xff, 0xff, 0xff]), "PLMN octets ffffff");
    }
}
