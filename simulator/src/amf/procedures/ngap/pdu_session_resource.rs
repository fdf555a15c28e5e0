//! PDU Session Resource Setup, Modify and Release (TS 38.413 §8.2.1 to §8.2.3).

use std::time::Instant;

use identity::SessionId;
use oxirush_ngap::helpers::s_nssai;
use oxirush_ngap::{Error, build_ngap, extract_ngap_ies, ngap::*};

use crate::amf::connection::{ConnectionId, Protection};
use crate::amf::procedures::Step;
use crate::amf::{Amf, connections, sending, session_status};
use crate::sessions::session::{Session, SessionKey};
use crate::sessions::{EventContext, n2};
use crate::statistics::Message;

/// PDU SESSION RESOURCE SETUP REQUEST; with `message`, of 5GSM, for the first session.
pub(in crate::amf) fn set_up<'a>(
    amf: &mut Amf,
    now: Instant,
    id: ConnectionId,
    sessions: impl Iterator<Item = &'a Session>,
    mut message: Option<Vec<u8>>,
) {
    let mut items = Vec::new();
    for session in sessions {
        let plain = message.take().and_then(|octets| sending::carried(amf, session.id, octets));
        let pdu = plain.and_then(|plain| sending::protected(amf, id, plain, Protection::Current));
        let slice = s_nssai(session.slice.sst, session.slice.sd);
        let Some(transfer) = n2::setup_request(session) else { continue };
        let pdu = pdu.map(|pdu| NASPDU(pdu.into()));
        let number = PDUSessionID(session.id.value());
        items.push(PDUSessionResourceSetupItemSUReq::new(number, pdu, slice, transfer.into(), None));
    }
    let Some(connection) = amf.connections.get(&id) else { return };
    if items.is_empty() {
        return;
    }
    let pdu = build_ngap!(
        InitiatingMessage,
        PDUSessionResourceSetup,
        PDUSessionResourceSetupRequest,
        AMF_UE_NGAP_ID(id.0),
        RAN_UE_NGAP_ID(connection.ran_ue_id),
        PDUSessionResourceSetupListSUReq(PDUSessionResourceSetupListSUReq(items)),
        UEAggregateMaximumBitRate(amf.settings.ue_ambr()),
    );
    sending::of_ue(amf, now, id, Message::SessionResourceSetupRequest, pdu);
}

/// PDU SESSION RESOURCE SETUP RESPONSE: some sessions have their resources, others don't (§8.2.1.2).
pub(in crate::amf) fn set_up_answered<'a>(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    association: u32,
    pdu: &'a NGAPPDU<'a>,
) -> Result<Step<'a>, Error> {
    extract_ngap_ies!(pdu, PDUSessionResourceSetupResponse,
        lax amf_ue_id: u64 = AMF_UE_NGAP_ID(id),
        lax ran_ue_id: u32 = RAN_UE_NGAP_ID(id),
        lax done: PDUSessionResourceSetupListSURes = PDUSessionResourceSetupListSURes(list) => list,
        lax failed: PDUSessionResourceFailedToSetupListSURes =
            PDUSessionResourceFailedToSetupListSURes(list) => list,
    );
    let Some(id) = connections::answered(amf, context, association, amf_ue_id, ran_ue_id) else {
        return Ok(Step::Stay);
    };
    let set_up = done
        .iter()
        .flat_map(|list| &list.0)
        .map(|item| (item.pdu_session_id.0, item.pdu_session_resource_setup_response_transfer.as_slice()));
    let not_set_up = failed.iter().flat_map(|list| &list.0).map(|item| item.pdu_session_id.0);
    session_status::resources_answered(amf, context, id, set_up, not_set_up);
    Ok(Step::Stay)
}

/// PDU SESSION RESOURCE MODIFY REQUEST with a 5GSM message.
pub(in crate::amf) fn modify(
    amf: &mut Amf,
    now: Instant,
    id: ConnectionId,
    session: &Session,
    message: Vec<u8>,
) {
    let Some(plain) = sending::carried(amf, session.id, message) else { return };
    let Some(pdu) = sending::protected(amf, id, plain, Protection::Current) else { return };
    let Some(transfer) = n2::modify_request(session) else { return };
    let Some(connection) = amf.connections.get(&id) else { return };
    let number = PDUSessionID(session.id.value());
    let item =
        PDUSessionResourceModifyItemModReq::new(number, Some(NASPDU(pdu.into())), transfer.into(), None);
    let pdu = build_ngap!(
        InitiatingMessage,
        PDUSessionResourceModify,
        PDUSessionResourceModifyRequest,
        AMF_UE_NGAP_ID(id.0),
        RAN_UE_NGAP_ID(connection.ran_ue_id),
        PDUSessionResourceModifyListModReq(PDUSessionResourceModifyListModReq(vec![item])),
    );
    sending::of_ue(amf, now, id, Message::SessionResourceModifyRequest, pdu);
}

