//! N2 handover, source side: preparation, cancellation, RAN status (TS 38.413 §8.4.1, §8.4.5, §8.4.6, TS 23.502
//! §4.9.1.3).

use identity::{SessionId, Tac};
use oxirush_ngap::helpers::{guami, s_nssai};
use oxirush_ngap::{Error, build_ngap, build_ngap_ie, extract_ngap_ies, ngap::*};
use rand::Rng;

use crate::amf::connection::{Arrival, ConnectionId, Leg};
use crate::amf::expiry::Expiry;
use crate::amf::gnb::{Area, NodeIdentity};
use crate::amf::procedures::Step;
use crate::amf::security::capabilities_in_ngap;
use crate::amf::ue::UeId;
use crate::amf::{Amf, connections, leaving, sending};
use crate::sessions::session::Session;
use crate::sessions::{EventContext, n2};
use crate::statistics::{Event, Message, Refusal};

/// HANDOVER REQUIRED: the target is asked, or the source told why not.
pub(in crate::amf) fn required<'a>(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    association: u32,
    pdu: &'a NGAPPDU<'a>,
) -> Result<Step<'a>, Error> {
    extract_ngap_ies!(pdu, HandoverRequired,
        req amf_ue_id: u64 = AMF_UE_NGAP_ID(id),
        req ran_ue_id: u32 = RAN_UE_NGAP_ID(id),
        lax cause: Cause = Cause(cause) => cause,
        req target: TargetID = TargetID(target) => target,
        req sessions: PDUSessionResourceListHORqd = PDUSessionResourceListHORqd(list) => list,
        req container: SourceToTargetTransparentContainer = SourceToTarget_TransparentContainer(octets) => octets,
    );
    let Some(source) = connections::named(amf, context, association, amf_ue_id, ran_ue_id) else {
        return Ok(Step::Stay);
    };
    let Some(connection) = amf.connections.get(&source) else { return Ok(Step::Stay) };
    if connection.is_being_released() {
        // It crossed the UE CONTEXT RELEASE COMMAND.
        amf.refuse(Refusal::OutOfState);
        return Ok(Step::Stay);
    }
    if connection.leg.is_some() {
        // Two at once: neither, for the source could not tell their answers apart.
        amf.refuse(Refusal::HandoverAborted);
        let cause = CauseRadioNetwork::interaction_with_other_procedure;
        leaving::give_up_handover(amf, context, source, cause);
        leaving::fail_preparation(amf, context.now(), source, cause);
        return Ok(Step::Stay);
    }
    let sessions: Vec<_> =
        sessions.0.iter().filter_map(|item| SessionId::new(item.pdu_session_id.0)).collect();
    match prepare(amf, context, source, &target, &sessions) {
        Ok((target, ue, items)) => {
            let usual = Cause::radioNetwork(CauseRadioNetwork::handover_desirable_for_radio_reason);
            request(amf, context, (source, target, ue), items, cause.unwrap_or(usual), container);
        }
        Err((refusal, cause)) => {
            amf.refuse(refusal);
            leaving::fail_preparation(amf, context.now(), source, cause);
        }
    }
    Ok(Step::Stay)
}

/// Sessions that a target is asked to take.
type Items = Vec<PDUSessionResourceSetupItemHOReq<'static>>;

/// The connection at the target, for whom it is to be, and with which sessions; or why there is no handover.
fn prepare(
    amf: &mut Amf,
    context: &EventContext<'_>,
    source: ConnectionId,
    target: &TargetID,
    sessions: &[SessionId],
) -> Result<(ConnectionId, UeId, Items), (Refusal, CauseRadioNetwork)> {
    let (ue, to, plmn, tac) = judge(amf, context, source, target)?;
    let all = amf.ues.get(ue).map(|ue| context.sessions.of(ue.imsi)).unwrap_or_default();
    let items = items(all, sessions, amf.gnbs.get(&to).and_then(|gnb| gnb.area(plmn, tac)));
    if items.is_empty() {
        return Err(if all.iter().any(|one| sessions.contains(&one.id)) {
            (Refusal::HandoverNotAllowed, CauseRadioNetwork::slice_not_supported)
        } else {
            (Refusal::OutOfState, CauseRadioNetwork::unknown_PDU_session_ID)
        });
    }
    let no_room = CauseRadioNetwork::ho_failure_in_target_5GC_ngran_node_or_target_system;
    let target = connections::expect(amf, to, plmn, tac).ok_or((Refusal::TooManyConnections, no_room))?;
    Ok((target, ue, items))
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
    let identity = NodeIdentity::of(&target.global_ran_node_id).ok_or(unknown)?;
    let known = amf.gnbs.iter().find(|(_, gnb)| gnb.identity == Some(identity));
    let (association, gnb) = known.ok_or(unknown)?;
    let (association, tai) = (*association, &target.selected_tai);
    let (plmn, tac) = connections::area(amf, tai).ok_or(unknown)?;
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
fn items(all: &[Session], numbers: &[SessionId], area: Option<&Area>) -> Items {
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
    items: Items,
    cause: Cause,
    container: SourceToTargetTransparentContainer<'_>,
) {
    let at = context.now() + amf.settings.timers.handover_preparation;
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
        leaving::give_up_handover(amf, context, source, CauseRadioNetwork::unspecified);
        return leaving::fail_preparation(amf, context.now(), source, CauseRadioNetwork::unspecified);
    };
    sending::of_ue(amf, context.now(), target, Message::HandoverRequest, pdu);
}

