//! How a UE leaves a connection: it is released, or forgotten; and what becomes of a handover of which the connection is an end
//! (TS 38.413 §8.3.3, §8.4).

use std::time::Instant;

use oxirush_ngap::{build_ngap, ngap::*};

use super::connection::{Arrival, ConnectionId, Leg};
use super::expiry::ConnectionTimer;
use super::procedures::{Awaited, Procedure};
use super::{Amf, sending};
use crate::sessions::EventContext;
use crate::statistics::{Message, Refusal};

/// UE CONTEXT RELEASE COMMAND. The UE is idle from now on; the identifiers are kept until the gNB confirms.
pub(super) fn release(amf: &mut Amf, context: &mut EventContext<'_>, id: ConnectionId, cause: Cause) {
    let Some(connection) = amf.connections.get(&id) else { return };
    if connection.is_being_released() {
        return;
    }
    let ran_ue_id = RANUENGAPID(connection.ran_ue_id);
    let known = connection.ran_ue_id_known;
    detach(amf, context, id);
    let ids = if known {
        UENGAPIDs::uE_NGAP_ID_pair(UENGAPIDPair::new(AMFUENGAPID(id.0), ran_ue_id, None))
    } else {
        UENGAPIDs::aMF_UE_NGAP_ID(AMFUENGAPID(id.0))
    };
    let pdu = build_ngap!(
        InitiatingMessage,
        UEContextRelease,
        UEContextReleaseCommand,
        UE_NGAP_IDs(ids),
        Cause(cause),
    );
    sending::of_ue(amf, context.now(), id, Message::UeContextReleaseCommand, pdu);
    if let Some(connection) = amf.connections.get_mut(&id) {
        connection.procedure = Procedure::Release;
    }
    sending::start_timer(amf, context.now(), id, ConnectionTimer::ReleaseGuard);
}

/// The same UE is back on another connection (TS 24.501 §5.5.1.2.8 f, TS 38.413 §8.3.3.2).
pub(super) fn supersede(amf: &mut Amf, context: &mut EventContext<'_>, id: ConnectionId) {
    let Some(connection) = amf.connections.get_mut(&id) else { return };
    // The UE has moved on: it is not idle.
    connection.ue = None;
    if matches!(connection.procedure, Procedure::Registration(_)) {
        amf.refuse(Refusal::SupersededRequest);
    }
    release(amf, context, id, Cause::radioNetwork(CauseRadioNetwork::release_due_to_cn_detected_mobility));
}

/// Forgets a connection without a word to the gNB. The UE is idle, and what ran is aborted.
pub(super) fn forget(amf: &mut Amf, context: &mut EventContext<'_>, id: ConnectionId) {
    detach(amf, context, id);
    context.sessions.ended(&mut context.ports, id.into(), None);
    let Some(connection) = amf.connections.remove(&id) else { return };
    if let Some(gnb) = amf.gnbs.get_mut(&connection.association)
        && gnb.connections.get(&connection.ran_ue_id) == Some(&id)
    {
        gnb.connections.remove(&connection.ran_ue_id);
    }
}

/// Ends what runs on a connection, and takes its UE off it.
fn detach(amf: &mut Amf, context: &mut EventContext<'_>, id: ConnectionId) {
    let superseded = amf.connections.get(&id).is_some_and(|connection| connection.ue.is_none());
    end_leg(amf, context, id, superseded);
    sending::settle(amf, id);
    let Some(connection) = amf.connections.get_mut(&id) else { return };
    let (procedure, ue) = (std::mem::take(&mut connection.procedure), connection.ue.take());
    connection.candidate = None;
    // TS 24.501 §5.5.1.2.8 a, §5.4.x.6 a: lower layer failure. After a REGISTRATION ACCEPT the UE is registered,
    // under both of its 5G-GUTIs.
    if !matches!(procedure.awaits(), Awaited::Nothing | Awaited::ReleaseComplete) {
        amf.refuse(Refusal::LowerLayerFailure);
    }
    if let Some(ue) = ue {
        amf.ue_is_idle(context, ue, Some(id));
    }
}

/// An end of a handover goes, and with it the handover, unless the UE may still arrive.
fn end_leg(amf: &mut Amf, context: &mut EventContext<'_>, id: ConnectionId, superseded: bool) {
    let Some(connection) = amf.connections.get(&id) else { return };
    match &connection.leg {
        // The UE is on its way, and its source is gone: it may arrive nevertheless.
        Some(Leg::Source { commanded: true, .. }) if !superseded => {
            if let Some(connection) = amf.connections.get_mut(&id) {
                connection.leg = None;
            }
        }
        Some(Leg::Source { .. }) => {
            amf.refuse(Refusal::HandoverAborted);
            give_up_handover(amf, context, id, CauseRadioNetwork::release_due_to_5gc_generated_reason);
        }
        Some(Leg::Target(_)) => {
            let Some(arrival) = forget_target(amf, id) else { return };
            amf.refuse(Refusal::HandoverAborted);
            without_target(amf, context.now(), id, &arrival);
        }
        None => {}
    }
}

/// The handover that the connection is the source of is over: the target is released. `false` when there is none.
pub(super) fn give_up_handover(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    source: ConnectionId,
    cause: CauseRadioNetwork,
) -> bool {
    let Some(connection) = amf.connections.get_mut(&source) else { return false };
    match connection.leg.take() {
        Some(Leg::Source { target, .. }) => {
            forget_target(amf, target);
            release(amf, context, target, Cause::radioNetwork(cause));
            true
        }
        leg => {
            connection.leg = leg;
            false
        }
    }
}

/// The target is none any more; what it was to be.
pub(super) fn forget_target(amf: &mut Amf, target: ConnectionId) -> Option<Box<Arrival>> {
    let connection = amf.connections.get_mut(&target)?;
    let association = connection.association;
    let Some(Leg::Target(mut arrival)) = connection.leg.take() else { return None };
    if let Some(timer) = arrival.timer.take() {
        amf.timers.stop(timer);
    }
    if let Some(gnb) = amf.gnbs.get_mut(&association) {
        gnb.arriving.retain(|arriving| *arriving != target);
    }
    Some(arrival)
}

/// The source has no target any more; one that still waits for its HANDOVER COMMAND is told so.
pub(super) fn without_target(amf: &mut Amf, now: Instant, target: ConnectionId, arrival: &Arrival) {
    let Some(source) = amf.connections.get_mut(&arrival.source) else { return };
    let waits = match source.leg {
        Some(Leg::Source { commanded, target: of }) if of == target => !commanded,
        _ => return,
    };
    source.leg = None;
    if waits {
        let cause = CauseRadioNetwork::ho_failure_in_target_5GC_ngran_node_or_target_system;
        fail_preparation(amf, now, arrival.source, cause);
    }
}

/// HANDOVER PREPARATION FAILURE: the UE stays where it is.
pub(super) fn fail_preparation(amf: &mut Amf, now: Instant, source: ConnectionId, cause: CauseRadioNetwork) {
    let Some(connection) = amf.connections.get(&source) else { return };
    let pdu = build_ngap!(
        UnsuccessfulOutcome,
        HandoverPreparation,
        HandoverPreparationFailure,
        AMF_UE_NGAP_ID(source.0),
        RAN_UE_NGAP_ID(connection.ran_ue_id),
        Cause(Cause::radioNetwork(cause)),
    );
    sending::of_ue(amf, now, source, Message::HandoverPreparationFailure, pdu);
}
