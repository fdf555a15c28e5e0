//! NAS messages between UE and AMF (TS 38.413 §8.6).

use std::time::Instant;

use oxirush_ngap::Error;
use oxirush_ngap::ngap::{CauseRadioNetwork, NGAPPDU};

use super::connections::{Connection, Phase};
use super::{Gnb, GnbAction, HandoverFailure, Out, RefusalReason};
use crate::common::identity_of_ue::STmsi;
use crate::establishment_cause::EstablishmentCause;
use crate::ngap::procedures::{initial_ue_message, nas_transport, ue_context_release};

/// What a UE that connects brings.
pub(super) struct Initial<'a> {
    pub(super) nas: &'a [u8],
    pub(super) cause: EstablishmentCause,
    pub(super) s_tmsi: Option<STmsi>,
}

/// TS 38.413 §8.6.1.
pub(super) fn connect(gnb: &mut Gnb, ue: u32, cell: u32, initial: &Initial<'_>, now: Instant, out: &mut Out) {
    let refusal = if !gnb.is_ready() {
        Some(RefusalReason::NgInterfaceDown)
    } else if cell >= gnb.settings.cells {
        Some(RefusalReason::NoSuchCell)
    } else {
        None
    };
    if let Some(reason) = refusal {
        return out.push(GnbAction::Refused { ue, reason });
    }
    forsake(gnb, ue, out);
    let Some(ran) = gnb.connections.free_ran() else {
        return out.push(GnbAction::Refused { ue, reason: RefusalReason::NoIdentity });
    };
    let Initial { nas, cause, s_tmsi } = *initial;
    let Ok(octets) = initial_ue_message::message(&gnb.settings, ran, cell, nas, cause, s_tmsi) else {
        return out.push(GnbAction::Refused { ue, reason: RefusalReason::NotEncodable });
    };
    gnb.connections.insert(ran, Connection::new(Some(ue), cell, Phase::Here, now));
    out.push(GnbAction::Send { stream: gnb.stream_of(ran), octets, ue: Some(ue) });
}

/// A UE that connects anew leaves its old connection, which the AMF is asked to release.
pub(super) fn forsake(gnb: &mut Gnb, ue: u32, out: &mut Out) {
    let Some((ran, connection)) = gnb.connections.of_ue(ue) else { return };
    let (amf, was_lost) = (connection.amf, connection.lost);
    let cause = CauseRadioNetwork::radio_connection_with_ue_lost;
    let request = amf.map(|amf| ue_context_release::request(amf, ran, &connection.sessions, cause));
    match gnb.detach(ran, out) {
        Some((_, Phase::Preparing | Phase::Commanded | Phase::Overdue)) => {
            out.push(GnbAction::HandoverPreparationFailed { ue, cause: HandoverFailure::ConnectedAnew });
        }
        Some((_, Phase::Switching)) => {
            out.push(GnbAction::PathSwitchFailed { ue, cause: HandoverFailure::ConnectedAnew });
        }
        _ => {}
    }
    match request {
        Some(request) if !was_lost => gnb.send_ue(ran, request, out),
        Some(_) => {}
        // The AMF has not answered: there is no connection yet that it could release.
        None => {
            gnb.connections.remove(ran);
        }
    }
}

/// TS 38.413 §8.6.3.
pub(super) fn uplink(gnb: &mut Gnb, ue: u32, nas: &[u8], out: &mut Out) {
    let Some((ran, connection)) = gnb.connections.of_ue(ue) else {
        return out.push(GnbAction::Unexpected("uplink-without-connection"));
    };
    if !connection.phase.is_reachable() {
        return out.push(GnbAction::Unexpected("uplink-in-handover"));
    }
    // Before the AMF answered there is no id to send it to.
    let Some(amf) = connection.amf else {
        return out.push(GnbAction::Unexpected("uplink-before-downlink"));
    };
    let message = nas_transport::uplink(&gnb.settings, amf, ran, connection.cell, nas);
    gnb.send_ue(ran, message, out);
}

/// TS 38.413 §8.6.2.
pub(super) fn downlink(gnb: &mut Gnb, pdu: &NGAPPDU<'_>, out: &mut Out) -> Result<(), Error> {
    let message = nas_transport::downlink(pdu)?;
    if gnb.associate(message.amf, message.ran, out) {
        deliver(gnb, message.ran, message.amf, message.nas, out);
    }
    Ok(())
}

/// A NAS message to the UE, or back to the AMF when the UE is not there (§8.6.4): the AMF sends it again where the UE went.
pub(super) fn deliver(gnb: &mut Gnb, ran: u32, amf: u64, nas: Vec<u8>, out: &mut Out) {
    let Some(connection) = gnb.connections.get(ran) else { return };
    match connection.ue {
        Some(ue) if !connection.lost && connection.phase.is_reachable() => {
            out.push(GnbAction::Downlink { ue, nas });
        }
        _ => {
            let cause = match connection.phase {
                Phase::Commanded | Phase::Overdue => CauseRadioNetwork::ng_intra_system_handover_triggered,
                Phase::GivenUp => CauseRadioNetwork::xn_handover_triggered,
                _ => CauseRadioNetwork::radio_connection_with_ue_lost,
            };
            gnb.send_ue(ran, nas_transport::non_delivery(amf, ran, &nas, cause), out);
        }
    }
}
