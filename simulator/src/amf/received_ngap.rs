//! What a gNB sends: whether it is in order (TS 38.413 §10).

use std::time::Instant;

use oxirush_ngap::NgapPduKind;
use oxirush_ngap::ngap::*;

use super::{Amf, errors};
use crate::statistics::{Message, Refusal};

/// What is to be done with a message.
pub(super) enum Verdict {
    Proceed,
    /// Nothing more than was answered.
    Ignore,
    /// It is an answer, and cannot be used: the procedure has failed (§10.3.4.2, §10.3.5, §10.3.6).
    Unusable,
}

/// Reads a message. `None`: it cannot be read, and the gNB is told so.
pub(super) fn decoded<'a>(
    amf: &mut Amf,
    now: Instant,
    association: u32,
    octets: &'a [u8],
) -> Option<NGAPPDU<'a>> {
    if !amf.gnbs.contains_key(&association) {
        return None;
    }
    let pdu = NGAP_PDU::decode_borrowed(octets).ok();
    if pdu.is_none() {
        amf.refuse(Refusal::MalformedNgap);
        if let Some(answer) = criticality::ngap::unreadable(octets) {
            errors::answer(amf, now, association, answer);
        }
    }
    pdu
}

/// Judges a message, and answers it where it is at fault. The AMF may comprehend its procedure or not.
pub(super) fn judge(
    amf: &mut Amf,
    now: Instant,
    association: u32,
    pdu: &NGAPPDU<'_>,
    kind: &NgapPduKind,
    comprehended: bool,
) -> Verdict {
    let Some(gnb) = amf.gnbs.get_mut(&association) else { return Verdict::Ignore };
    let set_up = gnb.identity.is_some();
    gnb.has_asked |= matches!(kind, NgapPduKind::Initiating_NGSetup);
    amf.statistics.counters.count_received(name_of(kind));
    let Ok(judgement) = amf.judge.judge(pdu, comprehended) else {
        amf.refuse(Refusal::CannotEncode);
        return Verdict::Ignore;
    };
    if judgement.faulty {
        amf.refuse(if comprehended { Refusal::MalformedNgap } else { Refusal::UnexpectedNgap });
    }
    if let Some(answer) = judgement.answer {
        errors::answer(amf, now, association, answer);
    }
    if !comprehended || !judgement.proceed {
        return Verdict::Unusable;
    }
    let begins = matches!(kind, NgapPduKind::Initiating_NGSetup | NgapPduKind::Initiating_ErrorIndication);
    if !set_up && !begins {
        amf.refuse(Refusal::UnexpectedNgap);
        let cause = Cause::protocol(CauseProtocol::message_not_compatible_with_receiver_state);
        errors::refuse(amf, now, association, pdu, cause);
        return Verdict::Ignore;
    }
    if let Some(report) = judgement.report {
        amf.reports.keep(association, pdu, report);
    }
    Verdict::Proceed
}

pub(super) fn name_of(kind: &NgapPduKind) -> Message {
    match kind {
        NgapPduKind::Initiating_NGSetup => Message::NgSetupRequest,
        NgapPduKind::Unsuccessful_NGSetup => Message::NgSetupFailure,
        NgapPduKind::Initiating_RANConfigurationUpdate => Message::RanConfigurationUpdate,
        NgapPduKind::Unsuccessful_RANConfigurationUpdate => Message::RanConfigurationUpdateFailure,
        NgapPduKind::Initiating_NGReset => Message::NgReset,
        NgapPduKind::Successful_NGReset => Message::NgResetAcknowledge,
        NgapPduKind::Initiating_ErrorIndication => Message::ErrorIndication,
        NgapPduKind::Initiating_InitialUEMessage => Message::InitialUeMessage,
        NgapPduKind::Initiating_UplinkNASTransport => Message::UplinkNasTransport,
        NgapPduKind::Initiating_NASNonDeliveryIndication => Message::NasNonDeliveryIndication,
        NgapPduKind::Successful_InitialContextSetup => Message::InitialContextSetupResponse,
        NgapPduKind::Unsuccessful_InitialContextSetup => Message::InitialContextSetupFailure,
        NgapPduKind::Initiating_UEContextReleaseRequest => Message::UeContextReleaseRequest,
        NgapPduKind::Successful_UEContextRelease => Message::UeContextReleaseComplete,
        NgapPduKind::Initiating_UERadioCapabilityInfoIndication => Message::UeRadioCapabilityInfoIndication,
        NgapPduKind::Successful_PDUSessionResourceSetup => Message::SessionResourceSetupResponse,
        NgapPduKind::Successful_PDUSessionResourceModify => Message::SessionResourceModifyResponse,
        NgapPduKind::Successful_PDUSessionResourceRelease => Message::SessionResourceReleaseResponse,
        NgapPduKind::Initiating_HandoverPreparation => Message::HandoverRequired,
        NgapPduKind::Initiating_HandoverCancel => Message::HandoverCancel,
        NgapPduKind::Initiating_UplinkRANStatusTransfer => Message::UplinkRanStatusTransfer,
        NgapPduKind::Successful_HandoverResourceAllocation => Message::HandoverRequestAcknowledge,
        NgapPduKind::Unsuccessful_HandoverResourceAllocation => Message::HandoverFailure,
        NgapPduKind::Initiating_HandoverNotification => Message::HandoverNotify,
        NgapPduKind::Initiating_PathSwitchRequest => Message::PathSwitchRequest,
        NgapPduKind::Unsuccessful_HandoverPreparation => Message::HandoverPreparationFailure,
        NgapPduKind::Unsuccessful_PathSwitchRequest => Message::PathSwitchRequestFailure,
        _ => Message::OtherNgap,
    }
}
