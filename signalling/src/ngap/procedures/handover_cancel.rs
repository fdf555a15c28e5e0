//! Handover Cancel, source gNB (TS 38.413 §8.4.5).

use oxirush_ngap::ngap::*;
use oxirush_ngap::{Error, build_ngap, extract_ngap_ies};

/// HANDOVER CANCEL (TS 38.413 §9.2.3.11).
pub(crate) fn cancel(amf: u64, ran: u32, cause: CauseRadioNetwork) -> Result<Vec<u8>, Error> {
    build_ngap!(
        InitiatingMessage,
        HandoverCancel,
        HandoverCancel,
        AMF_UE_NGAP_ID(amf),
        RAN_UE_NGAP_ID(ran),
        Cause(Cause::radioNetwork(cause)),
    )?
    .encode()
}

/// HANDOVER CANCEL ACKNOWLEDGE (TS 38.413 §9.2.3.12).
pub(crate) fn acknowledge(pdu: &NGAPPDU<'_>) -> Result<(u64, u32), Error> {
    extract_ngap_ies!(pdu, HandoverCancelAcknowledge,
        req amf: u64 = AMF_UE_NGAP_ID(id),
        req ran: u32 = RAN_UE_NGAP_ID(id),
    );
    Ok((amf, ran))
}
