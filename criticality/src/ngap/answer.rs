//! What goes back: ERROR INDICATION, or the unsuccessful outcome of the procedure (TS 38.413 §8.7.5, §10).

use oxirush_ngap::ngap::*;
use oxirush_ngap::{Deviation, Error, NgapPduKind, build_ngap, build_ngap_ie, ie};

use super::{ERROR_INDICATION, Ids};

/// The ERROR INDICATION about octets that are no NGAP PDU (§10.2), with the procedure where its head is readable. `None`
/// when the octets begin as an ERROR INDICATION, which is never answered (§10.5).
pub fn unreadable(octets: &[u8]) -> Option<NGAP_PDU> {
    let mut ies = vec![build_ngap_ie!(ErrorIndication, Cause(transfer_syntax())).ok()?];
    if let Some((message, code, criticality)) = head(octets) {
        if message == TriggeringMessage::initiating_message && code == ERROR_INDICATION {
            return None;
        }
        let diagnostics = CriticalityDiagnostics::new(
            Some(ProcedureCode(code)),
            Some(message),
            Some(criticality),
            None,
            None,
        );
        ies.push(build_ngap_ie!(ErrorIndication, CriticalityDiagnostics(diagnostics)).ok()?);
    }
    wrap(ies).ok()
}

fn transfer_syntax() -> Cause {
    Cause::protocol(CauseProtocol::transfer_syntax_error)
}

/// The alternative of the PDU, its procedure code and criticality, which stand in its first three octets.
fn head(octets: &[u8]) -> Option<(TriggeringMessage, u8, Criticality)> {
    let [message, code, criticality, ..] = *octets else { return None };
    let message = match message {
        0x00 => TriggeringMessage::initiating_message,
        0x20 => TriggeringMessage::successful_outcome,
        0x40 => TriggeringMessage::unsuccessful_outcome,
        _ => return None,
    };
    let criticality = match criticality {
        0x00 => Criticality::reject,
        0x40 => Criticality::ignore,
        0x80 => Criticality::notify,
        _ => return None,
    };
    Some((message, code, criticality))
}

/// The ERROR INDICATION about a message: whom it is about, why, and what was wrong with it.
pub(super) fn indication(
    pdu: &NGAPPDU<'_>,
    cause: CauseProtocol,
    deviations: &[Deviation],
) -> Result<NGAP_PDU, Error> {
    indicate(pdu, Cause::protocol(cause), deviations)
}

fn indicate(pdu: &NGAPPDU<'_>, cause: Cause, deviations: &[Deviation]) -> Result<NGAP_PDU, Error> {
    let ids = Ids::of(pdu);
    let mut ies = Vec::with_capacity(4);
    if let Some(amf) = ids.amf {
        ies.push(build_ngap_ie!(ErrorIndication, AMF_UE_NGAP_ID(amf))?);
    }
    if let Some(ran) = ids.ran {
        ies.push(build_ngap_ie!(ErrorIndication, RAN_UE_NGAP_ID(ran))?);
    }
    ies.push(build_ngap_ie!(ErrorIndication, Cause(cause))?);
    let diagnostics = pdu.criticality_diagnostics(deviations);
    ies.push(build_ngap_ie!(ErrorIndication, CriticalityDiagnostics(diagnostics))?);
    wrap(ies)
}

fn wrap(ies: Vec<ProtocolIEField<'static>>) -> Result<NGAP_PDU, Error> {
    NGAP_PDU::of_message(&ErrorIndication::new(ProtocolIEContainer(ies)), Criticality::ignore)
}

/// Refuses a message that begins a procedure: by the unsuccessful outcome, where the procedure has one and the message
/// says what that must have, else by an ERROR INDICATION (§10.3.4.2, §10.3.5, §10.3.6, §10.4).
///
/// # Errors
/// When the answer cannot be encoded.
pub fn refusal(pdu: &NGAPPDU<'_>, cause: Cause, deviations: &[Deviation]) -> Result<NGAP_PDU, Error> {
    match unsuccessful(pdu, &cause, deviations)? {
        Some(outcome) => Ok(outcome),
        None => indicate(pdu, cause, deviations),
    }
}