/// PDU SESSION RESOURCE MODIFY RESPONSE: what was not modified goes on as before (§8.2.3.2).
pub(in crate::amf) fn modify_answered<'a>(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    association: u32,
    pdu: &'a NGAPPDU<'a>,
) -> Result<Step<'a>, Error> {
    extract_ngap_ies!(pdu, PDUSessionResourceModifyResponse,
        lax amf_ue_id: u64 = AMF_UE_NGAP_ID(id),
        lax ran_ue_id: u32 = RAN_UE_NGAP_ID(id),
    );
    connections::answered(amf, context, association, amf_ue_id, ran_ue_id);
    Ok(Step::Stay)
}

/// PDU SESSION RESOURCE RELEASE COMMAND, with a 5GSM message where the UE is to be told.
pub(in crate::amf) fn release(
    amf: &mut Amf,
    now: Instant,
    id: ConnectionId,
    session: SessionId,
    message: Option<Vec<u8>>,
) {
    let plain = message.and_then(|message| sending::carried(amf, session, message));
    let nas = plain.and_then(|plain| sending::protected(amf, id, plain, Protection::Current));
    let Some(transfer) = n2::release_command(Cause::nas(CauseNas::normal_release)) else { return };
    let Some(connection) = amf.connections.get(&id) else { return };
    let number = PDUSessionID(session.value());
    let item = PDUSessionResourceToReleaseItemRelCmd::new(number, transfer.into(), None);
    let list = PDUSessionResourceToReleaseListRelCmd(vec![item]);
    let pdu = match nas {
        Some(nas) => build_ngap!(
            InitiatingMessage,
            PDUSessionResourceRelease,
            PDUSessionResourceReleaseCommand,
            AMF_UE_NGAP_ID(id.0),
            RAN_UE_NGAP_ID(connection.ran_ue_id),
            NAS_PDU(nas),
            PDUSessionResourceToReleaseListRelCmd(list),
        ),
        None => build_ngap!(
            InitiatingMessage,
            PDUSessionResourceRelease,
            PDUSessionResourceReleaseCommand,
            AMF_UE_NGAP_ID(id.0),
            RAN_UE_NGAP_ID(connection.ran_ue_id),
            PDUSessionResourceToReleaseListRelCmd(list),
        ),
    };
    sending::of_ue(amf, now, id, Message::SessionResourceReleaseCommand, pdu);
}

/// PDU SESSION RESOURCE RELEASE RESPONSE: nothing more comes up.
pub(in crate::amf) fn release_answered<'a>(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    association: u32,
    pdu: &'a NGAPPDU<'a>,
) -> Result<Step<'a>, Error> {
    extract_ngap_ies!(pdu, PDUSessionResourceReleaseResponse,
        lax amf_ue_id: u64 = AMF_UE_NGAP_ID(id),
        lax ran_ue_id: u32 = RAN_UE_NGAP_ID(id),
        lax released: PDUSessionResourceReleasedListRelRes = PDUSessionResourceReleasedListRelRes(list) => list,
    );
    let Some(id) = connections::answered(amf, context, association, amf_ue_id, ran_ue_id) else {
        return Ok(Step::Stay);
    };
    let supi = amf.supi_on(id);
    let EventContext { sessions, ports } = context;
    for item in released.iter().flat_map(|list| &list.0) {
        let Some(session) = SessionId::new(item.pdu_session_id.0) else { continue };
        sessions.ended(ports, id.into(), Some(session));
        if let Some(supi) = supi {
            sessions.resources_released(ports, SessionKey { supi, id: session });
        }
    }
    Ok(Step::Stay)
}

/// PDU SESSION RESOURCE NOTIFY (§8.2.4): the gNB has released the resources of sessions by itself; they stay, without their
/// user plane. That QoS flows are no longer fulfilled changes nothing where there is none but the default one.
pub(in crate::amf) fn notified<'a>(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    association: u32,
    pdu: &'a NGAPPDU<'a>,
) -> Result<Step<'a>, Error> {
    extract_ngap_ies!(pdu, PDUSessionResourceNotify,
        req amf_ue_id: u64 = AMF_UE_NGAP_ID(id),
        req ran_ue_id: u32 = RAN_UE_NGAP_ID(id),
        lax released: PDUSessionResourceReleasedListNot = PDUSessionResourceReleasedListNot(list) => list,
    );
    let Some(id) = connections::named(amf, context, association, amf_ue_id, ran_ue_id) else {
        return Ok(Step::Stay);
    };
    let Some(supi) = amf.supi_on(id) else { return Ok(Step::Stay) };
    for item in released.iter().flat_map(|list| &list.0) {
        let Some(id) = SessionId::new(item.pdu_session_id.0) else { continue };
        context.sessions.resources_lost(&mut context.ports, SessionKey { supi, id });
    }
    Ok(Step::Stay)
}
