//! What a gNB sends, to the procedure that it belongs to (TS 38.413 §8).

use oxirush_ngap::ngap::*;
use oxirush_ngap::{Error, NgapPduKind};

use super::Amf;
use super::connection::ConnectionId;
use super::procedures::{
    error_indication, handover, handover_target, initial_context_setup, nas_transport, ng_reset, ng_setup,
    path_switch_request, pdu_session_resource, ran_configuration_update, ue_context_release,
};
use crate::sessions::EventContext;
use crate::statistics::{Message, Refusal};

pub(super) fn received(amf: &mut Amf, context: &mut EventContext<'_>, association: u32, octets: &[u8]) {
    let Some(gnb) = amf.gnbs.get_mut(&association) else { return };
    let set_up = gnb.identity.is_some();
    let Ok(pdu) = NGAP_PDU::decode_borrowed(octets) else {
        amf.refuse(Refusal::MalformedNgap);
        if let Some(answer) = criticality::ngap::unreadable(octets) {
            error_indication::answer(amf, context, association, answer);
        }
        return;
    };
    let kind = pdu.kind();
    gnb.has_asked |= matches!(kind, NgapPduKind::Initiating_NGSetup);
    amf.statistics.counters.count_received(name_of(&kind));
    let procedure = procedure_of(&kind);
    let Ok(judgement) = amf.judge.judge(&pdu, procedure.is_some()) else {
        return amf.refuse(Refusal::CannotEncode);
    };
    if judgement.faulty {
        amf.refuse(if procedure.is_some() { Refusal::MalformedNgap } else { Refusal::UnexpectedNgap });
    }
    if let Some(answer) = judgement.answer {
        error_indication::answer(amf, context, association, answer);
    }
    let Some(procedure) = procedure.filter(|_| judgement.proceed) else {
        return error_indication::failed_locally(amf, context, association, &pdu);
    };
    let begins = matches!(kind, NgapPduKind::Initiating_NGSetup | NgapPduKind::Initiating_ErrorIndication);
    if !set_up && !begins {
        amf.refuse(Refusal::UnexpectedNgap);
        let cause = Cause::protocol(CauseProtocol::message_not_compatible_with_receiver_state);
        return error_indication::out_of_state(amf, context, association, &pdu, cause);
    }
    if let Some(report) = judgement.report {
        amf.reports.keep(association, &pdu, report);
    }
    // TS 38.413 §10.3.5: what is missing has the criticality *ignore*, and nothing can be done without it.
    if procedure(amf, context, association, &pdu).is_err() {
        amf.refuse(Refusal::MalformedNgap);
    }
}

type Procedure = fn(&mut Amf, &mut EventContext<'_>, u32, &NGAPPDU<'_>) -> Result<(), Error>;

