//! Initial Context Setup (TS 38.413 §8.3.1).

use crate::amf::Turn;

use oxirush_nas::nas_5gs::NasCount;
use oxirush_ngap::helpers::{guami, s_nssai, ue_security_capabilities};
use oxirush_ngap::{Error, build_ngap, extract_ngap_ies, ngap::*};
use oxirush_security::nas_5gs::derive_kgnb;

use super::ue_context_release;
use crate::amf::connection::{ConnectionId, Protection};
use crate::amf::{Amf, Message, Refusal, ngap, sending};

/// Sends a NAS message under the current security context: in an INITIAL CONTEXT SETUP REQUEST with the KgNB of
/// the uplink NAS COUNT (TS 33.501 Annex A.9), or by itself when the gNB has the context already.
pub(in crate::amf) fn with_nas(
    amf: &mut Amf,
    turn: &mut Turn<'_>,
    id: ConnectionId,
    (message, plain): (Message, Vec<u8>),
    count: NasCount,
) {
    let Some(nas) = sending::protected(amf, id, plain, Protection::Current) else { return };
    amf.statistics.count_sent(message);
    let Some(connection) = amf.connections.get_mut(&id) else { return };
    if std::mem::replace(&mut connection.context_set_up, true) {
        let pdu = build_ngap!(
            InitiatingMessage,
            DownlinkNASTransport,
            DownlinkNASTransport,
            AMF_UE_NGAP_ID(id.0),
            RAN_UE_NGAP_ID(connection.ran_ue_id),
            NAS_PDU(nas),
        );
        return sending::of_ue(amf, turn, id, Message::DownlinkNasTransport, pdu);
    }
    let Some(pdu) = request(amf, id, nas, count) else { return };
    sending::of_ue(amf, turn, id, Message::InitialContextSetupRequest, pdu);
}

fn request(amf: &Amf, id: ConnectionId, nas: Vec<u8>, count: NasCount) -> Option<Result<NGAP_PDU, Error>> {
    let connection = amf.connections.get(&id)?;
    let ue = amf.ues.get(connection.ue?)?;
    let security = ue.security.as_ref()?;
    let settings = &amf.settings;
    let plmn = PLMNIdentity(amf.serving.get(connection.plmn)?.octets);
    let guami = guami(plmn, settings.region, settings.set, settings.pointer).ok()?;
    let allowed = ue.allowed.of(&settings.slices);
    let allowed = allowed.map(|slice| AllowedNSSAIItem::new(s_nssai(slice.sst, slice.sd), None)).collect();
    // TS 38.413 §9.3.1.86: NEA1 to NEA3 in the first bits, and NIA alike; those of NAS start with NEA0.
    let capabilities = ue_security_capabilities(ue.capability.ea_byte() << 1, ue.capability.ia_byte() << 1);
    let kgnb = derive_kgnb(&security.kamf, count);
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

/// INITIAL CONTEXT SETUP RESPONSE: what was asked is done.
pub(in crate::amf) fn succeeded(
    amf: &mut Amf,
    turn: &mut Turn<'_>,
    association: u32,
    pdu: &NGAPPDU<'_>,
) -> Result<(), Error> {
    extract_ngap_ies!(pdu, InitialContextSetupResponse,
        req amf_ue_id: u64 = AMF_UE_NGAP_ID(id),
        req ran_ue_id: u32 = RAN_UE_NGAP_ID(id),
    );
    ngap::connection_of(amf, turn, association, amf_ue_id, ran_ue_id);
    Ok(())
}

/// INITIAL CONTEXT SETUP FAILURE: the NAS message did not reach the UE; the connection is released.
pub(in crate::amf) fn failed(
    amf: &mut Amf,
    turn: &mut Turn<'_>,
    association: u32,
    pdu: &NGAPPDU<'_>,
) -> Result<(), Error> {
    extract_ngap_ies!(pdu, InitialContextSetupFailure,
        req amf_ue_id: u64 = AMF_UE_NGAP_ID(id),
        req ran_ue_id: u32 = RAN_UE_NGAP_ID(id),
    );
    if let Some(id) = ngap::connection_of(amf, turn, association, amf_ue_id, ran_ue_id) {
        amf.refuse(Refusal::ContextSetupFailed);
        let cause = CauseRadioNetwork::failure_in_radio_interface_procedure;
        ue_context_release::command(amf, turn, id, Cause::radioNetwork(cause));
    }
    Ok(())
}
