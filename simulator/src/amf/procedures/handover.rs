//! N2 handover, source side: preparation, cancellation, RAN status (TS 38.413 §8.4.1, §8.4.5, §8.4.6, TS 23.502
//! §4.9.1.3).

use identity::{SessionId, Tac};
use oxirush_ngap::helpers::{guami, s_nssai, ue_security_capabilities};
use oxirush_ngap::{Error, build_ngap, build_ngap_ie, extract_ngap_ies, ngap::*};
use rand::Rng;

use super::{nas_transport, ng_setup, pdu_session_resource, ue_context_release};
use crate::amf::connection::{Arrival, ConnectionId, Leg, State};
use crate::amf::expiry::Expiry;
use crate::amf::gnb::Area;
use crate::amf::ue::UeId;
use crate::amf::{Amf, ngap, sending};
use crate::sessions::session::Session;
use crate::sessions::{EventContext, n2};
use crate::statistics::{Event, Message, Refusal};

/// HANDOVER REQUIRED: the target is asked, or the source told why not.
pub(in crate::amf) fn required(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    association: u32,
    pdu: &NGAPPDU<'_>,
) -> Result<(), Error> {
    extract_ngap_ies!(pdu, HandoverRequired,
        req amf_ue_id: u64 = AMF_UE_NGAP_ID(id),
        req ran_ue_id: u32 = RAN_UE_NGAP_ID(id),
        lax cause: Cause = Cause(cause) => cause,
        req target: TargetID = TargetID(target) => target,
        req sessions: PDUSessionResourceListHORqd = PDUSessionResourceListHORqd(list) => list,
        req container: SourceToTargetTransparentContainer = SourceToTarget_TransparentContainer(octets) => octets,
    );
    let Some(source) = ngap::connection_of(amf, context, association, amf_ue_id, ran_ue_id) else {
        return Ok(());
    };
    let Some(connection) = amf.connections.get(&source) else { return Ok(()) };
    if connection.state == State::ExpectReleaseComplete {
        // It crossed the UE CONTEXT RELEASE COMMAND.
        amf.refuse(Refusal::OutOfState);
        return Ok(());
    }
    if connection.leg.is_some() {
        // Two at once: neither, for the source could not tell their answers apart.
        amf.refuse(Refusal::HandoverAborted);
        give_up(amf, context, source, CauseRadioNetwork::interaction_with_other_procedure);
        fail(amf, context, source, CauseRadioNetwork::interaction_with_other_procedure);
        return Ok(());
    }
    let sessions: Vec<_> =
        sessions.0.iter().filter_map(|item| SessionId::new(item.pdu_session_id.0)).collect();
    let judged = judge(amf, context, source, &target);
    let (ue, to, plmn, tac) = match judged {
        Ok(judged) => judged,
        Err((refusal, cause)) => {
            amf.refuse(refusal);
            fail(amf, context, source, cause);
            return Ok(());
        }
    };
    let all = amf.ues.get(ue).map(|ue| context.sessions.of(ue.imsi)).unwrap_or_default();
    let known = all.iter().any(|one| sessions.contains(&one.id));
    let items = items(all, &sessions, amf.gnbs.get(&to).and_then(|gnb| gnb.area(plmn, tac)));
    if items.is_empty() {
        let (refusal, cause) = if known {
            (Refusal::HandoverNotAllowed, CauseRadioNetwork::slice_not_supported)
        } else {
            (Refusal::OutOfState, CauseRadioNetwork::unknown_PDU_session_ID)
        };
        amf.refuse(refusal);
        fail(amf, context, source, cause);
        return Ok(());
    }
    let Some(target) = nas_transport::expect(amf, to, plmn, tac) else {
        amf.refuse(Refusal::TooManyConnections);
        fail(amf, context, source, CauseRadioNetwork::ho_failure_in_target_5GC_ngran_node_or_target_system);
        return Ok(());
    };
    let cause = cause.unwrap_or(Cause::radioNetwork(CauseRadioNetwork::handover_desirable_for_radio_reason));
    request(amf, context, (source, target, ue), items, cause, container);
    Ok(())
}

