//! Handover through the AMF, at the source (TS 38.413 §8.4.1, §8.4.5, §8.4.6).
//!
//! ```text
//! begin ──► HANDOVER REQUIRED, TNGRELOCprep
//!           ◄── HANDOVER COMMAND ──► UPLINK RAN STATUS TRANSFER, TNGRELOCoverall, HandoverCommanded: the UE is off
//!           ◄── UE CONTEXT RELEASE COMMAND: Released
//! ```

use std::time::Instant;

use oxirush_ngap::Error;
use oxirush_ngap::ngap::{CauseRadioNetwork, NGAPPDU};

use super::connections::Phase;
use super::{Gnb, GnbAction, HandoverFailure, Out, Receipt, Released, TargetGnb, release};
use crate::common::timers::{self, GnbTimer};
use crate::ngap::procedures::{handover_cancel, handover_preparation, ran_status_transfer};

/// TS 38.413 §8.4.1.2.
pub(super) fn begin(
    gnb: &mut Gnb,
    ue: u32,
    target: &TargetGnb,
    container: &[u8],
    now: Instant,
    out: &mut Out,
) {
    match required(gnb, ue, target, container, now) {
        Ok((ran, octets)) => {
            if let Some(connection) = gnb.connections.get_mut(ran) {
                connection.phase = Phase::Preparing;
                connection.receipt = Some(Receipt::of(container));
            }
            gnb.send_ue(ran, Ok(octets), out);
            let timer = GnbTimer::HandoverPreparation(ran);
            out.push(GnbAction::SetTimer(timer, timers::TNGRELOC_PREP));
        }
        Err(cause) => out.push(GnbAction::HandoverPreparationFailed { ue, cause }),
    }
}

fn required(
    gnb: &Gnb,
    ue: u32,
    target: &TargetGnb,
    container: &[u8],
    now: Instant,
) -> Result<(u32, Vec<u8>), HandoverFailure> {
    let (ran, connection) = gnb.connections.of_ue(ue).ok_or(HandoverFailure::NoConnection)?;
    if connection.phase != Phase::Here {
        return Err(HandoverFailure::HandoverRunning);
    }
    let amf = connection.amf.filter(|_| !connection.lost).ok_or(HandoverFailure::NoConnection)?;
    if connection.sessions.is_empty() {
        return Err(HandoverFailure::NoSession);
    }
    let leaving = handover_preparation::Leaving {
        amf,
        ran,
        cell: connection.cell,
        stayed: now.saturating_duration_since(connection.since),
        sessions: &connection.sessions,
        container,
    };
    let octets = handover_preparation::required(&gnb.settings, target, &leaving);
    Ok((ran, octets.map_err(|_| HandoverFailure::NotEncodable)?))
}

/// HANDOVER COMMAND (§8.4.1.2): the status of the UE's bearers goes to the target (§8.4.6), and the UE with it.
pub(super) fn commanded(gnb: &mut Gnb, pdu: &NGAPPDU<'_>, out: &mut Out) -> Result<(), Error> {
    let (amf, ran, container) = handover_preparation::command(pdu)?;
    if !gnb.associate(amf, ran, out) {
        return Ok(());
    }
    let Some(connection) = gnb.connections.get_mut(ran) else { return Ok(()) };
    let Some(ue) = connection.ue.filter(|_| connection.phase == Phase::Preparing) else {
        // It crossed the HANDOVER CANCEL (§8.4.5.2), or answers nothing.
        out.push(GnbAction::Unexpected("handover-command"));
        return Ok(());
    };
    let receipt = connection.receipt.take();
    // A target of another make has nothing of ours in its container.
    if !container.is_empty() && receipt.is_none_or(|receipt| receipt.octets() != container) {
        // The target has admitted another UE: the AMF has mixed up two handovers, or sent an older container.
        out.push(GnbAction::Unexpected("handover-command-of-another-ue"));
        give_up(gnb, ran, CauseRadioNetwork::handover_cancelled, HandoverFailure::AnotherUe, out);
        return Ok(());
    }
    connection.phase = Phase::Commanded;
    let status = ran_status_transfer::uplink(amf, ran, connection.sessions.len());
    out.push(GnbAction::StopTimer(GnbTimer::HandoverPreparation(ran)));
    gnb.send_ue(ran, status, out);
    out.push(GnbAction::SetTimer(GnbTimer::HandoverOverall(ran), timers::TNGRELOC_OVERALL));
    out.push(GnbAction::HandoverCommanded { ue, container });
    Ok(())
}

