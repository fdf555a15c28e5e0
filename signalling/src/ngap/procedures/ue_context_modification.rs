//! UE Context Modification, gNB side (TS 38.413 §8.3.4).

use oxirush_ngap::ngap::*;
use oxirush_ngap::{Error, build_ngap, extract_ngap_ies};

use crate::ngap::SecurityCapabilities;
use crate::ngap::codec::capabilities;

/// UE CONTEXT MODIFICATION REQUEST (TS 38.413 §9.2.2.7): what of it the gNB keeps, or answers.
pub(crate) struct Request {
    pub(crate) amf: u64,
    pub(crate) ran: u32,
    pub(crate) security: Option<SecurityCapabilities>,
    /// The AMF's id of the UE from now on.
    pub(crate) new_amf: Option<u64>,
    /// The AMF wants to hear whether the UE is in RRC_CONNECTED.
    pub(crate) asks_rrc_state: bool,
}

pub(crate) fn request(pdu: &NGAPPDU<'_>) -> Result<Request, Error> {
    extract_ngap_ies!(pdu, UEContextModificationRequest,
        req amf: u64 = AMF_UE_NGAP_ID(id),
        req ran: u32 = RAN_UE_NGAP_ID(id),
        opt security: SecurityCapabilities = UESecurityCapabilities(given) => capabilities::read(&given),
        opt new_amf: u64 = NewAMF_UE_NGAP_ID(id) => id.0,
        lax report: RRCInactiveTransitionReportRequest = RRCInactiveTransitionReportRequest(report) => report,
    );
    let asks_rrc_state =
        report.is_some_and(|report| report != RRCInactiveTransitionReportRequest::cancel_report);
    Ok(Request { amf, ran, security, new_amf, asks_rrc_state })
}

/// UE CONTEXT MODIFICATION RESPONSE (TS 38.413 §9.2.2.8).
pub(crate) fn response(amf: u64, ran: u32, says_rrc_state: bool) -> Result<Vec<u8>, Error> {
    let pdu = if says_rrc_state {
        build_ngap!(
            SuccessfulOutcome,
            UEContextModification,
            UEContextModificationResponse,
            AMF_UE_NGAP_ID(amf),
            RAN_UE_NGAP_ID(ran),
            RRCState(RRCState::connected),
        )
    } else {
        build_ngap!(
            SuccessfulOutcome,
            UEContextModification,
            UEContextModificationResponse,
            AMF_UE_NGAP_ID(amf),
            RAN_UE_NGAP_ID(ran),
        )
    };
    pdu?.encode()
}