/// Where the UE is to go: the gNB's association, and the PLMN and tracking area there.
type Target = (UeId, u32, usize, Tac);

fn judge(
    amf: &mut Amf,
    context: &EventContext<'_>,
    source: ConnectionId,
    target: &TargetID,
) -> Result<Target, (Refusal, CauseRadioNetwork)> {
    let unknown = (Refusal::UnknownTarget, CauseRadioNetwork::unknown_targetID);
    let not_allowed = (Refusal::HandoverNotAllowed, CauseRadioNetwork::ho_target_not_allowed);
    let of_no_ue = (Refusal::OutOfState, CauseRadioNetwork::unspecified);
    let TargetID::targetRANNodeID(target) = target else { return Err(unknown) };
    let identity = ng_setup::identity_of(&target.global_ran_node_id).ok_or(unknown)?;
    let known = amf.gnbs.iter().find(|(_, gnb)| gnb.identity == Some(identity));
    let (association, gnb) = known.ok_or(unknown)?;
    let (association, tai) = (*association, &target.selected_tai);
    let (plmn, tac) = nas_transport::area(amf, tai).ok_or(unknown)?;
    if gnb.area(plmn, tac).is_none() {
        return Err(unknown);
    }
    let connection = amf.connections.get(&source).filter(|connection| connection.secured).ok_or(of_no_ue)?;
    let ue_id = connection.ue.ok_or(of_no_ue)?;
    let ue = amf.ues.get(ue_id).filter(|ue| ue.registered).ok_or(of_no_ue)?;
    let serving = amf.serving.get(plmn).map(|serving| serving.plmn).ok_or(unknown)?;
    let agreement = context.sessions.settings().agreement(ue.home.unwrap_or(serving), serving);
    if agreement.is_some_and(|agreement| !agreement.accepts_handovers) {
        return Err(not_allowed);
    }
    if amf.rng.random::<f64>() < amf.settings.handover.refuse {
        return Err(not_allowed);
    }
    Ok((ue_id, association, plmn, tac))
}

/// The sessions that the target is asked to take: those of slices that it does not support stay behind.
fn items(
    all: &[Session],
    numbers: &[SessionId],
    area: Option<&Area>,
) -> Vec<PDUSessionResourceSetupItemHOReq<'static>> {
    let wanted = all.iter().filter(|session| {
        numbers.contains(&session.id)
            && session.is_established()
            && session.ran.is_some()
            && area.is_some_and(|area| area.slices.contains(&session.slice))
    });
    let item = |session: &Session| {
        let (number, slice) = (PDUSessionID(session.id.value()), session.slice);
        let transfer = n2::setup_request(session)?.into();
        Some(PDUSessionResourceSetupItemHOReq::new(number, s_nssai(slice.sst, slice.sd), transfer, None))
    };
    wanted.filter_map(item).collect()
}

/// HANDOVER REQUEST.
fn request(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    (source, target, ue_id): (ConnectionId, ConnectionId, UeId),
    items: Vec<PDUSessionResourceSetupItemHOReq<'static>>,
    cause: Cause,
    container: SourceToTargetTransparentContainer<'_>,
) {
    let at = context.now() + amf.settings.handover_preparation;
    let timer = amf.timers.start(at, Expiry::Handover(target));
    let arrival =
        Arrival { source, ue: ue_id, acknowledged: false, admitted: Vec::new(), timer: Some(timer) };
    if let Some(connection) = amf.connections.get_mut(&target) {
        connection.leg = Some(Leg::Target(Box::new(arrival)));
    }
    if let Some(connection) = amf.connections.get_mut(&source) {
        connection.leg = Some(Leg::Source { commanded: false, target });
    }
    let Some(pdu) = build_request(amf, (target, ue_id), items, cause, container) else {
        give_up(amf, context, source, CauseRadioNetwork::unspecified);
        return fail(amf, context, source, CauseRadioNetwork::unspecified);
    };
    sending::of_ue(amf, context.now(), target, Message::HandoverRequest, pdu);
}

