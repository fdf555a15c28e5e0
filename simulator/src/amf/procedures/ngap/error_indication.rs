//! Error Indication (TS 38.413 §8.7.5).

use oxirush_ngap::{Error, extract_ngap_ies, ngap::*};

use crate::amf::connection::ConnectionId;
use crate::amf::procedures::Step;
use crate::amf::{Amf, leaving};
use crate::sessions::EventContext;

/// A gNB reports an error: a UE that it does not know has no connection (TS 38.413 §10.6). It is never answered.
pub(in crate::amf) fn received<'a>(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    association: u32,
    pdu: &'a NGAPPDU<'a>,
) -> Result<Step<'a>, Error> {
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
    let Some(id) = amf_ue_id.map(ConnectionId).filter(|_| unknown) else { return Ok(Step::Stay) };
    if amf.connections.get(&id).is_some_and(|connection| connection.association == association) {
        leaving::forget(amf, context, id);
    }
    Ok(Step::Stay)
}
