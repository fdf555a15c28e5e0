//! UE Context Modification, gNB side (TS 38.413 §8.3.4).

use oxirush_ngap::ngap::*;
use oxirush_ngap::{Error, build_ngap, extract_ngap_ies};

use crate::ngap::codec::capabilities;
use crate::ngap::{Gnb, Out};
use crate::node::tunnel::SecurityCapabilities;

/// UE CONTEXT MODIFICATION REQUEST. Takes over what a path switch has to repeat, and the AMF's new id. Keys, aggregate rates and the rest are for a radio
/// interface that is not played: they are taken, and nothing follows from them.
pub(crate) fn requested(gnb: &mut Gnb, pdu: &NGAPPDU<'_>, out: &mut Out) -> Result<(), Error> {
    let request = request(pdu)?;
    if !gnb.associate(request.amf, request.ran, out) {
        return Ok(());
    }
    if let Some(connection) = gnb.connections.get_mut(request.ran) {
        connection.security = request.security.or(connection.security);
        // §8.3.4.2: for future signalling; this answer is still under the old one.
        connection.amf = request.new_amf.or(connection.amf);
    }
    let response = response(request.amf, request.ran, request.asks_rrc_state);
    gnb.send_ue(request.ran, response, out);
    Ok(())
}

/// UE CONTEXT MODIFICATION REQUEST (TS 38.413 §9.2.2.7): what of it the gNB keeps, or answers.
struct Request {
    amf: u64,
    ran: u32,
    security: Option<SecurityCapabilities>,
    /// The AMF's id of the UE from now on.
    new_amf: Option<u64>,
    /// The AMF wants to hear whether the UE is in RRC_CONNECTED.
    asks_rrc_state: bool,
}

fn request(pdu: &NGAPPDU<'_>) -> Result<Request, Error> {
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
fn response(amf: u64, ran: u32, says_rrc_state: bool) -> Result<Vec<u8>, Error> {
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
