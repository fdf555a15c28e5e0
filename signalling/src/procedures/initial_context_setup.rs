//! Initial Context Setup, gNB side (TS 38.413 §8.3.1).

use oxirush_ngap::ngap::*;
use oxirush_ngap::{Error, build_ngap, extract_ngap_ies};

/// What the gNB takes from an INITIAL CONTEXT SETUP REQUEST (TS 38.413 §9.2.2.1).
pub(crate) struct Request {
    pub(crate) amf: u64,
    pub(crate) ran: u32,
    pub(crate) nas: Option<Vec<u8>>,
    /// The PDU sessions that it asks for. This gNB has no user plane: it reports them as failed.
    pub(crate) sessions: Vec<u8>,
}

/// The ids of a request alone: they tell whom a failure is about.
pub(crate) fn ids(pdu: &NGAPPDU<'_>) -> Result<(u64, u32), Error> {
    extract_ngap_ies!(pdu, InitialContextSetupRequest,
        req amf: u64 = AMF_UE_NGAP_ID(id),
        req ran: u32 = RAN_UE_NGAP_ID(id),
    );
    Ok((amf, ran))
}

pub(crate) fn request(pdu: &NGAPPDU<'_>) -> Result<Request, Error> {
    extract_ngap_ies!(pdu, InitialContextSetupRequest,
        req amf: u64 = AMF_UE_NGAP_ID(id),
        req ran: u32 = RAN_UE_NGAP_ID(id),
        req _guami: GUAMI = GUAMI(guami) => guami,
        opt sessions: PDUSessionResourceSetupListCxtReq = PDUSessionResourceSetupListCxtReq(list) => list,
        req _slices: AllowedNSSAI = AllowedNSSAI(slices) => slices,
        req _capabilities: UESecurityCapabilities = UESecurityCapabilities(capabilities) => capabilities,
        req _key: SecurityKey = SecurityKey(key) => key,
        lax nas: NASPDU = NAS_PDU(nas) => nas,
    );
    let sessions =
        sessions.map(|list| list.0.iter().map(|item| item.pdu_session_id.0).collect()).unwrap_or_default();
    Ok(Request { amf, ran, nas: nas.map(|nas| nas.0.to_vec()), sessions })
}

/// INITIAL CONTEXT SETUP RESPONSE (TS 38.413 §9.2.2.2).
pub(crate) fn response(amf: u64, ran: u32, failed_sessions: &[u8]) -> Result<Vec<u8>, Error> {
    if failed_sessions.is_empty() {
        return build_ngap!(
            SuccessfulOutcome,
            InitialContextSetup,
            InitialContextSetupResponse,
            AMF_UE_NGAP_ID(amf),
            RAN_UE_NGAP_ID(ran),
        )?
        .encode();
    }
    let cause = Cause::transport(CauseTransport::transport_resource_unavailable);
    let transfer = encode_open_type(&PDUSessionResourceSetupUnsuccessfulTransfer::new(cause, None, None))?;
    let items = failed_sessions
        .iter()
        .map(|&id| PDUSessionResourceFailedToSetupItemCxtRes::new(PDUSessionID(id), transfer.clone(), None))
        .collect();
    build_ngap!(
        SuccessfulOutcome,
        InitialContextSetup,
        InitialContextSetupResponse,
        AMF_UE_NGAP_ID(amf),
        RAN_UE_NGAP_ID(ran),
        PDUSessionResourceFailedToSetupListCxtRes(PDUSessionResourceFailedToSetupListCxtRes(items)),
    )?
    .encode()
}

/// INITIAL CONTEXT SETUP FAILURE (TS 38.413 §9.2.2.3), for a request that lacks what a context needs.
pub(crate) fn failure(amf: u64, ran: u32, pdu: &NGAPPDU<'_>) -> Result<Vec<u8>, Error> {
    let deviations = pdu.check().unwrap_or_default();
    let cause = deviations
        .iter()
        .find_map(|deviation| deviation.cause())
        .unwrap_or(CauseProtocol::abstract_syntax_error_reject);
    build_ngap!(
        UnsuccessfulOutcome,
        InitialContextSetup,
        InitialContextSetupFailure,
        AMF_UE_NGAP_ID(amf),
        RAN_UE_NGAP_ID(ran),
        Cause(Cause::protocol(cause)),
        CriticalityDiagnostics(pdu.criticality_diagnostics_for_response(&deviations)),
    )?
    .encode()
}
