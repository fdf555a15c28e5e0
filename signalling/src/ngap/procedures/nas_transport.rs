//! Uplink and Downlink NAS Transport and NAS Non Delivery Indication, gNB side (TS 38.413 §8.6.2 to §8.6.4).

use oxirush_ngap::ngap::*;
use oxirush_ngap::{Error, build_ngap, extract_ngap_ies};

use super::initial_ue_message::location;
use crate::ngap::connections::Phase;
use crate::ngap::{Gnb, GnbSettings, Out};
use crate::node::action::NodeAction;

/// A NAS message of a UE goes to the AMF (§8.6.3.2).
pub(crate) fn uplink(gnb: &mut Gnb, ue: u32, nas: &[u8], out: &mut Out) {
    let Some((ran, connection)) = gnb.connections.of_ue(ue) else {
        return out.push(NodeAction::Unexpected("uplink-without-connection"));
    };
    if !connection.phase.is_reachable() {
        return out.push(NodeAction::Unexpected("uplink-in-handover"));
    }
    // Before the AMF answered there is no id to send it to.
    let Some(amf) = connection.amf else {
        return out.push(NodeAction::Unexpected("uplink-before-downlink"));
    };
    let message = uplink_message(&gnb.settings, amf, ran, connection.cell, nas);
    gnb.send_ue(ran, message, out);
}

/// DOWNLINK NAS TRANSPORT (§8.6.2.2).
pub(crate) fn downlink(gnb: &mut Gnb, pdu: &NGAPPDU<'_>, out: &mut Out) -> Result<(), Error> {
    let message = downlink_message(pdu)?;
    if gnb.associate(message.amf, message.ran, out) {
        deliver(gnb, message.ran, message.amf, message.nas, out);
    }
    Ok(())
}

/// A NAS message to the UE, or back to the AMF when the UE is not there (§8.6.4): the AMF sends it again where the UE went.
pub(crate) fn deliver(gnb: &mut Gnb, ran: u32, amf: u64, nas: Vec<u8>, out: &mut Out) {
    let Some(connection) = gnb.connections.get(ran) else { return };
    match connection.ue {
        Some(ue) if !connection.lost && connection.phase.is_reachable() => {
            out.push(NodeAction::Downlink { ue, nas });
        }
        _ => {
            let cause = match &connection.phase {
                phase if phase.has_left() => CauseRadioNetwork::ng_intra_system_handover_triggered,
                Phase::GivenUp => CauseRadioNetwork::xn_handover_triggered,
                _ => CauseRadioNetwork::radio_connection_with_ue_lost,
            };
            gnb.send_ue(ran, non_delivery(amf, ran, &nas, cause), out);
        }
    }
}

/// A DOWNLINK NAS TRANSPORT (TS 38.413 §9.2.5.2).
struct Downlink {
    amf: u64,
    ran: u32,
    nas: Vec<u8>,
}

fn downlink_message(pdu: &NGAPPDU<'_>) -> Result<Downlink, Error> {
    extract_ngap_ies!(pdu, DownlinkNASTransport,
        req amf: u64 = AMF_UE_NGAP_ID(id),
        req ran: u32 = RAN_UE_NGAP_ID(id),
        req nas: NASPDU = NAS_PDU(nas) => nas,
    );
    Ok(Downlink { amf, ran, nas: nas.0.to_vec() })
}

/// UPLINK NAS TRANSPORT (TS 38.413 §9.2.5.3).
fn uplink_message(
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
fn non_delivery(amf: u64, ran: u32, nas: &[u8], cause: CauseRadioNetwork) -> Result<Vec<u8>, Error> {
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
