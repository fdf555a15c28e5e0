//! Handover over Xn: what XnAP would carry between two gNBs of a shard (TS 38.423 §9.1.1.1).
//!
//! ```text
//! source: give_up ─────────────────────────────────────────────► release
//! target:    └──► path_switch_request ──► PATH SWITCH REQUEST ──► ACKNOWLEDGE: PathSwitched ─┘   FAILURE: PathSwitchFailed, Released
//! ```

use super::connections::Phase;
use super::{Gnb, Out};
use crate::node::action::NodeAction;
use crate::node::cause::Released;
use crate::node::xn_context::XnContext;

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
