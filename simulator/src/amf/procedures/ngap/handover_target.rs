//! N2 handover, target side: resource allocation and notification (TS 38.413 §8.4.2, §8.4.3, TS 23.502 §4.9.1.3).

use std::time::Instant;

use identity::SessionId;
use oxirush_ngap::{Error, build_ngap, extract_ngap_ies, ngap::*};

use crate::amf::connection::{ConnectionId, Leg};
use crate::amf::expiry::Expiry;
use crate::amf::procedures::{Procedure, Step};
use crate::amf::ue::UeId;
use crate::amf::{Amf, connections, leaving, sending};
use crate::sessions::session::SessionKey;
use crate::sessions::{EventContext, n2};
use crate::statistics::{Event, Message, Refusal};

/// HANDOVER REQUEST ACKNOWLEDGE: the source gets its HANDOVER COMMAND.
pub(in crate::amf) fn acknowledged<'a>(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    association: u32,
    pdu: &'a NGAPPDU<'a>,
) -> Result<Step<'a>, Error> {
    extract_ngap_ies!(pdu, HandoverRequestAcknowledge,
        req amf_ue_id: u64 = AMF_UE_NGAP_ID(id),
        req ran_ue_id: u32 = RAN_UE_NGAP_ID(id),
        req admitted: PDUSessionResourceAdmittedList = PDUSessionResourceAdmittedList(list) => list,
        req container: TargetToSourceTransparentContainer = TargetToSource_TransparentContainer(octets) => octets,
    );
    let Some(id) = connections::named(amf, context, association, amf_ue_id, ran_ue_id) else {
        return Ok(Step::Stay);
    };
    let ends = admitted.0.iter().filter_map(|item| {
        let end = n2::admitted(item.handover_request_acknowledge_transfer.as_slice())?;
        Some((SessionId::new(item.pdu_session_id.0)?, end))
    });
    let ends: Vec<_> = ends.collect();
    let at = context.now() + amf.settings.timers.handover_completion;
    let leg = amf.connections.get_mut(&id).and_then(|connection| connection.leg.as_mut());
    let Some(Leg::Target(arrival)) = leg.filter(|leg| matches!(leg, Leg::Target(it) if !it.acknowledged))
    else {
        // It crossed the end of the handover, which the gNB is told of.
        amf.refuse(Refusal::OutOfState);
        return Ok(Step::Stay);
    };
    if ends.is_empty() {
        amf.refuse(Refusal::MalformedNgap);
        return Ok(Step::Release(id, Cause::protocol(CauseProtocol::semantic_error)));
    }
    arrival.acknowledged = true;
    arrival.admitted = ends;
    let (source, ue) = (arrival.source, arrival.ue);
    if let Some(timer) = arrival.timer.replace(amf.timers.start(at, Expiry::Handover(id))) {
        amf.timers.stop(timer);
    }
    if let Some(gnb) = amf.gnbs.get_mut(&association) {
        gnb.arriving.retain(|arriving| *arriving != id);
    }
    connections::adopt(amf, context, association, ran_ue_id, id);
    command(amf, context, (source, id, ue), container);
    Ok(Step::Stay)
}

/// HANDOVER COMMAND.
fn command(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    (source, target, ue): (ConnectionId, ConnectionId, UeId),
    container: TargetToSourceTransparentContainer<'_>,
) {
    let Some(Leg::Target(arrival)) = amf.connections.get(&target).and_then(|it| it.leg.as_ref()) else {
        return;
    };
    let admitted: Vec<_> = arrival.admitted.iter().map(|(id, _)| *id).collect();
    let item = |id: &SessionId| {
        Some(PDUSessionResourceHandoverItem::new(
            PDUSessionID(id.value()),
            n2::handover_command()?.into(),
            None,
        ))
    };
    let items: Vec<_> = admitted.iter().filter_map(item).collect();
    let cause = Cause::radioNetwork(CauseRadioNetwork::no_radio_resources_available_in_target_cell);
    let released = amf.ues.get(ue).map(|ue| context.sessions.of(ue.imsi)).unwrap_or_default();
    let released = released.iter().filter(|session| session.ran.is_some() && !admitted.contains(&session.id));
    let released = released.filter_map(|session| {
        let transfer = n2::handover_unsuccessful(cause.clone())?.into();
        Some(PDUSessionResourceToReleaseItemHOCmd::new(PDUSessionID(session.id.value()), transfer, None))
    });
    let released: Vec<_> = released.collect();
    let Some(connection) = amf.connections.get_mut(&source) else { return };
    connection.leg = Some(Leg::Source { commanded: true, target });
    let ran_ue_id = connection.ran_ue_id;
    let pdu = if released.is_empty() {
        build_ngap!(
            SuccessfulOutcome,
            HandoverPreparation,
            HandoverCommand,
            AMF_UE_NGAP_ID(source.0),
            RAN_UE_NGAP_ID(ran_ue_id),
            HandoverType(HandoverType::intra5gs),
            PDUSessionResourceHandoverList(PDUSessionResourceHandoverList(items)),
            TargetToSource_TransparentContainer(container),
        )
    } else {
        build_ngap!(
            SuccessfulOutcome,
            HandoverPreparation,
            HandoverCommand,
            AMF_UE_NGAP_ID(source.0),
            RAN_UE_NGAP_ID(ran_ue_id),
            HandoverType(HandoverType::intra5gs),
            PDUSessionResourceHandoverList(PDUSessionResourceHandoverList(items)),
            PDUSessionResourceToReleaseListHOCmd(PDUSessionResourceToReleaseListHOCmd(released)),
            TargetToSource_TransparentContainer(container),
        )
    };
    amf.statistics.counters.count_event(Event::HandoverPrepared);
    sending::of_ue(amf, context.now(), source, Message::HandoverCommand, pdu);
}

