//! What a gNB sends, to the procedure that it belongs to (TS 38.413 §8).

use crate::amf::Turn;

use oxirush_ngap::NgapPduKind;
use oxirush_ngap::ngap::*;

use super::Amf;
use super::connection::ConnectionId;
use super::procedures::{
    error_indication, handover, handover_target, initial_context_setup, nas_transport, ng_reset, ng_setup,
    path_switch_request, pdu_session_resource, ue_context_release,
};
use super::statistics::{Message, Refusal};

pub(super) fn received(amf: &mut Amf, turn: &mut Turn<'_>, association: u32, octets: &[u8]) {
    let Some(gnb) = amf.gnbs.get_mut(&association) else { return };
    let set_up = gnb.identity.is_some();
    let Ok(pdu) = NGAP_PDU::decode_borrowed(octets) else {
        amf.refuse(Refusal::MalformedNgap);
        let cause = Cause::protocol(CauseProtocol::transfer_syntax_error);
        return error_indication::send(amf, turn, association, None, cause);
    };
    let kind = pdu.kind();
    gnb.has_asked |= matches!(kind, NgapPduKind::Initiating_NGSetup);
    amf.statistics.count_received(name_of(&kind));
    let outcome = match kind {
        NgapPduKind::Initiating_NGSetup => ng_setup::requested(amf, turn, association, &pdu),
        NgapPduKind::Initiating_ErrorIndication => error_indication::received(amf, turn, association, &pdu),
        _ if !set_up => {
            amf.refuse(Refusal::UnexpectedNgap);
            let cause = Cause::protocol(CauseProtocol::message_not_compatible_with_receiver_state);
            return error_indication::send(amf, turn, association, None, cause);
        }
        NgapPduKind::Initiating_InitialUEMessage => nas_transport::initial(amf, turn, association, &pdu),
        NgapPduKind::Initiating_UplinkNASTransport => nas_transport::uplink(amf, turn, association, &pdu),
        NgapPduKind::Initiating_NASNonDeliveryIndication => {
            nas_transport::not_delivered(amf, turn, association, &pdu)
        }
        NgapPduKind::Successful_InitialContextSetup => {
            initial_context_setup::succeeded(amf, turn, association, &pdu)
        }
        NgapPduKind::Unsuccessful_InitialContextSetup => {
            initial_context_setup::failed(amf, turn, association, &pdu)
        }
        NgapPduKind::Initiating_UEContextReleaseRequest => {
            ue_context_release::requested(amf, turn, association, &pdu)
        }
        NgapPduKind::Successful_UEContextRelease => {
            ue_context_release::completed(amf, turn, association, &pdu)
        }
        NgapPduKind::Successful_PDUSessionResourceSetup => {
            pdu_session_resource::set_up_answered(amf, turn, association, &pdu)
        }
        NgapPduKind::Successful_PDUSessionResourceModify => {
            pdu_session_resource::modify_answered(amf, turn, association, &pdu)
        }
        NgapPduKind::Successful_PDUSessionResourceRelease => {
            pdu_session_resource::release_answered(amf, turn, association, &pdu)
        }
        NgapPduKind::Initiating_PDUSessionResourceNotify => {
            pdu_session_resource::notified(amf, turn, association, &pdu)
        }
        NgapPduKind::Initiating_HandoverPreparation => handover::required(amf, turn, association, &pdu),
        NgapPduKind::Initiating_HandoverCancel => handover::cancelled(amf, turn, association, &pdu),
        NgapPduKind::Initiating_UplinkRANStatusTransfer => handover::status(amf, turn, association, &pdu),
        NgapPduKind::Successful_HandoverResourceAllocation => {
            handover_target::acknowledged(amf, turn, association, &pdu)
        }
        NgapPduKind::Unsuccessful_HandoverResourceAllocation => {
            handover_target::failed(amf, turn, association, &pdu)
        }
        NgapPduKind::Initiating_HandoverNotification => {
            handover_target::notified(amf, turn, association, &pdu)
        }
        NgapPduKind::Initiating_PathSwitchRequest => {
            path_switch_request::requested(amf, turn, association, &pdu)
        }
        NgapPduKind::Initiating_NGReset => ng_reset::by_gnb(amf, turn, association, &pdu),
        NgapPduKind::Successful_NGReset | NgapPduKind::Initiating_UERadioCapabilityInfoIndication => Ok(()),
        _ => {
            amf.refuse(Refusal::UnexpectedNgap);
            let cause = Cause::protocol(CauseProtocol::abstract_syntax_error_ignore_and_notify);
            return error_indication::send(amf, turn, association, None, cause);
        }
    };
    if outcome.is_err() {
        amf.refuse(Refusal::MalformedNgap);
        let cause = Cause::protocol(CauseProtocol::abstract_syntax_error_reject);
        error_indication::send(amf, turn, association, None, cause);
    }
}

/// The connection that a message of a UE names. One that this gNB does not have, or has under another RAN UE NGAP
/// ID, is answered as TS 38.413 §10.6 says.
pub(super) fn connection_of(
    amf: &mut Amf,
    turn: &mut Turn<'_>,
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
            ue_context_release::locally(amf, turn, id);
            CauseRadioNetwork::inconsistent_remote_UE_NGAP_ID
        }
        None => {
            amf.refuse(Refusal::UnknownUeId);
            CauseRadioNetwork::unknown_local_UE_NGAP_ID
        }
    };
    error_indication::send(amf, turn, association, Some((amf_ue_id, ran_ue_id)), Cause::radioNetwork(cause));
    None
}

fn name_of(kind: &NgapPduKind) -> Message {
    match kind {
        NgapPduKind::Initiating_NGSetup => Message::NgSetupRequest,
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
        _ => Message::OtherNgap,
    }
}
