//! Path Switch Request, target gNB of a handover over Xn (TS 38.413 §8.4.4).

use std::net::IpAddr;

use oxirush_ngap::ngap::*;
use oxirush_ngap::{Error, Octets, build_ngap, extract_ngap_ies};

use super::initial_ue_message::location;
use super::pdu_session_resource_setup::{end, tunnel};
use crate::ngap::codec::capabilities;
use crate::ngap::{GnbSettings, NgapCause, Resource, SecurityCapabilities};

/// PATH SWITCH REQUEST (TS 38.413 §9.2.3.8).
pub(crate) fn request(
    settings: &GnbSettings,
    ran: u32,
    source_amf: u64,
    cell: u32,
    security: SecurityCapabilities,
    sessions: &[Resource],
    address: IpAddr,
) -> Result<Vec<u8>, Error> {
    let items: Result<_, Error> = sessions
        .iter()
        .map(|resource| {
            let id = PDUSessionID(resource.session.value());
            Ok(PDUSessionResourceToBeSwitchedDLItem::new(id, to_be_switched(resource, address)?, None))
        })
        .collect();
    build_ngap!(
        InitiatingMessage,
        PathSwitchRequest,
        PathSwitchRequest,
        RAN_UE_NGAP_ID(ran),
        SourceAMF_UE_NGAP_ID(source_amf),
        UserLocationInformation(location(settings, cell)?),
        UESecurityCapabilities(capabilities::write(security)),
        PDUSessionResourceToBeSwitchedDLList(PDUSessionResourceToBeSwitchedDLList(items?)),
    )?
    .encode()
}

/// Path Switch Request Transfer (TS 38.413 §9.3.4.8).
fn to_be_switched(resource: &Resource, address: IpAddr) -> Result<Octets<'static>, Error> {
    let flows = resource
        .flows
        .iter()
        .map(|qfi| QosFlowAcceptedItem::new(QosFlowIdentifier(qfi.into()), None))
        .collect();
    encode_open_type(&PathSwitchRequestTransfer::new(
        tunnel(address, resource.local_teid),
        None,
        None,
        QosFlowAcceptedList(flows),
        None,
    ))
}

/// PATH SWITCH REQUEST ACKNOWLEDGE (TS 38.413 §9.2.3.9).
pub(crate) struct Acknowledge {
    pub(crate) amf: u64,
    pub(crate) ran: u32,
    pub(crate) security: Option<SecurityCapabilities>,
    /// The new ends of the UPF, of the sessions that have one.
    pub(crate) uplinks: Vec<(u8, IpAddr, u32)>,
    /// The sessions that the core released.
    pub(crate) released: Vec<u8>,
}

pub(crate) fn acknowledge(pdu: &NGAPPDU<'_>, ours: Option<IpAddr>) -> Result<Acknowledge, Error> {
    extract_ngap_ies!(pdu, PathSwitchRequestAcknowledge,
        req amf: u64 = AMF_UE_NGAP_ID(id),
        req ran: u32 = RAN_UE_NGAP_ID(id),
        opt security: SecurityCapabilities = UESecurityCapabilities(given) => capabilities::read(&given),
        req _keys: SecurityContext = SecurityContext(keys) => keys,
        lax switched: PDUSessionResourceSwitchedList = PDUSessionResourceSwitchedList(list) => list,
        lax released: PDUSessionResourceReleasedListPSAck = PDUSessionResourceReleasedListPSAck(list) => list,
        req _slices: AllowedNSSAI = AllowedNSSAI(slices) => slices,
    );
    let uplinks = switched.iter().flat_map(|list| &list.0).filter_map(|item| {
        let transfer = &item.path_switch_request_acknowledge_transfer;
        let transfer: PathSwitchRequestAcknowledgeTransfer<'_> = decode_open_type(transfer).ok()?;
        let (address, teid) = end(transfer.ul_ngu_up_tnl_information.as_ref()?, ours);
        Some((item.pdu_session_id.0, address?, teid))
    });
    let uplinks = uplinks.collect();
    let released = released.iter().flat_map(|list| &list.0).map(|item| item.pdu_session_id.0).collect();
    Ok(Acknowledge { amf, ran, security, uplinks, released })
}

/// PATH SWITCH REQUEST FAILURE (TS 38.413 §9.2.3.10). It has causes for its sessions alone: the first stands for all.
pub(crate) fn failure(pdu: &NGAPPDU<'_>) -> Result<(u64, u32, NgapCause), Error> {
    extract_ngap_ies!(pdu, PathSwitchRequestFailure,
        req amf: u64 = AMF_UE_NGAP_ID(id),
        req ran: u32 = RAN_UE_NGAP_ID(id),
        lax list: PDUSessionResourceReleasedListPSFail = PDUSessionResourceReleasedListPSFail(list) => list,
    );
    let cause = list.as_ref().and_then(|list| list.0.first()).and_then(|item| {
        let transfer = &item.path_switch_request_unsuccessful_transfer;
        decode_open_type::<PathSwitchRequestUnsuccessfulTransfer>(transfer).ok()
    });
    Ok((amf, ran, cause.map(|transfer| transfer.cause).into()))
}