/// `None` where there is no such message, or where it would need what is not known.
fn unsuccessful(
    pdu: &NGAPPDU<'_>,
    cause: &Cause,
    deviations: &[Deviation],
) -> Result<Option<NGAP_PDU>, Error> {
    let (ids, cause) = (Ids::of(pdu), cause.clone());
    let diagnostics = pdu.criticality_diagnostics_for_response(deviations);
    let outcome = match (pdu.kind(), ids.amf, ids.ran) {
        (NgapPduKind::Initiating_NGSetup, ..) => build_ngap!(
            UnsuccessfulOutcome,
            NGSetup,
            NGSetupFailure,
            Cause(cause),
            CriticalityDiagnostics(diagnostics),
        ),
        (NgapPduKind::Initiating_RANConfigurationUpdate, ..) => build_ngap!(
            UnsuccessfulOutcome,
            RANConfigurationUpdate,
            RANConfigurationUpdateFailure,
            Cause(cause),
            CriticalityDiagnostics(diagnostics),
        ),
        (NgapPduKind::Initiating_AMFConfigurationUpdate, ..) => build_ngap!(
            UnsuccessfulOutcome,
            AMFConfigurationUpdate,
            AMFConfigurationUpdateFailure,
            Cause(cause),
            CriticalityDiagnostics(diagnostics),
        ),
        (NgapPduKind::Initiating_HandoverPreparation, Some(amf), Some(ran)) => build_ngap!(
            UnsuccessfulOutcome,
            HandoverPreparation,
            HandoverPreparationFailure,
            AMF_UE_NGAP_ID(amf),
            RAN_UE_NGAP_ID(ran),
            Cause(cause),
            CriticalityDiagnostics(diagnostics),
        ),
        (NgapPduKind::Initiating_InitialContextSetup, Some(amf), Some(ran)) => build_ngap!(
            UnsuccessfulOutcome,
            InitialContextSetup,
            InitialContextSetupFailure,
            AMF_UE_NGAP_ID(amf),
            RAN_UE_NGAP_ID(ran),
            Cause(cause),
            CriticalityDiagnostics(diagnostics),
        ),
        (NgapPduKind::Initiating_UEContextModification, Some(amf), Some(ran)) => build_ngap!(
            UnsuccessfulOutcome,
            UEContextModification,
            UEContextModificationFailure,
            AMF_UE_NGAP_ID(amf),
            RAN_UE_NGAP_ID(ran),
            Cause(cause),
            CriticalityDiagnostics(diagnostics),
        ),
        (NgapPduKind::Initiating_HandoverResourceAllocation, Some(amf), _) => build_ngap!(
            UnsuccessfulOutcome,
            HandoverResourceAllocation,
            HandoverFailure,
            AMF_UE_NGAP_ID(amf),
            Cause(cause),
            CriticalityDiagnostics(diagnostics),
        ),
        (NgapPduKind::Initiating_PathSwitchRequest, Some(amf), Some(ran)) => {
            return path_switch_failure(pdu, (amf, ran), &cause, diagnostics);
        }
        _ => return Ok(None),
    };
    outcome.map(Some)
}

/// It names the sessions that the UE came with, so the request must have them (§9.2.3.10).
fn path_switch_failure(
    pdu: &NGAPPDU<'_>,
    (amf, ran): (u64, u32),
    cause: &Cause,
    diagnostics: CriticalityDiagnostics,
) -> Result<Option<NGAP_PDU>, Error> {
    let Some(Ok(switched)) = pdu.ie::<ie::PDUSessionResourceToBeSwitchedDLList>() else { return Ok(None) };
    let mut released = Vec::with_capacity(switched.0.len());
    for item in &switched.0 {
        let transfer = PathSwitchRequestUnsuccessfulTransfer::new(cause.clone(), None);
        let transfer = encode_open_type(&transfer)?;
        released.push(PDUSessionResourceReleasedItemPSFail::new(item.pdu_session_id, transfer, None));
    }
    let outcome = build_ngap!(
        UnsuccessfulOutcome,
        PathSwitchRequest,
        PathSwitchRequestFailure,
        AMF_UE_NGAP_ID(amf),
        RAN_UE_NGAP_ID(ran),
        PDUSessionResourceReleasedListPSFail(PDUSessionResourceReleasedListPSFail(released)),
        CriticalityDiagnostics(diagnostics),
    );
    outcome.map(Some)
}
