//! UE Context Release, by the AMF and on request of the gNB (TS 38.413 §8.3.2, §8.3.3).

use oxirush_ngap::{Error, extract_ngap_ies, ngap::*};

use crate::amf::connection::ConnectionId;
use crate::amf::procedures::Step;
use crate::amf::{Amf, connections, leaving};
use crate::sessions::EventContext;
use crate::statistics::Refusal;

/// UE CONTEXT RELEASE REQUEST, for user inactivity or a lost radio connection.
pub(in crate::amf) fn requested<'a>(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    association: u32,
    pdu: &'a NGAPPDU<'a>,
) -> Result<Step<'a>, Error> {
    extract_ngap_ies!(pdu, UEContextReleaseRequest,
        req amf_ue_id: u64 = AMF_UE_NGAP_ID(id),
        req ran_ue_id: u32 = RAN_UE_NGAP_ID(id),
        lax cause: Cause = Cause(cause) => cause,
    );
    let Some(id) = connections::named(amf, context, association, amf_ue_id, ran_ue_id) else {
        return Ok(Step::Stay);
    };
    let cause = cause.unwrap_or(Cause::radioNetwork(CauseRadioNetwork::unspecified));
    Ok(Step::Release(id, cause))
}

/// UE CONTEXT RELEASE COMPLETE: the identifiers are gone.
pub(in crate::amf) fn completed<'a>(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    association: u32,
    pdu: &'a NGAPPDU<'a>,
) -> Result<Step<'a>, Error> {
    extract_ngap_ies!(pdu, UEContextReleaseComplete,
        lax amf_ue_id: u64 = AMF_UE_NGAP_ID(id),
        lax ran_ue_id: u32 = RAN_UE_NGAP_ID(id),
    );
    let Some(id) = connections::answered(amf, context, association, amf_ue_id, ran_ue_id) else {
        return Ok(Step::Stay);
    };
    if !amf.connections.get(&id).is_some_and(|connection| connection.is_being_released()) {
        amf.refuse(Refusal::UnexpectedNgap);
    }
    leaving::forget(amf, context, id);
    Ok(Step::Stay)
}

/// The gNB never confirmed.
pub(in crate::amf) fn expired(amf: &mut Amf, context: &mut EventContext<'_>, id: ConnectionId) {
    amf.refuse(Refusal::ReleaseTimeout);
    leaving::forget(amf, context, id);
}