fn build_request(
    amf: &mut Amf,
    (target, ue_id): (ConnectionId, UeId),
    items: Vec<PDUSessionResourceSetupItemHOReq<'static>>,
    cause: Cause,
    container: SourceToTargetTransparentContainer<'_>,
) -> Option<Result<NGAP_PDU, Error>> {
    let settings = &amf.settings;
    let plmn = PLMNIdentity(amf.serving.get(amf.connections.get(&target)?.plmn)?.octets);
    let guami = guami(plmn, settings.region, settings.set, settings.pointer).ok()?;
    let ambr = pdu_session_resource::ue_ambr(amf);
    let ue = amf.ues.get_mut(ue_id)?;
    let allowed = ue.allowed.of(&amf.settings.slices);
    let allowed = allowed.map(|slice| AllowedNSSAIItem::new(s_nssai(slice.sst, slice.sd), None)).collect();
    let capabilities = ue_security_capabilities(ue.capability.ea_byte() << 1, ue.capability.ia_byte() << 1);
    let (ncc, nh) = ue.security.as_mut()?.next_hop();
    Some(build_ngap!(
        InitiatingMessage,
        HandoverResourceAllocation,
        HandoverRequest,
        AMF_UE_NGAP_ID(target.0),
        HandoverType(HandoverType::intra5gs),
        Cause(cause),
        UEAggregateMaximumBitRate(ambr),
        UESecurityCapabilities(capabilities),
        SecurityContext(SecurityContext::new(NextHopChainingCount(ncc), nh.into(), None)),
        PDUSessionResourceSetupListHOReq(PDUSessionResourceSetupListHOReq(items)),
        AllowedNSSAI(AllowedNSSAI(allowed)),
        SourceToTarget_TransparentContainer(container),
        GUAMI(guami),
    ))
}

/// HANDOVER PREPARATION FAILURE: the UE stays where it is.
pub(in crate::amf) fn fail(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    source: ConnectionId,
    cause: CauseRadioNetwork,
) {
    let Some(connection) = amf.connections.get(&source) else { return };
    let pdu = build_ngap!(
        UnsuccessfulOutcome,
        HandoverPreparation,
        HandoverPreparationFailure,
        AMF_UE_NGAP_ID(source.0),
        RAN_UE_NGAP_ID(connection.ran_ue_id),
        Cause(Cause::radioNetwork(cause)),
    );
    sending::of_ue(amf, context.now(), source, Message::HandoverPreparationFailure, pdu);
}

/// HANDOVER CANCEL: the target is released, and the source told so. One that comes too late changes nothing.
pub(in crate::amf) fn cancelled(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    association: u32,
    pdu: &NGAPPDU<'_>,
) -> Result<(), Error> {
    extract_ngap_ies!(pdu, HandoverCancel,
        req amf_ue_id: u64 = AMF_UE_NGAP_ID(id),
        req ran_ue_id: u32 = RAN_UE_NGAP_ID(id),
    );
    let Some(source) = ngap::connection_of(amf, context, association, amf_ue_id, ran_ue_id) else {
        return Ok(());
    };
    if give_up(amf, context, source, CauseRadioNetwork::handover_cancelled) {
        amf.statistics.counters.count_event(Event::HandoverCancelled);
    }
    let pdu = build_ngap!(
        SuccessfulOutcome,
        HandoverCancel,
        HandoverCancelAcknowledge,
        AMF_UE_NGAP_ID(source.0),
        RAN_UE_NGAP_ID(ran_ue_id),
    );
    sending::of_ue(amf, context.now(), source, Message::HandoverCancelAcknowledge, pdu);
    Ok(())
}

