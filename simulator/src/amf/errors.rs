//! How the AMF answers messages at fault (TS 38.413 §8.7.5, §10).

use std::time::Instant;

use criticality::ngap::Ids;
use oxirush_ngap::{build_ngap, ngap::*};

use super::connection::ConnectionId;
use super::{Amf, received_ngap, sending};
use crate::statistics::{Message, Refusal};

/// ERROR INDICATION of a message with this AMF UE NGAP ID and RAN UE NGAP ID.
pub(super) fn indicate(amf: &mut Amf, now: Instant, association: u32, ids: (u64, u32), cause: Cause) {
    let pdu = build_ngap!(
        InitiatingMessage,
        ErrorIndication,
        ErrorIndication,
        AMF_UE_NGAP_ID(ids.0),
        RAN_UE_NGAP_ID(ids.1),
        Cause(cause),
    );
    sending::of_gnb(amf, now, association, Message::ErrorIndication, pdu);
}

/// Answers a message that is at fault: to the UE's gNB on the stream of the UE, where it is of one.
pub(super) fn answer(amf: &mut Amf, now: Instant, association: u32, answer: NGAP_PDU) {
    let name = received_ngap::name_of(&answer.kind());
    let connection = Ids::of(&answer)
        .amf
        .map(ConnectionId)
        .filter(|id| amf.connections.get(id).is_some_and(|connection| connection.association == association));
    match connection {
        Some(id) => sending::of_ue(amf, now, id, name, Ok(answer)),
        None => sending::of_gnb(amf, now, association, name, Ok(answer)),
    }
}

/// Answers a message that is understood, and cannot be served (TS 38.413 §10.4): what begins a procedure is refused, an answer is
/// ignored.
pub(super) fn refuse(amf: &mut Amf, now: Instant, association: u32, pdu: &NGAPPDU<'_>, cause: Cause) {
    if !pdu.is_initiating() {
        return;
    }
    match criticality::ngap::refusal(pdu, cause, &[]) {
        Ok(refusal) => answer(amf, now, association, refusal),
        Err(_) => amf.refuse(Refusal::CannotEncode),
    }
}
