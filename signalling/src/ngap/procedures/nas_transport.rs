//! Uplink and Downlink NAS Transport and NAS Non Delivery Indication, gNB side (TS 38.413 §8.6.2 to §8.6.4).

use oxirush_ngap::ngap::*;
use oxirush_ngap::{Error, build_ngap, extract_ngap_ies};

use super::initial_ue_message::location;
use crate::ngap::GnbSettings;

/// A DOWNLINK NAS TRANSPORT (TS 38.413 §9.2.5.2).
pub(crate) struct Downlink {
    pub(crate) amf: u64,
    pub(crate) ran: u32,
    pub(crate) nas: Vec<u8>,
}

pub(crate) fn downlink(pdu: &NGAPPDU<'_>) -> Result<Downlink, Error> {
    extract_ngap_ies!(pdu, DownlinkNASTransport,
        req amf: u64 = AMF_UE_NGAP_ID(id),
        req ran: u32 = RAN_UE_NGAP_ID(id),
        req nas: NASPDU = NAS_PDU(nas) => nas,
    );
    Ok(Downlink { amf, ran, nas: nas.0.to_vec() })
}

/// UPLINK NAS TRANSPORT (TS 38.413 §9.2.5.3).
pub(crate) fn uplink(
    settings: &GnbSettings,
    amf: u64,
    ran: u32,
    cell: u32,
    nas: &[u8],
) -> Result<Vec<u8>, Error> {
    build_ngap!(
        InitiatingMessage,
        UplinkNASTransport,
        UplinkNASTransport,
        AMF_UE_NGAP_ID(amf),
        RAN_UE_NGAP_ID(ran),
        NAS_PDU(nas),
        UserLocationInformation(location(settings, cell)?),
    )?
    .encode()
}

/// NAS NON DELIVERY INDICATION (TS 38.413 §9.2.5.4).
pub(crate) fn non_delivery(
    amf: u64,
    ran: u32,
    nas: &[u8],
    cause: CauseRadioNetwork,
) -> Result<Vec<u8>, Error> {
    build_ngap!(
        InitiatingMessage,
        NASNonDeliveryIndication,
        NASNonDeliveryIndication,
        AMF_UE_NGAP_ID(amf),
        RAN_UE_NGAP_ID(ran),
        NAS_PDU(nas),
        Cause(Cause::radioNetwork(cause)),
    )?
    .encode()
}