/// What the AMF does with a message of a gNB; `None` for what it does not comprehend (TS 38.413 §10.3.4.1).
fn procedure_of(kind: &NgapPduKind) -> Option<Procedure> {
    Some(match kind {
        NgapPduKind::Initiating_NGSetup => ng_setup::requested,
        NgapPduKind::Initiating_RANConfigurationUpdate => ran_configuration_update::requested,
        NgapPduKind::Initiating_ErrorIndication => error_indication::received,
        NgapPduKind::Initiating_InitialUEMessage => nas_transport::initial,
        NgapPduKind::Initiating_UplinkNASTransport => nas_transport::uplink,
        NgapPduKind::Initiating_NASNonDeliveryIndication => nas_transport::not_delivered,
        NgapPduKind::Successful_InitialContextSetup => initial_context_setup::succeeded,
        NgapPduKind::Unsuccessful_InitialContextSetup => initial_context_setup::failed,
        NgapPduKind::Initiating_UEContextReleaseRequest => ue_context_release::requested,
        NgapPduKind::Successful_UEContextRelease => ue_context_release::completed,
        NgapPduKind::Successful_PDUSessionResourceSetup => pdu_session_resource::set_up_answered,
        NgapPduKind::Successful_PDUSessionResourceModify => pdu_session_resource::modify_answered,
        NgapPduKind::Successful_PDUSessionResourceRelease => pdu_session_resource::release_answered,
        NgapPduKind::Initiating_PDUSessionResourceNotify => pdu_session_resource::notified,
        NgapPduKind::Initiating_HandoverPreparation => handover::required,
        NgapPduKind::Initiating_HandoverCancel => handover::cancelled,
        NgapPduKind::Initiating_UplinkRANStatusTransfer => handover::status,
        NgapPduKind::Successful_HandoverResourceAllocation => handover_target::acknowledged,
        NgapPduKind::Unsuccessful_HandoverResourceAllocation => handover_target::failed,
        NgapPduKind::Initiating_HandoverNotification => handover_target::notified,
        NgapPduKind::Initiating_PathSwitchRequest => path_switch_request::requested,
        NgapPduKind::Initiating_NGReset => ng_reset::by_gnb,
        NgapPduKind::Successful_NGReset | NgapPduKind::Initiating_UERadioCapabilityInfoIndication => {
            |_, _, _, _| Ok(())
        }
        _ => return None,
    })
}

/// The connection that an answer of a gNB is about. An answer that lacks one of the identifiers is taken by the other
/// (TS 38.413 §10.3.5: their criticality is *ignore* there).
pub(super) fn answered(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    association: u32,
    amf_ue_id: Option<u64>,
    ran_ue_id: Option<u32>,
) -> Option<ConnectionId> {
    match (amf_ue_id, ran_ue_id) {
        (Some(amf_ue_id), Some(ran_ue_id)) => connection_of(amf, context, association, amf_ue_id, ran_ue_id),
        _ => known(amf, association, amf_ue_id, ran_ue_id),
    }
}

/// The connection of a gNB that has these identifiers, as far as they are given.
pub(super) fn known(
    amf: &Amf,
    association: u32,
    amf_ue_id: Option<u64>,
    ran_ue_id: Option<u32>,
) -> Option<ConnectionId> {
    let by_ran = || amf.gnbs.get(&association)?.connections.get(&ran_ue_id?).copied();
    let id = amf_ue_id.map(ConnectionId).or_else(by_ran)?;
    let connection = amf.connections.get(&id).filter(|connection| connection.association == association)?;
    let agrees = ran_ue_id.is_none_or(|ran| !connection.ran_ue_id_known || connection.ran_ue_id == ran);
    agrees.then_some(id)
}

/// The connection that a message of a UE names. One that this gNB does not have, or has under another RAN UE NGAP
/// ID, is answered as TS 38.413 §10.6 says.
pub(super) fn connection_of(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    association: u32,
    amf_ue_id: u64,
    ran_ue_id: u32,
) -> Option<ConnectionId> {
    let id = ConnectionId(amf_ue_id);
    if let Some(connection) = amf.connections.get_mut(&id)
        && connection.association == association
        && !connection.ran_ue_id_known
    {
        (connection.ran_ue_id, connection.ran_ue_id_known) = (ran_ue_id, true);
    }
    let known = amf.connections.get(&id).filter(|connection| connection.association == association);
    let cause = match known {
        Some(connection) if connection.ran_ue_id == ran_ue_id => return Some(id),
        Some(_) => {
            amf.refuse(Refusal::InconsistentUeId);
            ue_context_release::locally(amf, context, id);
            CauseRadioNetwork::inconsistent_remote_UE_NGAP_ID
        }
        None => {
            amf.refuse(Refusal::UnknownUeId);
            CauseRadioNetwork::unknown_local_UE_NGAP_ID
        }
    };
    error_indication::send(
        amf,
        context,
        association,
        Some((amf_ue_id, ran_ue_id)),
        Cause::radioNetwork(cause),
    );
    None
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
