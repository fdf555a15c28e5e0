//! Handover Cancel, source gNB (TS 38.413 §8.4.5).

use oxirush_ngap::ngap::*;
use oxirush_ngap::{Error, build_ngap, extract_ngap_ies};

use crate::common::timers::{self, NodeTimer};
use crate::ngap::connections::Phase;
use crate::ngap::{Gnb, Out};
use crate::node::action::NodeAction;
use crate::node::cause::HandoverFailure as Failure;

/// The driver gives the handover up. Once the UE has left there is nothing to give up.
pub(crate) fn cancel(gnb: &mut Gnb, ue: u32, out: &mut Out) {
    let Some((ran, connection)) = gnb.connections.of_ue_mut(ue) else {
        return out.push(NodeAction::Unexpected("cancel-without-connection"));
    };
    if !connection.phase.is_preparing() {
        return out.push(NodeAction::Unexpected("cancel-without-preparation"));
    }
    begin(gnb, ran, CauseRadioNetwork::handover_cancelled, Failure::Cancelled, out);
}

/// Sends a HANDOVER CANCEL (§8.4.5.2).
pub(crate) fn begin(gnb: &mut Gnb, ran: u32, cause: CauseRadioNetwork, failure: Failure, out: &mut Out) {
    let Some(connection) = gnb.connections.get_mut(ran) else { return };
    let (Some(ue), Some(amf), Phase::Leaving(preparation)) =
        (connection.ue, connection.amf, &mut connection.phase)
    else {
        return;
    };
    preparation.cancel();
    gnb.send_ue(ran, request(amf, ran, cause), out);
    out.push(NodeAction::SetTimer(NodeTimer::HandoverPreparation(ran), timers::TNGRELOC_PREP));
    out.push(NodeAction::HandoverPreparationFailed { ue, cause: failure });
}

/// HANDOVER CANCEL ACKNOWLEDGE (§8.4.5.2).
pub(crate) fn acknowledged(gnb: &mut Gnb, pdu: &NGAPPDU<'_>, out: &mut Out) -> Result<(), Error> {
    let (amf, ran) = acknowledge(pdu)?;
    if !gnb.associate(amf, ran, out) {
        return Ok(());
    }
    match gnb.connections.get_mut(ran) {
        Some(connection) if matches!(&connection.phase, Phase::Leaving(it) if it.expects_cancel_acknowledge()) =>
        {
            connection.phase = Phase::Here;
            out.push(NodeAction::StopTimer(NodeTimer::HandoverPreparation(ran)));
        }
        _ => out.push(NodeAction::Unexpected("handover-cancel-acknowledge")),
    }
    Ok(())
}

/// HANDOVER CANCEL (TS 38.413 §9.2.3.11).
fn request(amf: u64, ran: u32, cause: CauseRadioNetwork) -> Result<Vec<u8>, Error> {
    build_ngap!(
        InitiatingMessage,
        HandoverCancel,
        HandoverCancel,
        AMF_UE_NGAP_ID(amf),
        RAN_UE_NGAP_ID(ran),
        Cause(Cause::radioNetwork(cause)),
    )?
    .encode()
}

/// HANDOVER CANCEL ACKNOWLEDGE (TS 38.413 §9.2.3.12).
fn acknowledge(pdu: &NGAPPDU<'_>) -> Result<(u64, u32), Error> {
    extract_ngap_ies!(pdu, HandoverCancelAcknowledge,
        req amf: u64 = AMF_UE_NGAP_ID(id),
        req ran: u32 = RAN_UE_NGAP_ID(id),
    );
    Ok((amf, ran))
}
