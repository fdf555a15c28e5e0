//! NAS transport of 5GSM messages, UE side (TS 24.501 §5.4.5), and what §7 has a UE do with one that does not fit.

use identity::{Procedure, SessionId};
use oxirush_nas::nas_5gs::{
    Nas5gsMessage, Nas5gsmMessage, NasDlNasTransport, NasDnn, NasError, NasFGsmCause, NasFGsmStatus,
    NasPayloadContainer, NasPayloadContainerType, NasPduSessionIdentity2, NasRequestType, NasSNssai,
    NasUlNasTransport, PayloadContainerKind, RequestTypeValue,
};

use super::pdu_session_establishment as establishment;
use super::pdu_session_modification as modification;
use super::pdu_session_release as release;
use crate::common::timers::Timer;
use crate::nas5g::attempt::{Slot, Step};
use crate::nas5g::transaction::Asks;
use crate::nas5g::ue::Ue;
use crate::outcome::{Cause, Outcome};

/// DL NAS TRANSPORT (§5.4.5.3.3).
pub(crate) fn received(slot: &mut Slot, transport: &NasDlNasTransport, ue: &mut Ue<'_>) {
    if !transport.payload_container_type.is_n1_sm() {
        return ue.unexpected("nas-payload");
    }
    ue.stop(Timer::T3540);
    let payload = transport.payload_container.value.as_slice();
    let Some(cause) = &transport.fgmm_cause else { return received_5gsm(slot, payload, ue) };
    let back_off = transport.back_off_timer_value.as_ref().and_then(|value| value.to_seconds());
    not_forwarded(slot, payload, cause.value, back_off, ue);
}

/// Our own message came back: the AMF has nobody to give it to (§5.4.5.3.3 a, b).
fn not_forwarded(slot: &mut Slot, payload: &[u8], cause: u8, back_off_s: Option<u64>, ue: &mut Ue<'_>) {
    let transaction = slot.running().and_then(|running| running.transaction());
    let identity = match payload {
        [_, session, pti, ..] => SessionId::new(*session).zip(Some(*pti)),
        _ => None,
    };
    let (Some(transaction), Some((id, pti))) = (transaction, identity) else {
        return ue.unexpected("payload-not-forwarded");
    };
    if !transaction.is_answered_by(id, pti) {
        return ue.unexpected("payload-not-forwarded");
    }
    ue.back_off(cause, back_off_s, transaction.request().map(|request| request.dnn.clone()));
    // §6.4.3.6: whoever had the session is gone, and the session with it.
    if slot.is_about(Procedure::PduSessionRelease, id) {
        ue.sessions.remove(id, ue.out);
    }
    slot.settle(Step::Done(Outcome::Failed(Cause::NotForwarded(cause))), ue);
}

fn received_5gsm(slot: &mut Slot, payload: &[u8], ue: &mut Ue<'_>) {
    use Nas5gsmMessage as M;
    let (header, message) = match Nas5gsMessage::decode(payload) {
        Ok(Nas5gsMessage::Gsm(header, message)) => (header, message),
        Ok(_) => return ue.unexpected("5gsm-unreadable"),
        Err(error) => return undecodable_5gsm(slot, payload, &error, ue),
    };
    let pti = header.procedure_transaction_identity;
    // §7.3.1, §7.3.2: reserved identities are ignored.
    let Some(id) = SessionId::new(header.pdu_session_identity).filter(|_| pti != RESERVED_PTI) else {
        return ue.unexpected("5gsm-identity");
    };
    if message.unknown_ies().iter().any(|ie| ie.is_comprehension_required()) {
        return broken_5gsm(slot, id, pti, INVALID_MANDATORY_INFORMATION, ue);
    }
    match message {
        M::PduSessionEstablishmentAccept(accept) => establishment::accepted(slot, (id, pti), &accept, ue),
        M::PduSessionEstablishmentReject(reject) => establishment::rejected(slot, (id, pti), &reject, ue),
        M::PduSessionModificationCommand(command) => modification::commanded(slot, (id, pti), &command, ue),
        M::PduSessionModificationReject(reject) => modification::rejected(slot, (id, pti), &reject, ue),
        M::PduSessionReleaseCommand(command) => release::commanded(slot, (id, pti), &command, ue),
        M::PduSessionReleaseReject(reject) => release::rejected(slot, (id, pti), &reject, ue),
        M::FiveGsmStatus(status) => received_5gsm_status(slot, id, pti, status.fgsm_cause.value, ue),
        // What only a UE sends, and the authentication by a data network, which this UE never asks for.
        _ => send_5gsm_status(id, pti, MESSAGE_TYPE_NON_EXISTENT, ue),
    }
}

