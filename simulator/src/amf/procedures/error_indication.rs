//! Error Indication (TS 38.413 §8.7.5).

use crate::amf::Turn;

use oxirush_ngap::{Error, build_ngap, extract_ngap_ies, ngap::*};

use super::ue_context_release;
use crate::amf::connection::ConnectionId;
use crate::amf::{Amf, Message, sending};

/// Reports an error to a gNB; `ids` are the AMF UE NGAP ID and RAN UE NGAP ID of the message at fault.
pub(in crate::amf) fn send(
    amf: &mut Amf,
    turn: &mut Turn<'_>,
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
    sending::of_gnb(amf, turn, association, Message::ErrorIndication, pdu);
}

/// A gNB reports an error: a UE that it does not know has no connection (TS 38.413 §10.6). It is never answered.
pub(in crate::amf) fn received(
    amf: &mut Amf,
    turn: &mut Turn<'_>,
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
        ue_context_release::locally(amf, turn, id);
    }
    Ok(())
}