fn build_request(
    amf: &mut Amf,
    (target, ue_id): (ConnectionId, UeId),
    items: Items,
    cause: Cause,
    container: SourceToTargetTransparentContainer<'_>,
) -> Option<Result<NGAP_PDU, Error>> {
    let settings = &amf.settings;
    let plmn = PLMNIdentity(amf.serving.get(amf.connections.get(&target)?.plmn)?.octets);
    let guami = guami(plmn, settings.region, settings.place.set, settings.place.pointer).ok()?;
    let ambr = amf.settings.ue_ambr();
    let ue = amf.ues.get_mut(ue_id)?;
    let allowed = ue.allowed.of(&amf.settings.slices);
    let allowed = allowed.map(|slice| AllowedNSSAIItem::new(s_nssai(slice.sst, slice.sd), None)).collect();
    let capabilities = capabilities_in_ngap(&ue.capability);
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

/// HANDOVER CANCEL: the target is released, and the source told so. One that comes too late changes nothing.
pub(in crate::amf) fn cancelled<'a>(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    association: u32,
    pdu: &'a NGAPPDU<'a>,
) -> Result<Step<'a>, Error> {
    extract_ngap_ies!(pdu, HandoverCancel,
        req amf_ue_id: u64 = AMF_UE_NGAP_ID(id),
        req ran_ue_id: u32 = RAN_UE_NGAP_ID(id),
    );
    let Some(source) = connections::named(amf, context, association, amf_ue_id, ran_ue_id) else {
        return Ok(Step::Stay);
    };
    if leaving::give_up_handover(amf, context, source, CauseRadioNetwork::handover_cancelled) {
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
    Ok(Step::Stay)
}

/// UPLINK RAN STATUS TRANSFER: the target gets what the source says, as it is.
pub(in crate::amf) fn status<'a>(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    association: u32,
    pdu: &'a NGAPPDU<'a>,
) -> Result<Step<'a>, Error> {
    extract_ngap_ies!(pdu, UplinkRANStatusTransfer,
        req amf_ue_id: u64 = AMF_UE_NGAP_ID(id),
        req ran_ue_id: u32 = RAN_UE_NGAP_ID(id),
    );
    let Some(source) = connections::named(amf, context, association, amf_ue_id, ran_ue_id) else {
        return Ok(Step::Stay);
    };
    let leg = amf.connections.get(&source).and_then(|connection| connection.leg.as_ref());
    let Some(Leg::Source { commanded: true, target }) = leg else {
        amf.refuse(Refusal::OutOfState);
        return Ok(Step::Stay);
    };
    let target = *target;
    let Some(connection) = amf.connections.get(&target) else { return Ok(Step::Stay) };
    // The container is between the two gNBs: it passes unread.
    let ies = pdu.protocol_ies()?;
    let container = ies.0.iter().find(|ie| ie.id == ID_RANSTATUS_TRANSFER_TRANSPARENT_CONTAINER);
    let pdu = downlink_status(target, connection.ran_ue_id, container.cloned());
    sending::of_ue(amf, context.now(), target, Message::DownlinkRanStatusTransfer, pdu);
    Ok(Step::Stay)
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

/// The time for the preparation, or for the arrival of the UE, is over.
pub(in crate::amf) fn expired(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    target: ConnectionId,
) -> Step<'static> {
    let Some(arrival) = leaving::forget_target(amf, target) else { return Step::Stay };
    let (refusal, cause) = if arrival.acknowledged {
        (Refusal::HandoverNotCompleted, CauseRadioNetwork::tngrelocoverall_expiry)
    } else {
        (Refusal::HandoverPreparationTimeout, CauseRadioNetwork::tngrelocprep_expiry)
    };
    amf.refuse(refusal);
    leaving::without_target(amf, context.now(), target, &arrival);
    Step::Release(target, Cause::radioNetwork(cause))
}
