//! Handover Resource Allocation, target gNB (TS 38.413 §8.4.2).

use std::net::IpAddr;

use oxirush_ngap::ngap::*;
use oxirush_ngap::{Error, Octets, build_ngap, build_ngap_ie, extract_ngap_ies};

use super::pdu_session_resource_setup::{Answer, Item, slice, tunnel, wanted};
use crate::ngap::codec::{capabilities, cell_of, encode};
use crate::ngap::rrc_container;
use crate::ngap::{GnbSettings, Refusal, Resource, SecurityCapabilities};

/// HANDOVER REQUEST (TS 38.413 §9.2.3.4).
pub(crate) struct Request {
    pub(crate) amf: u64,
    pub(crate) security: SecurityCapabilities,
    pub(crate) items: Vec<Item>,
    /// What the source says of the UE.
    pub(crate) source: Result<Source, CauseRadioNetwork>,
}

/// What the container of the source says (§9.3.1.29).
pub(crate) struct Source {
    pub(crate) cell: u32,
    pub(crate) container: Vec<u8>,
}

pub(crate) fn request(pdu: &NGAPPDU<'_>, settings: &GnbSettings) -> Result<Request, Error> {
    extract_ngap_ies!(pdu, HandoverRequest,
        req amf: u64 = AMF_UE_NGAP_ID(id),
        req _kind: HandoverType = HandoverType(kind) => kind,
        req security: SecurityCapabilities = UESecurityCapabilities(given) => capabilities::read(&given),
        req _keys: SecurityContext = SecurityContext(keys) => keys,
        req list: PDUSessionResourceSetupListHOReq = PDUSessionResourceSetupListHOReq(list) => list,
        req _slices: AllowedNSSAI = AllowedNSSAI(slices) => slices,
        req container: SourceToTargetTransparentContainer =
            SourceToTarget_TransparentContainer(container) => container,
        req _guami: GUAMI = GUAMI(guami) => guami,
    );
    let ours: Option<IpAddr> = settings.n3.map(|n3| n3.address);
    let items = list
        .0
        .into_iter()
        .map(|item| Item {
            id: item.pdu_session_id.0,
            nas: None,
            slice: slice(&item.s_nssai),
            wanted: wanted(&item.handover_request_transfer, ours),
        })
        .collect();
    Ok(Request { amf, security, items, source: source(&container.0, settings) })
}

/// Opens the container. One that is not readable, or not of our make, says nothing of a UE that we could go on as.
fn source(container: &[u8], settings: &GnbSettings) -> Result<Source, CauseRadioNetwork> {
    let unreadable = CauseRadioNetwork::ho_failure_in_target_5GC_ngran_node_or_target_system;
    let container: SourceNGRANNodeToTargetNGRANNodeTransparentContainer<'_> =
        decode_open_type(container).map_err(|_| unreadable)?;
    let NGRANCGI::nR_CGI(cgi) = &container.target_cell_id else {
        return Err(CauseRadioNetwork::cell_not_available);
    };
    let cell = cell_of(settings, cgi).ok_or(CauseRadioNetwork::cell_not_available)?;
    let container = rrc_container::open_handover_preparation_information(&container.rrc_container.0)
        .filter(|octets| !octets.is_empty())
        .ok_or(unreadable)?;
    Ok(Source { cell, container })
}

/// HANDOVER REQUEST ACKNOWLEDGE (TS 38.413 §9.2.3.5). The receipt goes back to the source with the command.
pub(crate) fn acknowledge(
    amf: u64,
    ran: u32,
    admitted: Vec<Answer>,
    failed: &[(u8, Refusal)],
    receipt: &[u8],
) -> Result<Vec<u8>, Error> {
    use HandoverRequestAcknowledge as Message;
    let items = admitted
        .into_iter()
        .map(|(id, transfer)| PDUSessionResourceAdmittedItem::new(PDUSessionID(id), transfer, None));
    let admitted = PDUSessionResourceAdmittedList(items.collect());
    let mut ies = vec![
        build_ngap_ie!(HandoverRequestAcknowledge, AMF_UE_NGAP_ID(amf))?,
        build_ngap_ie!(HandoverRequestAcknowledge, RAN_UE_NGAP_ID(ran))?,
        build_ngap_ie!(HandoverRequestAcknowledge, PDUSessionResourceAdmittedList(admitted))?,
    ];
    if !failed.is_empty() {
        let items: Result<_, Error> = failed
            .iter()
            .map(|&(id, refusal)| {
                let transfer =
                    HandoverResourceAllocationUnsuccessfulTransfer::new(refusal.cause(), None, None);
                let transfer = encode_open_type(&transfer)?;
                Ok(PDUSessionResourceFailedToSetupItemHOAck::new(PDUSessionID(id), transfer, None))
            })
            .collect();
        let list = PDUSessionResourceFailedToSetupListHOAck(items?);
        ies.push(build_ngap_ie!(HandoverRequestAcknowledge, PDUSessionResourceFailedToSetupListHOAck(list))?);
    }
    let rrc = rrc_container::handover_command(receipt).unwrap_or_default();
    let container = TargetNGRANNodeToSourceNGRANNodeTransparentContainer::new(RRCContainer(rrc.into()), None);
    let container = TargetToSourceTransparentContainer(encode_open_type(&container)?);
    ies.push(build_ngap_ie!(HandoverRequestAcknowledge, TargetToSource_TransparentContainer(container))?);
    encode(&Message::new(ProtocolIEContainer(ies)))
}

/// Handover Request Acknowledge Transfer (TS 38.413 §9.3.4.11).
pub(crate) fn admitted(resource: &Resource, address: IpAddr) -> Result<Octets<'static>, Error> {
    let flows = resource
        .flows
        .iter()
        .map(|qfi| QosFlowItemWithDataForwarding::new(QosFlowIdentifier(qfi.into()), None, None))
        .collect();
    encode_open_type(&HandoverRequestAcknowledgeTransfer::new(
        tunnel(address, resource.local_teid),
        None,
        None,
        QosFlowListWithDataForwarding(flows),
        None,
        None,
        None,
    ))
}

/// HANDOVER FAILURE (TS 38.413 §9.2.3.6).
pub(crate) fn failure(amf: u64, cause: Cause) -> Result<Vec<u8>, Error> {
    build_ngap!(
        UnsuccessfulOutcome,
        HandoverResourceAllocation,
        HandoverFailure,
        AMF_UE_NGAP_ID(amf),
        Cause(cause),
    )?
    .encode()
}
