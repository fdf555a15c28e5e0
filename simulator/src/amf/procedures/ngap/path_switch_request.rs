//! Path Switch Request: after an Xn handover the target gNB takes the UE over (TS 38.413 §8.4.4, TS 23.502 §4.9.1.2).

use identity::SessionId;
use oxirush_ngap::helpers::s_nssai;
use oxirush_ngap::{Error, build_ngap, extract_ngap_ies, ngap::*};
use rand::Rng;

use crate::amf::connection::ConnectionId;
use crate::amf::procedures::Step;
use crate::amf::ue::UeId;
use crate::amf::{Amf, connections, leaving, sending};
use crate::sessions::session::SessionKey;
use crate::sessions::{EventContext, n2};
use crate::statistics::{Event, Message, Refusal};
use crate::upf::N3End;

/// PATH SWITCH REQUEST.
pub(in crate::amf) fn requested<'a>(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    association: u32,
    pdu: &'a NGAPPDU<'a>,
) -> Result<Step<'a>, Error> {
    extract_ngap_ies!(pdu, PathSwitchRequest,
        req ran_ue_id: u32 = RAN_UE_NGAP_ID(id),
        req source: u64 = SourceAMF_UE_NGAP_ID(id) => id.0,
        lax location: UserLocationInformation = UserLocationInformation(location) => location,
        req switched: PDUSessionResourceToBeSwitchedDLList = PDUSessionResourceToBeSwitchedDLList(list) => list,
    );
    let id = ConnectionId(source);
    let named: Vec<u8> = switched.0.iter().map(|item| item.pdu_session_id.0).collect();
    let ends = switched.0.iter().filter_map(|item| {
        let end = n2::switched(item.path_switch_request_transfer.as_slice())?;
        Some((SessionId::new(item.pdu_session_id.0)?, end))
    });
    let ends: Vec<_> = ends.collect();
    match judge(amf, context, id, location.as_ref(), &ends) {
        Ok(ue) => {
            // The UE moved by itself: an N2 handover that was under way is void.
            if leaving::give_up_handover(amf, context, id, CauseRadioNetwork::xn_handover_triggered) {
                amf.refuse(Refusal::HandoverAborted);
            }
            connections::adopt(amf, context, association, ran_ue_id, id);
            connections::locate(amf, id, location.as_ref());
            amf.move_to(id, ue);
            switch(amf, context, (id, ue), &ends, &named);
        }
        Err((refusal, cause)) => {
            amf.refuse(refusal);
            fail(amf, context, association, (source, ran_ue_id), &named, cause);
        }
    }
    Ok(Step::Stay)
}

fn judge(
    amf: &mut Amf,
    context: &EventContext<'_>,
    id: ConnectionId,
    location: Option<&UserLocationInformation<'_>>,
    ends: &[(SessionId, N3End)],
) -> Result<UeId, (Refusal, CauseRadioNetwork)> {
    let unknown = (Refusal::UnknownUeId, CauseRadioNetwork::unknown_local_UE_NGAP_ID);
    let not_allowed = (Refusal::PathSwitchRefused, CauseRadioNetwork::ho_target_not_allowed);
    let connection = amf.connections.get(&id).ok_or(unknown)?;
    if connection.is_being_released() || !connection.secured {
        // It crossed the UE CONTEXT RELEASE COMMAND.
        return Err((Refusal::OutOfState, CauseRadioNetwork::interaction_with_other_procedure));
    }
    let ue_id = connection.ue.ok_or(unknown)?;
    let ue = amf.ues.get(ue_id).ok_or(unknown)?;
    let area = match location.and_then(connections::tai) {
        Some(tai) => connections::area(amf, tai),
        None => Some((connection.plmn, connection.tac)),
    };
    let (plmn, _) = area.ok_or(not_allowed)?;
    let serving = amf.serving.get(plmn).map(|serving| serving.plmn).ok_or(not_allowed)?;
    let agreement = context.sessions.settings().agreement(ue.home.unwrap_or(serving), serving);
    if agreement.is_some_and(|agreement| !agreement.accepts_handovers) {
        return Err(not_allowed);
    }
    let any = context
        .sessions
        .of(ue.imsi)
        .iter()
        .any(|session| session.is_established() && ends.iter().any(|(id, _)| *id == session.id));
    if !any {
        return Err((Refusal::PathSwitchRefused, CauseRadioNetwork::unknown_PDU_session_ID));
    }
    if amf.rng.random::<f64>() < amf.settings.handover.refuse_path_switch {
        return Err(not_allowed);
    }
    Ok(ue_id)
}

