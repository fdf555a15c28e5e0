//! Handover Notification, target gNB (TS 38.413 §8.4.3).

use std::time::Instant;

use oxirush_ngap::{Error, build_ngap};

use super::initial_ue_message::location;
use crate::common::timers::NodeTimer;
use crate::ngap::connections::Phase;
use crate::ngap::{Gnb, GnbSettings, Out};
use crate::node::action::NodeAction;

/// The UE is in the cell.
pub(crate) fn arrived(gnb: &mut Gnb, ue: u32, now: Instant, out: &mut Out) {
    let Some((ran, connection)) = gnb.connections.of_ue_mut(ue) else {
        return out.push(NodeAction::Unexpected("arrival-without-connection"));
    };
    let Some(amf) = connection.amf.filter(|_| connection.phase.is_admitted()) else {
        return out.push(NodeAction::Unexpected("arrival-without-handover"));
    };
    connection.phase = Phase::Here;
    connection.since = now;
    let cell = connection.cell;
    out.push(NodeAction::StopTimer(NodeTimer::HandoverArrival(ran)));
    gnb.send_ue(ran, notify(&gnb.settings, amf, ran, cell), out);
}

/// HANDOVER NOTIFY (TS 38.413 §9.2.3.7).
fn notify(settings: &GnbSettings, amf: u64, ran: u32, cell: u32) -> Result<Vec<u8>, Error> {
    build_ngap!(
        InitiatingMessage,
        HandoverNotification,
        HandoverNotify,
        AMF_UE_NGAP_ID(amf),
        RAN_UE_NGAP_ID(ran),
        UserLocationInformation(location(settings, cell)?),
    )?
    .encode()
}
