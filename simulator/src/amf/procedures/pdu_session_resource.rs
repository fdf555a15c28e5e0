//! PDU Session Resource Setup, Modify and Release (TS 38.413 §8.2.1 to §8.2.3).

use billing::Closing;
use identity::SessionId;
use oxirush_ngap::helpers::s_nssai;
use oxirush_ngap::{Error, build_ngap, extract_ngap_ies, ngap::*};

use super::{pdu_session, pdu_session_establishment, pdu_session_release};
use crate::amf::connection::{ConnectionId, Protection};
use crate::amf::ue::UeId;
use crate::amf::{Amf, Message, Refusal, Turn, ngap, sending};
use crate::sessions::session::State;
use crate::sessions::{self, n2};

/// PDU SESSION RESOURCE SETUP REQUEST; with `nas`, a 5GSM message, for the only session.
pub(in crate::amf) fn set_up(
    amf: &mut Amf,
    turn: &mut Turn<'_>,
    (id, ue_id): (ConnectionId, UeId),
    sessions: &[SessionId],
    mut nas: Option<Vec<u8>>,
) {
    let mut items = Vec::new();
    for session in sessions {
        let plain = nas.take().and_then(|octets| pdu_session::carried(amf, session.value(), octets));
        let pdu = plain.and_then(|plain| sending::protected(amf, id, plain, Protection::Current));
        let Some(session) = pdu_session::find(amf, ue_id, *session) else { continue };
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
        UEAggregateMaximumBitRate(ue_ambr(amf)),
    );
    sending::of_ue(amf, turn, id, Message::SessionResourceSetupRequest, pdu);
}

/// UE AMBR of the settings.
pub(in crate::amf) fn ue_ambr(amf: &Amf) -> UEAggregateMaximumBitRate {
    let (uplink, downlink) = amf.settings.smf.ue_ambr_bps;
    UEAggregateMaximumBitRate::new(BitRate(downlink), BitRate(uplink), None)
}

/// PDU SESSION RESOURCE SETUP RESPONSE: some sessions have their resources, others don't (§8.2.1.2).
pub(in crate::amf) fn set_up_answered(
    amf: &mut Amf,
    turn: &mut Turn<'_>,
    association: u32,
    pdu: &NGAPPDU<'_>,
) -> Result<(), Error> {
    extract_ngap_ies!(pdu, PDUSessionResourceSetupResponse,
        lax amf_ue_id: u64 = AMF_UE_NGAP_ID(id),
        lax ran_ue_id: u32 = RAN_UE_NGAP_ID(id),
        lax done: PDUSessionResourceSetupListSURes = PDUSessionResourceSetupListSURes(list) => list,
        lax failed: PDUSessionResourceFailedToSetupListSURes =
            PDUSessionResourceFailedToSetupListSURes(list) => list,
    );
    let Some(id) = ngap::answered(amf, turn, association, amf_ue_id, ran_ue_id) else { return Ok(()) };
    let Some(ue) = amf.connections.get(&id).and_then(|connection| connection.ue) else { return Ok(()) };
    for item in done.iter().flat_map(|list| &list.0) {
        let transfer = item.pdu_session_resource_setup_response_transfer.as_slice();
        has_resources(amf, turn, ue, item.pdu_session_id.0, transfer);
    }
    for item in failed.iter().flat_map(|list| &list.0) {
        has_no_resources(amf, turn, ue, item.pdu_session_id.0);
    }
    Ok(())
}

/// The gNB has set up a session; its transfer says where downlink goes.
pub(in crate::amf) fn has_resources(
    amf: &mut Amf,
    turn: &mut Turn<'_>,
    ue: UeId,
    number: u8,
    transfer: &[u8],
) {
    let Some(id) = SessionId::new(number) else { return amf.refuse(Refusal::MalformedNgap) };
    let Some(end) = n2::set_up(transfer) else {
        amf.refuse(Refusal::MalformedNgap);
        return has_no_resources(amf, turn, ue, number);
    };
    let Some(session) = pdu_session::find(amf, ue, id) else { return amf.refuse(Refusal::OutOfState) };
    match session.state {
        State::ExpectResources => {
            sessions::activate(turn, session, end);
            pdu_session_establishment::completed(amf, ue, id);
        }
        _ if session.is_established() => sessions::activate(turn, session, end),
        // It crossed the release.
        _ => amf.refuse(Refusal::OutOfState),
    }
}

/// The gNB has not set up a session: one that is new is given up, another one stays without its user plane.
pub(in crate::amf) fn has_no_resources(amf: &mut Amf, turn: &mut Turn<'_>, ue: UeId, number: u8) {
    let Some(id) = SessionId::new(number) else { return amf.refuse(Refusal::MalformedNgap) };
    match pdu_session::find(amf, ue, id).map(|session| session.state) {
        Some(State::ExpectResources) => pdu_session_establishment::without_resources(amf, turn, ue, id),
        _ => amf.refuse(Refusal::ResourcesNotSetUp),
    }
}

