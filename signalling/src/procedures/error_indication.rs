//! Error Indication, gNB side (TS 38.413 §8.7.5), and what its clause 10 asks for.

use oxirush_ngap::ngap::*;
use oxirush_ngap::{Error, ErrorKind, build_ngap, extract_ngap_ies};

/// ERROR INDICATION (TS 38.413 §9.2.6.13) about a UE.
pub(crate) fn about_ue(amf: Option<u64>, ran: Option<u32>, cause: Cause) -> Result<Vec<u8>, Error> {
    let pdu = match (amf, ran) {
        (Some(amf), Some(ran)) => build_ngap!(
            InitiatingMessage,
            ErrorIndication,
            ErrorIndication,
            AMF_UE_NGAP_ID(amf),
            RAN_UE_NGAP_ID(ran),
            Cause(cause),
        ),
        (Some(amf), None) => build_ngap!(
            InitiatingMessage,
            ErrorIndication,
            ErrorIndication,
            AMF_UE_NGAP_ID(amf),
            Cause(cause),
        ),
        _ => build_ngap!(InitiatingMessage, ErrorIndication, ErrorIndication, Cause(cause),),
    };
    pdu?.encode()
}

/// §10.2: octets that are not an NGAP PDU.
pub(crate) fn transfer_syntax() -> Result<Vec<u8>, Error> {
    about_ue(None, None, Cause::protocol(CauseProtocol::transfer_syntax_error))
}

/// §10.3.4.1: a procedure that the gNB does not comprehend. `None` where its criticality has it ignored.
pub(crate) fn not_comprehended(pdu: &NGAPPDU<'_>) -> Option<Vec<u8>> {
    let cause = match pdu.criticality() {
        Criticality::reject => CauseProtocol::abstract_syntax_error_reject,
        Criticality::notify => CauseProtocol::abstract_syntax_error_ignore_and_notify,
        _ => return None,
    };
    build_ngap!(
        InitiatingMessage,
        ErrorIndication,
        ErrorIndication,
        Cause(Cause::protocol(cause)),
        CriticalityDiagnostics(pdu.criticality_diagnostics(&[])),
    )
    .ok()?
    .encode()
    .ok()
}

/// §10.3.5, §10.2: a message that lacks an IE which it must have, or has one that does not decode.
pub(crate) fn faulty(pdu: &NGAPPDU<'_>, error: &Error) -> Option<Vec<u8>> {
    let deviations = pdu.check().unwrap_or_default();
    let fallback = match error.kind() {
        ErrorKind::MissingIe => CauseProtocol::abstract_syntax_error_reject,
        _ => CauseProtocol::transfer_syntax_error,
    };
    let cause = deviations.iter().find_map(|deviation| deviation.cause()).unwrap_or(fallback);
    build_ngap!(
        InitiatingMessage,
        ErrorIndication,
        ErrorIndication,
        Cause(Cause::protocol(cause)),
        CriticalityDiagnostics(pdu.criticality_diagnostics(&deviations)),
    )
    .ok()?
    .encode()
    .ok()
}

/// The UE that an ERROR INDICATION of the AMF is about.
pub(crate) fn ue(pdu: &NGAPPDU<'_>) -> Result<(Option<u64>, Option<u32>), Error> {
    extract_ngap_ies!(pdu, ErrorIndication,
        lax amf: u64 = AMF_UE_NGAP_ID(id),
        lax ran: u32 = RAN_UE_NGAP_ID(id),
    );
    Ok((amf, ran))
}
