//! The end of a connection: UE Context Release and its request, and Error Indication (TS 38.413 §8.3.2, §8.3.3, §8.7.5).

use oxirush_ngap::Error;
use oxirush_ngap::ngap::{CauseRadioNetwork, NGAPPDU};

use super::connections::Phase;
use super::{Gnb, GnbAction, Out, ReleaseCause, Released, handover_source};
use crate::ngap::procedures::{error_indication, ue_context_release};

/// Asks the AMF to release a UE (§8.3.2).
pub(super) fn request(gnb: &mut Gnb, ue: u32, cause: ReleaseCause, out: &mut Out) {
    let Some((ran, connection)) = gnb.connections.of_ue_mut(ue) else {
        return out.push(GnbAction::Unexpected("release-without-connection"));
    };
    if matches!(connection.phase, Phase::Commanded | Phase::Overdue) {
        return out.push(GnbAction::Unexpected("release-in-handover"));
    }
    let Some(amf) = connection.amf else { return gnb.drop_connection(ran, Released::Normal, out) };
    if cause == ReleaseCause::RadioConnectionLost && std::mem::replace(&mut connection.lost, true) {
        return;
    }
    // A UE that is to be released is not to be handed over.
    if connection.phase == Phase::Preparing {
        handover_source::cancel(gnb, ue, out);
    }
    ask(gnb, ran, amf, cause.cause(), out);
}

/// UE CONTEXT RELEASE REQUEST with the sessions of the connection.
pub(super) fn ask(gnb: &mut Gnb, ran: u32, amf: u64, cause: CauseRadioNetwork, out: &mut Out) {
    let sessions = gnb.connections.get(ran).map_or(&[][..], |connection| &connection.sessions);
    gnb.send_ue(ran, ue_context_release::request(amf, ran, sessions, cause), out);
}

/// TS 38.413 §8.3.3.
pub(super) fn commanded(gnb: &mut Gnb, pdu: &NGAPPDU<'_>, out: &mut Out) -> Result<(), Error> {
    let command = ue_context_release::command(pdu)?;
    let found = gnb.connections.find(command.amf, command.ran);
    let Some((ran, connection)) = found.and_then(|ran| Some((ran, gnb.connections.get(ran)?))) else {
        let cause = CauseRadioNetwork::unknown_local_UE_NGAP_ID;
        gnb.unknown(command.amf, command.ran, cause, out);
        return Ok(());
    };
    let handed_over = command.cause.is(CauseRadioNetwork::successful_handover)
        && matches!(connection.phase, Phase::Commanded | Phase::Overdue | Phase::GivenUp);
    let amf = command.amf.unwrap_or_default();
    let complete =
        ue_context_release::complete(&gnb.settings, amf, ran, connection.cell, &connection.sessions);
    gnb.send_ue(ran, complete, out);
    gnb.drop_connection(ran, if handed_over { Released::HandedOver } else { Released::Normal }, out);
    Ok(())
}

/// TS 38.413 §8.7.5: the AMF does not know the UE as we do, so the connection is of no use.
pub(super) fn error_indicated(gnb: &mut Gnb, pdu: &NGAPPDU<'_>, out: &mut Out) -> Result<(), Error> {
    let (amf, ran) = error_indication::ue(pdu)?;
    out.push(GnbAction::Unexpected("error-indication"));
    if let Some(ran) = gnb.connections.find(amf, ran) {
        gnb.drop_connection(ran, Released::Lost, out);
    }
    Ok(())
}