/// §7.4, §7.5: a message that does not decode.
fn undecodable_5gsm(slot: &mut Slot, payload: &[u8], error: &NasError, ue: &mut Ue<'_>) {
    let cause = match error {
        NasError::UnknownSessionMessageType { .. } => MESSAGE_TYPE_NON_EXISTENT,
        NasError::InvalidMandatoryIe { .. } | NasError::UnknownIeCutShort { .. } => {
            INVALID_MANDATORY_INFORMATION
        }
        _ => return ue.unexpected("5gsm-unreadable"),
    };
    let identity = match payload {
        [_, session, pti, ..] if *pti != RESERVED_PTI => SessionId::new(*session).zip(Some(*pti)),
        _ => None,
    };
    match identity {
        Some((id, pti)) => broken_5gsm(slot, id, pti, cause, ue),
        None => ue.unexpected("5gsm-identity"),
    }
}

/// A 5GSM STATUS tells the network; the procedure that the message was to answer is aborted at both ends (§6.5.3).
fn broken_5gsm(slot: &mut Slot, id: SessionId, pti: u8, cause: u8, ue: &mut Ue<'_>) {
    send_5gsm_status(id, pti, cause, ue);
    if cause == INVALID_MANDATORY_INFORMATION {
        abort_transaction(slot, id, pti, cause, ue);
    }
}

/// 5GSM STATUS (§6.5.3).
fn received_5gsm_status(slot: &mut Slot, id: SessionId, pti: u8, cause: u8, ue: &mut Ue<'_>) {
    ue.unexpected("5gsm-status");
    if cause == release::INVALID_PDU_SESSION_IDENTITY {
        ue.sessions.remove(id, ue.out);
    }
    abort_transaction(slot, id, pti, cause, ue);
}

fn abort_transaction(slot: &mut Slot, id: SessionId, pti: u8, cause: u8, ue: &mut Ue<'_>) {
    let transaction = slot.running().and_then(|running| running.transaction());
    if transaction.is_some_and(|transaction| transaction.is_answered_by(id, pti)) {
        slot.settle(Step::Done(Outcome::Failed(Cause::Gsm(cause))), ue);
    }
}

/// Sends a 5GSM message that no timer supervises.
pub(crate) fn send_5gsm(message: impl Into<Nas5gsmMessage>, session: SessionId, pti: u8, ue: &mut Ue<'_>) {
    let message = Nas5gsMessage::new_5gsm(message, session.value(), pti).encode();
    let Ok(message) = message else { return };
    ue.send(container(message, session));
}

/// Sends a 5GSM STATUS (§6.5.2).
pub(crate) fn send_5gsm_status(session: SessionId, pti: u8, cause: u8, ue: &mut Ue<'_>) {
    ue.unexpected("5gsm-protocol-error");
    send_5gsm(NasFGsmStatus::new(NasFGsmCause::new(cause)), session, pti, ue);
}

/// A message that answers no transaction (§7.3.1): without an assigned PTI it is ignored.
pub(crate) fn unforeseen_pti(session: SessionId, pti: u8, ue: &mut Ue<'_>) {
    if pti == 0 {
        return ue.unexpected("5gsm-pti");
    }
    send_5gsm_status(session, pti, PTI_MISMATCH, ue);
}

/// UL NAS TRANSPORT of the message of a transaction (§5.4.5.2.2).
pub(crate) fn uplink(session: SessionId, asks: &Asks, message: Vec<u8>) -> NasUlNasTransport {
    let transport = container(message, session);
    match asks {
        Asks::Session(request) => transport
            .with_request_type(NasRequestType::from_request_type(RequestTypeValue::InitialRequest))
            .with_s_nssai(NasSNssai::from_sst_sd(request.slice.sst, request.slice.sd))
            .with_dnn(NasDnn::new(request.dnn.octets())),
        Asks::Change => transport
            .with_request_type(NasRequestType::from_request_type(RequestTypeValue::ModificationRequest)),
        Asks::Release => transport,
    }
}

fn container(message: Vec<u8>, session: SessionId) -> NasUlNasTransport {
    NasUlNasTransport::new(
        NasPayloadContainerType::from_kind(PayloadContainerKind::N1SmInformation),
        NasPayloadContainer::new(message),
    )
    .with_pdu_session_id(NasPduSessionIdentity2::from_pdu_session_id(session.value()))
}

/// TS 24.007 §11.2.3.1a.
const RESERVED_PTI: u8 = 255;
/// 5GSM causes of a 5GSM STATUS (TS 24.501 §7).
const PTI_MISMATCH: u8 = 47;
const INVALID_MANDATORY_INFORMATION: u8 = 96;
const MESSAGE_TYPE_NON_EXISTENT: u8 = 97;