/// HANDOVER PREPARATION FAILURE (§8.4.1.3).
pub(super) fn failed(gnb: &mut Gnb, pdu: &NGAPPDU<'_>, out: &mut Out) -> Result<(), Error> {
    let (amf, ran, cause) = handover_preparation::failure(pdu)?;
    if !gnb.associate(amf, ran, out) {
        return Ok(());
    }
    let Some(connection) = gnb.connections.get_mut(ran) else { return Ok(()) };
    let Some(ue) = connection.ue.filter(|_| connection.phase == Phase::Preparing) else {
        out.push(GnbAction::Unexpected("handover-preparation-failure"));
        return Ok(());
    };
    connection.phase = Phase::Here;
    out.push(GnbAction::StopTimer(GnbTimer::HandoverPreparation(ran)));
    out.push(GnbAction::HandoverPreparationFailed { ue, cause: HandoverFailure::Refused(cause) });
    Ok(())
}

/// The driver gives the handover up. Once the UE has left there is nothing to give up.
pub(super) fn cancel(gnb: &mut Gnb, ue: u32, out: &mut Out) {
    let Some((ran, connection)) = gnb.connections.of_ue_mut(ue) else {
        return out.push(GnbAction::Unexpected("cancel-without-connection"));
    };
    if connection.phase != Phase::Preparing {
        return out.push(GnbAction::Unexpected("cancel-without-preparation"));
    }
    give_up(gnb, ran, CauseRadioNetwork::handover_cancelled, HandoverFailure::Cancelled, out);
}

/// TNGRELOCprep: the preparation is cancelled (§8.4.1.2). When it runs for a HANDOVER CANCEL, the AMF has had its time.
pub(super) fn preparation_expired(gnb: &mut Gnb, ran: u32, out: &mut Out) {
    let Some(connection) = gnb.connections.get_mut(ran) else { return };
    match connection.phase {
        Phase::Preparing => {
            let cause = CauseRadioNetwork::tngrelocprep_expiry;
            give_up(gnb, ran, cause, HandoverFailure::PreparationTimedOut, out);
        }
        Phase::Cancelling => connection.phase = Phase::Here,
        _ => {}
    }
}

/// HANDOVER CANCEL (§8.4.5).
fn give_up(gnb: &mut Gnb, ran: u32, cause: CauseRadioNetwork, failure: HandoverFailure, out: &mut Out) {
    let Some(connection) = gnb.connections.get_mut(ran) else { return };
    let (Some(ue), Some(amf)) = (connection.ue, connection.amf) else { return };
    connection.phase = Phase::Cancelling;
    gnb.send_ue(ran, handover_cancel::cancel(amf, ran, cause), out);
    out.push(GnbAction::SetTimer(GnbTimer::HandoverPreparation(ran), timers::TNGRELOC_PREP));
    out.push(GnbAction::HandoverPreparationFailed { ue, cause: failure });
}

/// HANDOVER CANCEL ACKNOWLEDGE (§8.4.5.2).
pub(super) fn cancelled(gnb: &mut Gnb, pdu: &NGAPPDU<'_>, out: &mut Out) -> Result<(), Error> {
    let (amf, ran) = handover_cancel::acknowledge(pdu)?;
    if !gnb.associate(amf, ran, out) {
        return Ok(());
    }
    match gnb.connections.get_mut(ran) {
        Some(connection) if connection.phase == Phase::Cancelling => {
            connection.phase = Phase::Here;
            out.push(GnbAction::StopTimer(GnbTimer::HandoverPreparation(ran)));
        }
        _ => out.push(GnbAction::Unexpected("handover-cancel-acknowledge")),
    }
    Ok(())
}

/// TNGRELOCoverall: the AMF is asked to release what is left of the UE (§8.3.2.2). When that is not answered either, the gNB
/// releases it alone.
pub(super) fn overall_expired(gnb: &mut Gnb, ran: u32, out: &mut Out) {
    let Some(connection) = gnb.connections.get_mut(ran) else { return };
    match (&connection.phase, connection.ue, connection.amf) {
        (Phase::Commanded, Some(ue), Some(amf)) => {
            connection.phase = Phase::Overdue;
            out.push(GnbAction::HandoverOverdue { ue });
            release::ask(gnb, ran, amf, CauseRadioNetwork::tngrelocoverall_expiry, out);
            out.push(GnbAction::SetTimer(GnbTimer::HandoverOverall(ran), timers::TNGRELOC_OVERALL));
        }
        (Phase::Overdue, ..) => gnb.drop_connection(ran, Released::Lost, out),
        _ => {}
    }
}
