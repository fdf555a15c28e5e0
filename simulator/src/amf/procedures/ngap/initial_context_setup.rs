//! Initial Context Setup (TS 38.413 §8.3.1).

use identity::SessionId;
use oxirush_nas::nas_5gs::NasCount;
use oxirush_ngap::helpers::{guami, s_nssai};
use oxirush_ngap::{Error, build_ngap, extract_ngap_ies, ngap::*};
use oxirush_security::nas_5gs::derive_kgnb;

use crate::amf::connection::{ConnectionId, Protection};
use crate::amf::procedures::Step;
use crate::amf::security::capabilities_in_ngap;
use crate::amf::{Amf, connections, sending, session_status};
use crate::sessions::{EventContext, n2};
use crate::statistics::{Message, Refusal};

/// Sends a NAS message under the current security context: in an INITIAL CONTEXT SETUP REQUEST with the KgNB of
/// the uplink NAS COUNT (TS 33.501 Annex A.9) and the resources of sessions, or by itself when the gNB has the context already:
/// then the answer is `false`.
pub(in crate::amf) fn begin(
    amf: &mut Amf,
    context: &EventContext<'_>,
    id: ConnectionId,
    (message, plain): (Message, Vec<u8>),
    count: NasCount,
    sessions: &[SessionId],
) -> bool {
    let Some(nas) = sending::protected(amf, id, plain, Protection::Current) else { return true };
    amf.statistics.counters.count_sent(message);
    let Some(connection) = amf.connections.get_mut(&id) else { return true };
    connection.resources_asked |= !sessions.is_empty();
    if std::mem::replace(&mut connection.context_set_up, true) {
        sending::downlink_nas(amf, context.now(), id, nas);
        return false;
    }
    if let Some(pdu) = request(amf, context, id, nas, count, sessions) {
        sending::of_ue(amf, context.now(), id, Message::InitialContextSetupRequest, pdu);
    }
    true
}

fn request(
    amf: &mut Amf,
    context: &EventContext<'_>,
    id: ConnectionId,
    nas: Vec<u8>,
    count: NasCount,
    sessions: &[SessionId],
) -> Option<Result<NGAP_PDU, Error>> {
    let connection = amf.connections.get(&id)?;
    let ue = amf.ues.get_mut(connection.ue?)?;
    let security = ue.security.as_mut()?;
    let settings = &amf.settings;
    let plmn = PLMNIdentity(amf.serving.get(connection.plmn)?.octets);
    let guami = guami(plmn, settings.region, settings.place.set, settings.place.pointer).ok()?;
    let allowed = ue.allowed.of(&settings.slices);
    let allowed = allowed.map(|slice| AllowedNSSAIItem::new(s_nssai(slice.sst, slice.sd), None)).collect();
    let capabilities = capabilities_in_ngap(&ue.capability);
    let kgnb = derive_kgnb(&security.kamf, count);
    security.chain_from(&kgnb);
    let of_ue = context.sessions.of(ue.imsi).iter();
    let items = of_ue.filter(|session| sessions.contains(&session.id)).filter_map(|session| {
        let (number, slice) = (PDUSessionID(session.id.value()), session.slice);
        let transfer = n2::setup_request(session)?.into();
        let slice = s_nssai(slice.sst, slice.sd);
        Some(PDUSessionResourceSetupItemCxtReq::new(number, None, slice, transfer, None))
    });
    let items: Vec<_> = items.collect();
    if !items.is_empty() {
        return Some(build_ngap!(
            InitiatingMessage,
            InitialContextSetup,
            InitialContextSetupRequest,
            AMF_UE_NGAP_ID(id.0),
            RAN_UE_NGAP_ID(connection.ran_ue_id),
            UEAggregateMaximumBitRate(amf.settings.ue_ambr()),
            GUAMI(guami),
            PDUSessionResourceSetupListCxtReq(PDUSessionResourceSetupListCxtReq(items)),
            AllowedNSSAI(AllowedNSSAI(allowed)),
            UESecurityCapabilities(capabilities),
            SecurityKey(*kgnb.as_octets()),
            NAS_PDU(nas),
        ));
    }
    Some(build_ngap!(
        InitiatingMessage,
        InitialContextSetup,
        InitialContextSetupRequest,
        AMF_UE_NGAP_ID(id.0),
        RAN_UE_NGAP_ID(connection.ran_ue_id),
        GUAMI(guami),
        AllowedNSSAI(AllowedNSSAI(allowed)),
        UESecurityCapabilities(capabilities),
        SecurityKey(*kgnb.as_octets()),
        NAS_PDU(nas),
    ))
}

/// INITIAL CONTEXT SETUP RESPONSE: what was asked is done, but for sessions that it says it is not.
pub(in crate::amf) fn succeeded<'a>(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    association: u32,
    pdu: &'a NGAPPDU<'a>,
) -> Result<Step<'a>, Error> {
    extract_ngap_ies!(pdu, InitialContextSetupResponse,
        lax amf_ue_id: u64 = AMF_UE_NGAP_ID(id),
        lax ran_ue_id: u32 = RAN_UE_NGAP_ID(id),
        lax done: PDUSessionResourceSetupListCxtRes = PDUSessionResourceSetupListCxtRes(list) => list,
        lax failed: PDUSessionResourceFailedToSetupListCxtRes =
            PDUSessionResourceFailedToSetupListCxtRes(list) => list,
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

/// INITIAL CONTEXT SETUP FAILURE: the NAS message did not reach the UE; the connection is released.
pub(in crate::amf) fn failed<'a>(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    association: u32,
    pdu: &'a NGAPPDU<'a>,
) -> Result<Step<'a>, Error> {
    extract_ngap_ies!(pdu, InitialContextSetupFailure,
        lax amf_ue_id: u64 = AMF_UE_NGAP_ID(id),
        lax ran_ue_id: u32 = RAN_UE_NGAP_ID(id),
    );
    let Some(id) = connections::answered(amf, context, association, amf_ue_id, ran_ue_id) else {
        return Ok(Step::Stay);
    };
    Ok(unusable(amf, id))
}

/// The context is not set up, or nobody knows whether it is: the connection is released.
pub(in crate::amf) fn unusable(amf: &mut Amf, id: ConnectionId) -> Step<'static> {
    amf.refuse(Refusal::ContextSetupFailed);
    let cause = CauseRadioNetwork::failure_in_radio_interface_procedure;
    Step::Release(id, Cause::radioNetwork(cause))
}