/// The sessions follow, with an end marker to the source; PATH SWITCH REQUEST ACKNOWLEDGE.
fn switch(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    (id, ue): (ConnectionId, UeId),
    ends: &[(SessionId, N3End)],
    named: &[u8],
) {
    let serving = amf.connections.get(&id).and_then(|connection| amf.serving.get(connection.plmn));
    let Some(serving) = serving.map(|serving| serving.plmn) else { return };
    let mut switched = Vec::new();
    let Some(supi) = amf.supi_on(id) else { return };
    for (session, end) in ends {
        let key = SessionKey { supi, id: *session };
        if context.sessions.move_to(&mut context.ports, key, serving, *end) {
            switched.push(*session);
        }
    }
    let item = |id: &SessionId| {
        let transfer = n2::path_switch_acknowledge()?.into();
        Some(PDUSessionResourceSwitchedItem::new(PDUSessionID(id.value()), transfer, None))
    };
    let items: Vec<_> = switched.iter().filter_map(item).collect();
    let cause = Cause::radioNetwork(CauseRadioNetwork::unknown_PDU_session_ID);
    let released = named.iter().filter(|id| !switched.iter().any(|session| session.value() == **id));
    let released = released.filter_map(|id| {
        let transfer = n2::path_switch_unsuccessful(cause.clone())?.into();
        Some(PDUSessionResourceReleasedItemPSAck::new(PDUSessionID(*id), transfer, None))
    });
    let released: Vec<_> = released.collect();
    let Some(ue) = amf.ues.get_mut(ue) else { return };
    let allowed = ue.allowed.of(&amf.settings.slices);
    let allowed = allowed.map(|slice| AllowedNSSAIItem::new(s_nssai(slice.sst, slice.sd), None)).collect();
    let Some((ncc, nh)) = ue.security.as_mut().map(|security| security.next_hop()) else { return };
    let security = SecurityContext::new(NextHopChainingCount(ncc), nh.into(), None);
    let Some(connection) = amf.connections.get(&id) else { return };
    let pdu = if released.is_empty() {
        build_ngap!(
            SuccessfulOutcome,
            PathSwitchRequest,
            PathSwitchRequestAcknowledge,
            AMF_UE_NGAP_ID(id.0),
            RAN_UE_NGAP_ID(connection.ran_ue_id),
            SecurityContext(security),
            PDUSessionResourceSwitchedList(PDUSessionResourceSwitchedList(items)),
            AllowedNSSAI(AllowedNSSAI(allowed)),
        )
    } else {
        build_ngap!(
            SuccessfulOutcome,
            PathSwitchRequest,
            PathSwitchRequestAcknowledge,
            AMF_UE_NGAP_ID(id.0),
            RAN_UE_NGAP_ID(connection.ran_ue_id),
            SecurityContext(security),
            PDUSessionResourceSwitchedList(PDUSessionResourceSwitchedList(items)),
            PDUSessionResourceReleasedListPSAck(PDUSessionResourceReleasedListPSAck(released)),
            AllowedNSSAI(AllowedNSSAI(allowed)),
        )
    };
    sending::of_ue(amf, context.now(), id, Message::PathSwitchRequestAcknowledge, pdu);
    amf.statistics.counters.count_event(Event::PathSwitched);
    context.sessions.keep_admitted(amf, &mut context.ports, supi, &switched);
}

/// PATH SWITCH REQUEST FAILURE: to the target, which the UE is not of.
fn fail(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    association: u32,
    (amf_ue_id, ran_ue_id): (u64, u32),
    named: &[u8],
    cause: CauseRadioNetwork,
) {
    let item = |id: &u8| {
        let transfer = n2::path_switch_unsuccessful(Cause::radioNetwork(cause))?.into();
        Some(PDUSessionResourceReleasedItemPSFail::new(PDUSessionID(*id), transfer, None))
    };
    let items = named.iter().filter_map(item).collect();
    let pdu = build_ngap!(
        UnsuccessfulOutcome,
        PathSwitchRequest,
        PathSwitchRequestFailure,
        AMF_UE_NGAP_ID(amf_ue_id),
        RAN_UE_NGAP_ID(ran_ue_id),
        PDUSessionResourceReleasedListPSFail(PDUSessionResourceReleasedListPSFail(items)),
    );
    sending::of_gnb(amf, context.now(), association, Message::PathSwitchRequestFailure, pdu);
}
