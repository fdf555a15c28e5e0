//! Error Indication (TS 38.413 §8.7.5).

use criticality::ngap::Ids;
use oxirush_ngap::{Error, NgapPduKind, build_ngap, extract_ngap_ies, ngap::*};

use super::{handover_target, ue_context_release};
use crate::amf::connection::ConnectionId;
use crate::amf::{Amf, ngap, sending};
use crate::sessions::EventContext;
use crate::statistics::{Message, Refusal};

/// Reports an error to a gNB; `ids` are the AMF UE NGAP ID and RAN UE NGAP ID of the message at fault.
pub(in crate::amf) fn send(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    association: u32,
    ids: Option<(u64, u32)>,
    cause: Cause,
) {
    let pdu = match ids {
        Some((amf_ue_id, ran_ue_id)) => build_ngap!(
            InitiatingMessage,
            ErrorIndication,
            ErrorIndication,
            AMF_UE_NGAP_ID(amf_ue_id),
            RAN_UE_NGAP_ID(ran_ue_id),
            Cause(cause),
        ),
        None => build_ngap!(InitiatingMessage, ErrorIndication, ErrorIndication, Cause(cause),),
    };
    sending::of_gnb(amf, context.now(), association, Message::ErrorIndication, pdu);
}

/// Answers a message that is at fault: to the UE's gNB on the stream of the UE, where it is of one.
pub(in crate::amf) fn answer(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    association: u32,
    answer: NGAP_PDU,
) {
    let name = ngap::name_of(&answer.kind());
    let connection = Ids::of(&answer)
        .amf
        .map(ConnectionId)
        .filter(|id| amf.connections.get(id).is_some_and(|connection| connection.association == association));
    match connection {
        Some(id) => sending::of_ue(amf, context.now(), id, name, Ok(answer)),
        None => sending::of_gnb(amf, context.now(), association, name, Ok(answer)),
    }
}

/// A message that is understood, and cannot be served (TS 38.413 §10.4): what begins a procedure is refused, an answer is ignored.
pub(in crate::amf) fn out_of_state(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    association: u32,
    pdu: &NGAPPDU<'_>,
    cause: Cause,
) {
    if !pdu.is_initiating() {
        return;
    }
    match criticality::ngap::refusal(pdu, cause, &[]) {
        Ok(refusal) => answer(amf, context, association, refusal),
        Err(_) => amf.refuse(Refusal::CannotEncode),
    }
}

/// An answer of a gNB is at fault: the procedure has failed (§10.3.4.2, §10.3.5, §10.3.6).
pub(in crate::amf) fn failed_locally(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    association: u32,
    pdu: &NGAPPDU<'_>,
) {
    let ids = Ids::of(pdu);
    let id = ngap::known(amf, association, ids.amf, ids.ran);
    match (pdu.kind(), id) {
        (NgapPduKind::Successful_InitialContextSetup, Some(id)) => {
            amf.refuse(Refusal::ContextSetupFailed);
            let cause = CauseRadioNetwork::failure_in_radio_interface_procedure;
            ue_context_release::command(amf, context, id, Cause::radioNetwork(cause));
        }
        (NgapPduKind::Successful_HandoverResourceAllocation, Some(id)) => {
            handover_target::unusable(amf, context, id);
        }
        _ => {}
    }
}

/// A gNB reports an error: a UE that it does not know has no connection (TS 38.413 §10.6). It is never answered.
pub(in crate::amf) fn received(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    association: u32,
    pdu: &NGAPPDU<'_>,
) -> Result<(), Error> {
    extract_ngap_ies!(pdu, ErrorIndication,
        lax amf_ue_id: u64 = AMF_UE_NGAP_ID(id),
        lax cause: Cause = Cause(cause) => cause,
    );
    let unknown = matches!(
        cause,
        Some(Cause::radioNetwork(
            CauseRadioNetwork::unknown_local_UE_NGAP_ID | CauseRadioNetwork::inconsistent_remote_UE_NGAP_ID
        ))
    );
    let Some(id) = amf_ue_id.map(ConnectionId).filter(|_| unknown) else { return Ok(()) };
    if amf.connections.get(&id).is_some_and(|connection| connection.association == association) {
        ue_context_release::locally(amf, context, id);
    }
    Ok(())
}
