//! Error Indication, gNB side (TS 38.413 §8.7.5).

use oxirush_ngap::ngap::*;
use oxirush_ngap::{Error, build_ngap, extract_ngap_ies};

use crate::ngap::{Gnb, Out};
use crate::node::action::NodeAction;
use crate::node::cause::Released;

/// TS 38.413 §8.7.5: the AMF does not know the UE as we do, so the connection is of no use.
pub(crate) fn indicated(gnb: &mut Gnb, pdu: &NGAPPDU<'_>, out: &mut Out) -> Result<(), Error> {
    let (amf, ran) = ue(pdu)?;
    out.push(NodeAction::Unexpected("error-indication"));
    if let Some(ran) = gnb.connections.find(amf, ran) {
        gnb.drop_connection(ran, Released::Lost, out);
    }
    Ok(())
}

/// ERROR INDICATION (TS 38.413 §9.2.6.13) about a UE.
pub(crate) fn about_ue(amf: Option<u64>, ran: Option<u32>, cause: Cause) -> Result<Vec<u8>, Error> {
    let pdu = match (amf, ran) {
        (Some(amf), Some(ran)) => build_ngap!(
            InitiatingMessage,
            ErrorIndication,
            ErrorIndication,
            AMF_UE_NGAP_ID(amf),
            RAN_UE_NGAP_ID(ran),
            Cause(cause),
        ),
        (Some(amf), None) => build_ngap!(
            InitiatingMessage,
            ErrorIndication,
            ErrorIndication,
            AMF_UE_NGAP_ID(amf),
            Cause(cause),
        ),
        _ => build_ngap!(InitiatingMessage, ErrorIndication, ErrorIndication, Cause(cause),),
    };
    pdu?.encode()
}

/// The UE that an ERROR INDICATION of the AMF is about.
fn ue(pdu: &NGAPPDU<'_>) -> Result<(Option<u64>, Option<u32>), Error> {
    extract_ngap_ies!(pdu, ErrorIndication,
        lax amf: u64 = AMF_UE_NGAP_ID(id),
        lax ran: u32 = RAN_UE_NGAP_ID(id),
    );
    Ok((amf, ran))
}