/// UPLINK RAN STATUS TRANSFER: the target gets what the source says, as it is.
pub(in crate::amf) fn status(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    association: u32,
    pdu: &NGAPPDU<'_>,
) -> Result<(), Error> {
    extract_ngap_ies!(pdu, UplinkRANStatusTransfer,
        req amf_ue_id: u64 = AMF_UE_NGAP_ID(id),
        req ran_ue_id: u32 = RAN_UE_NGAP_ID(id),
    );
    let Some(source) = ngap::connection_of(amf, context, association, amf_ue_id, ran_ue_id) else {
        return Ok(());
    };
    let leg = amf.connections.get(&source).and_then(|connection| connection.leg.as_ref());
    let Some(Leg::Source { commanded: true, target }) = leg else {
        amf.refuse(Refusal::OutOfState);
        return Ok(());
    };
    let target = *target;
    let Some(connection) = amf.connections.get(&target) else { return Ok(()) };
    // The container is between the two gNBs: it passes unread.
    let ies = pdu.protocol_ies()?;
    let container = ies.0.iter().find(|ie| ie.id == ID_RANSTATUS_TRANSFER_TRANSPARENT_CONTAINER);
    let pdu = downlink_status(target, connection.ran_ue_id, container.cloned());
    sending::of_ue(amf, context.now(), target, Message::DownlinkRanStatusTransfer, pdu);
    Ok(())
}

/// DOWNLINK RAN STATUS TRANSFER, with the container as the source has written it.
fn downlink_status(
    target: ConnectionId,
    ran_ue_id: u32,
    container: Option<ProtocolIEField<'_>>,
) -> Result<NGAP_PDU, Error> {
    let mut ies = vec![
        build_ngap_ie!(DownlinkRANStatusTransfer, AMF_UE_NGAP_ID(target.0))?,
        build_ngap_ie!(DownlinkRANStatusTransfer, RAN_UE_NGAP_ID(ran_ue_id))?,
    ];
    ies.extend(container);
    let message = DownlinkRANStatusTransfer::new(ProtocolIEContainer(ies));
    NGAP_PDU::of_message(&message, Criticality::ignore)
}

/// The handover that the connection is the source of is over: the target is released. `false` when there is none.
pub(in crate::amf) fn give_up(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    source: ConnectionId,
    cause: CauseRadioNetwork,
) -> bool {
    let Some(connection) = amf.connections.get_mut(&source) else { return false };
    match connection.leg.take() {
        Some(Leg::Source { target, .. }) => {
            forget_target(amf, target);
            ue_context_release::command(amf, context, target, Cause::radioNetwork(cause));
            true
        }
        leg => {
            connection.leg = leg;
            false
        }
    }
}

/// The target is none any more; what it was to be.
pub(in crate::amf) fn forget_target(amf: &mut Amf, target: ConnectionId) -> Option<Box<Arrival>> {
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

/// An end of a handover goes, and with it the handover, unless the UE may still arrive.
pub(in crate::amf) fn end_goes(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    id: ConnectionId,
    superseded: bool,
) {
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
            give_up(amf, context, id, CauseRadioNetwork::release_due_to_5gc_generated_reason);
        }
        Some(Leg::Target(_)) => {
            let Some(arrival) = forget_target(amf, id) else { return };
            amf.refuse(Refusal::HandoverAborted);
            without_target(amf, context, id, &arrival);
        }
        None => {}
    }
}

/// The source has no target any more; one that still waits for its HANDOVER COMMAND is told so.
pub(in crate::amf) fn without_target(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    target: ConnectionId,
    arrival: &Arrival,
) {
    let Some(source) = amf.connections.get_mut(&arrival.source) else { return };
    let waits = match source.leg {
        Some(Leg::Source { commanded, target: of }) if of == target => !commanded,
        _ => return,
    };
    source.leg = None;
    if waits {
        let cause = CauseRadioNetwork::ho_failure_in_target_5GC_ngran_node_or_target_system;
        fail(amf, context, arrival.source, cause);
    }
}

/// The time for the preparation, or for the arrival of the UE, is over.
pub(in crate::amf) fn expired(amf: &mut Amf, context: &mut EventContext<'_>, target: ConnectionId) {
    let Some(arrival) = forget_target(amf, target) else { return };
    let (refusal, cause) = if arrival.acknowledged {
        (Refusal::HandoverNotCompleted, CauseRadioNetwork::tngrelocoverall_expiry)
    } else {
        (Refusal::HandoverPreparationTimeout, CauseRadioNetwork::tngrelocprep_expiry)
    };
    amf.refuse(refusal);
    without_target(amf, context, target, &arrival);
    ue_context_release::command(amf, context, target, Cause::radioNetwork(cause));
}
