//! Handover over Xn: what XnAP would carry between two gNBs of a shard (TS 38.423 §9.1.1.1).
//!
//! ```text
//! source: give_up ─────────────────────────────────────────────► release
//! target:    └──► path_switch_request ──► PATH SWITCH REQUEST ──► ACKNOWLEDGE: PathSwitched ─┘   FAILURE: PathSwitchFailed, Released
//! ```

use super::connections::{Phase, Resource, SecurityCapabilities};
use super::{Gnb, Out, Released};
use crate::node::NodeAction;

/// What the HANDOVER REQUEST of XnAP says of a UE: the source keeps its connection until it is told to release it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XnContext {
    /// The AMF UE NGAP ID at the source.
    pub(super) amf: u64,
    pub(super) security: SecurityCapabilities,
    /// With the ends of the UPF; the TEIDs are those of the source.
    pub(super) sessions: Vec<Resource>,
}

/// The source gives a copy of the UE's context (TS 38.423 §8.2.1).
pub(super) fn give_up(gnb: &mut Gnb, ue: u32) -> Option<XnContext> {
    let (_, connection) = gnb.connections.of_ue_mut(ue)?;
    if connection.phase != Phase::Here || connection.lost || connection.sessions.is_empty() {
        return None;
    }
    let context = XnContext {
        amf: connection.amf?,
        security: connection.security?,
        sessions: connection.sessions.clone(),
    };
    connection.phase = Phase::GivenUp;
    Some(context)
}

/// The source learns that the target has the path: UE CONTEXT RELEASE of XnAP (TS 38.423 §8.2.7).
pub(super) fn release(gnb: &mut Gnb, ue: u32, out: &mut Out) {
    match gnb.connections.of_ue(ue) {
        Some((ran, connection)) if connection.phase == Phase::GivenUp => {
            gnb.drop_connection(ran, Released::HandedOver, out);
        }
        _ => out.push(NodeAction::Unexpected("release-without-handover")),
    }
}