/// PDU SESSION RESOURCE MODIFY REQUEST with a 5GSM message.
pub(in crate::amf) fn modify(
    amf: &mut Amf,
    turn: &mut Turn<'_>,
    (id, ue): (ConnectionId, UeId),
    session: SessionId,
    nas: Vec<u8>,
) {
    let Some(plain) = pdu_session::carried(amf, session.value(), nas) else { return };
    let Some(pdu) = sending::protected(amf, id, plain, Protection::Current) else { return };
    let Some(transfer) = pdu_session::find(amf, ue, session).and_then(|session| n2::modify_request(session))
    else {
        return;
    };
    let Some(connection) = amf.connections.get(&id) else { return };
    let number = PDUSessionID(session.value());
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
    sending::of_ue(amf, turn, id, Message::SessionResourceModifyRequest, pdu);
}

/// PDU SESSION RESOURCE MODIFY RESPONSE: what was not modified goes on as before (§8.2.3.2).
pub(in crate::amf) fn modify_answered(
    amf: &mut Amf,
    turn: &mut Turn<'_>,
    association: u32,
    pdu: &NGAPPDU<'_>,
) -> Result<(), Error> {
    extract_ngap_ies!(pdu, PDUSessionResourceModifyResponse,
        lax amf_ue_id: u64 = AMF_UE_NGAP_ID(id),
        lax ran_ue_id: u32 = RAN_UE_NGAP_ID(id),
    );
    ngap::answered(amf, turn, association, amf_ue_id, ran_ue_id);
    Ok(())
}

/// PDU SESSION RESOURCE RELEASE COMMAND, with a 5GSM message where the UE is to be told.
pub(in crate::amf) fn release(
    amf: &mut Amf,
    turn: &mut Turn<'_>,
    id: ConnectionId,
    session: SessionId,
    nas: Option<Vec<u8>>,
) {
    let plain = nas.and_then(|nas| pdu_session::carried(amf, session.value(), nas));
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
    sending::of_ue(amf, turn, id, Message::SessionResourceReleaseCommand, pdu);
}

/// PDU SESSION RESOURCE RELEASE RESPONSE: nothing more comes up.
pub(in crate::amf) fn release_answered(
    amf: &mut Amf,
    turn: &mut Turn<'_>,
    association: u32,
    pdu: &NGAPPDU<'_>,
) -> Result<(), Error> {
    extract_ngap_ies!(pdu, PDUSessionResourceReleaseResponse,
        lax amf_ue_id: u64 = AMF_UE_NGAP_ID(id),
        lax ran_ue_id: u32 = RAN_UE_NGAP_ID(id),
        lax released: PDUSessionResourceReleasedListRelRes = PDUSessionResourceReleasedListRelRes(list) => list,
    );
    let Some(id) = ngap::answered(amf, turn, association, amf_ue_id, ran_ue_id) else { return Ok(()) };
    let ue = amf.connections.get(&id).and_then(|connection| connection.ue);
    for item in released.iter().flat_map(|list| &list.0) {
        let Some(session) = SessionId::new(item.pdu_session_id.0) else { continue };
        pdu_session::ended(amf, turn, id, Some(session));
        let Some(ue) = ue else { continue };
        match pdu_session::find(amf, ue, session).map(|session| session.state) {
            Some(State::ExpectReleaseComplete) => pdu_session_release::close(amf, turn, ue, session),
            Some(State::ExpectResourcesReleased) => {
                pdu_session::remove(amf, turn, ue, session, Closing::Released);
            }
            _ => {}
        }
    }
    Ok(())
}

/// PDU SESSION RESOURCE NOTIFY (§8.2.4): the gNB has released the resources of sessions by itself; they stay, without their
/// user plane. That QoS flows are no longer fulfilled changes nothing where there is none but the default one.
pub(in crate::amf) fn notified(
    amf: &mut Amf,
    turn: &mut Turn<'_>,
    association: u32,
    pdu: &NGAPPDU<'_>,
) -> Result<(), Error> {
    extract_ngap_ies!(pdu, PDUSessionResourceNotify,
        req amf_ue_id: u64 = AMF_UE_NGAP_ID(id),
        req ran_ue_id: u32 = RAN_UE_NGAP_ID(id),
        lax released: PDUSessionResourceReleasedListNot = PDUSessionResourceReleasedListNot(list) => list,
    );
    let Some(id) = ngap::connection_of(amf, turn, association, amf_ue_id, ran_ue_id) else { return Ok(()) };
    let Some(ue) = amf.connections.get(&id).and_then(|connection| connection.ue) else { return Ok(()) };
    for item in released.iter().flat_map(|list| &list.0) {
        let Some(session) = SessionId::new(item.pdu_session_id.0) else { continue };
        if let Some(session) = pdu_session::find(amf, ue, session).filter(|session| session.is_established())
        {
            sessions::deactivate(turn, session);
        }
    }
    Ok(())
}