/// HANDOVER FAILURE: the target takes nothing, and knows nothing of the UE (§8.4.2.3).
pub(in crate::amf) fn failed<'a>(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    association: u32,
    pdu: &'a NGAPPDU<'a>,
) -> Result<Step<'a>, Error> {
    extract_ngap_ies!(pdu, HandoverFailure, req amf_ue_id: u64 = AMF_UE_NGAP_ID(id),);
    let id = ConnectionId(amf_ue_id);
    let of_it = amf.connections.get(&id).is_some_and(|connection| {
        connection.association == association
            && matches!(&connection.leg, Some(Leg::Target(arrival)) if !arrival.acknowledged)
    });
    // It crossed the release of the target, or is of nobody.
    let released = amf
        .connections
        .get(&id)
        .is_some_and(|connection| connection.association == association && connection.is_being_released());
    if of_it {
        amf.refuse(Refusal::HandoverRefusedByTarget);
        if let Some(arrival) = leaving::forget_target(amf, id) {
            leaving::without_target(amf, context.now(), id, &arrival);
        }
        leaving::forget(amf, context, id);
    } else if released {
        leaving::forget(amf, context, id);
    } else {
        amf.refuse(Refusal::UnknownUeId);
    }
    Ok(Step::Stay)
}

/// The answer of the target cannot be used: the handover has failed, and what the target may have is released.
pub(in crate::amf) fn unusable(amf: &mut Amf, now: Instant, id: ConnectionId) -> Step<'static> {
    let Some(arrival) = leaving::forget_target(amf, id) else { return Step::Stay };
    amf.refuse(Refusal::HandoverAborted);
    leaving::without_target(amf, now, id, &arrival);
    let cause = Cause::protocol(CauseProtocol::abstract_syntax_error_reject);
    Step::Release(id, cause)
}

/// HANDOVER NOTIFY: the UE has arrived. Its sessions follow it, and the source is released.
pub(in crate::amf) fn notified<'a>(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    association: u32,
    pdu: &'a NGAPPDU<'a>,
) -> Result<Step<'a>, Error> {
    extract_ngap_ies!(pdu, HandoverNotify,
        req amf_ue_id: u64 = AMF_UE_NGAP_ID(id),
        req ran_ue_id: u32 = RAN_UE_NGAP_ID(id),
        lax location: UserLocationInformation = UserLocationInformation(location) => location,
    );
    let Some(id) = connections::named(amf, context, association, amf_ue_id, ran_ue_id) else {
        return Ok(Step::Stay);
    };
    let ready = amf.connections.get(&id).is_some_and(
        |connection| matches!(&connection.leg, Some(Leg::Target(arrival)) if arrival.acknowledged),
    );
    if !ready {
        amf.refuse(Refusal::OutOfState);
        return Ok(Step::Stay);
    }
    let Some(arrival) = leaving::forget_target(amf, id) else { return Ok(Step::Stay) };
    connections::locate(amf, id, location.as_ref());
    let ue = amf.ues.get(arrival.ue);
    let still = ue.is_some_and(|ue| ue.registered && ue.connection.is_none_or(|id| id == arrival.source));
    if !still {
        amf.refuse(Refusal::HandoverAborted);
        let cause = CauseRadioNetwork::release_due_to_cn_detected_mobility;
        return Ok(Step::Release(id, Cause::radioNetwork(cause)));
    }
    take_over(amf, arrival.source, id);
    let from = amf.ues.get(arrival.ue).and_then(|ue| ue.connection);
    amf.move_to(id, arrival.ue);
    let serving = amf.connections.get(&id).and_then(|connection| amf.serving.get(connection.plmn));
    let serving = serving.map(|serving| serving.plmn);
    let Some(supi) = amf.supi_on(id) else { return Ok(Step::Stay) };
    if let Some(serving) = serving {
        for (session, end) in &arrival.admitted {
            let key = SessionKey { supi, id: *session };
            context.sessions.move_to(&mut context.ports, key, serving, *end);
        }
    }
    if let Some(source) = from {
        let cause = Cause::radioNetwork(CauseRadioNetwork::successful_handover);
        leaving::release(amf, context, source, cause);
    }
    let admitted: Vec<_> = arrival.admitted.iter().map(|(session, _)| *session).collect();
    context.sessions.keep_admitted(amf, &mut context.ports, supi, &admitted);
    amf.statistics.counters.count_event(Event::HandoverCompleted);
    Ok(Step::Stay)
}

/// The NAS signalling connection moves: what runs on it goes on at the target.
fn take_over(amf: &mut Amf, source: ConnectionId, target: ConnectionId) {
    let Some(from) = amf.connections.get_mut(&source) else {
        if let Some(to) = amf.connections.get_mut(&target) {
            (to.secured, to.context_set_up) = (true, true);
        }
        return;
    };
    from.leg = None;
    from.ue = None;
    let (procedure, repeat) = (std::mem::take(&mut from.procedure), from.repeat.take());
    let (candidate, timer) = (from.candidate.take(), from.timer.take());
    let timer = timer.and_then(|timer| amf.timers.take(timer));
    let Some(to) = amf.connections.get_mut(&target) else { return };
    (to.secured, to.context_set_up) = (true, true);
    if matches!(procedure, Procedure::Release) {
        return;
    }
    (to.procedure, to.repeat, to.candidate) = (procedure, repeat, candidate);
    if let Some((at, Expiry::Connection(_, timer))) = timer {
        to.timer = Some(amf.timers.start(at, Expiry::Connection(target, timer)));
    }
}
