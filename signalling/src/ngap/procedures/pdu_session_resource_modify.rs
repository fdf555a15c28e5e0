//! PDU Session Resource Modify, gNB side (TS 38.413 §8.2.3).

use std::net::IpAddr;

use oxirush_ngap::ngap::*;
use oxirush_ngap::{Error, Octets, build_ngap_ie, extract_ngap_ies};

use super::pdu_session_resource_setup::{Answer, end, tunnel};
use crate::ngap::codec::encode;
use crate::ngap::{Refusal, Resource};

/// PDU SESSION RESOURCE MODIFY REQUEST (TS 38.413 §9.2.1.5).
pub(crate) struct Request {
    pub(crate) amf: u64,
    pub(crate) ran: u32,
    pub(crate) items: Vec<Item>,
}

/// One session that is to change.
pub(crate) struct Item {
    pub(crate) id: u8,
    pub(crate) nas: Option<Vec<u8>>,
    pub(crate) change: Result<Change, Refusal>,
}

/// What changes (TS 38.413 §9.3.4.3).
#[derive(Default)]
pub(crate) struct Change {
    /// The new end of the UPF.
    pub(crate) uplink: Option<(IpAddr, u32)>,
    /// QoS flows that are added or modified.
    pub(crate) flows: Vec<u8>,
    /// QoS flows that go.
    pub(crate) gone: Vec<u8>,
}

pub(crate) fn request(pdu: &NGAPPDU<'_>, ours: Option<IpAddr>) -> Result<Request, Error> {
    extract_ngap_ies!(pdu, PDUSessionResourceModifyRequest,
        req amf: u64 = AMF_UE_NGAP_ID(id),
        req ran: u32 = RAN_UE_NGAP_ID(id),
        req list: PDUSessionResourceModifyListModReq = PDUSessionResourceModifyListModReq(list) => list,
    );
    let items = list
        .0
        .into_iter()
        .map(|item| Item {
            id: item.pdu_session_id.0,
            nas: item.nas_pdu.map(|nas| nas.0.to_vec()),
            change: change(&item.pdu_session_resource_modify_request_transfer, ours),
        })
        .collect();
    Ok(Request { amf, ran, items })
}

fn change(transfer: &[u8], ours: Option<IpAddr>) -> Result<Change, Refusal> {
    let read = || -> Result<_, Error> {
        let transfer: PDUSessionResourceModifyRequestTransfer<'_> = decode_open_type(transfer)?;
        extract_ngap_ies!(transfer, PDUSessionResourceModifyRequestTransfer,
            opt uplink: (Option<IpAddr>, u32) = UL_NGU_UP_TNLModifyList(list) =>
                list.0.first().map_or((None, 0), |item| end(&item.ul_ngu_up_tnl_information, ours)),
            opt flows: QosFlowAddOrModifyRequestList = QosFlowAddOrModifyRequestList(list) => list,
            opt gone: QosFlowListWithCause = QosFlowToReleaseList(list) => list,
        );
        Ok((uplink, flows, gone))
    };
    let (uplink, flows, gone) = read().map_err(|_| Refusal::Unreadable)?;
    let uplink = match uplink {
        None => None,
        Some((Some(address), teid)) => Some((address, teid)),
        Some((None, _)) => return Err(Refusal::Unsupported),
    };
    let qfis = |identifiers: Vec<u64>| -> Result<Vec<u8>, Refusal> {
        identifiers
            .into_iter()
            .map(|qfi| u8::try_from(qfi).ok().filter(|qfi| *qfi < 64).ok_or(Refusal::QosFlows))
            .collect()
    };
    let flows = flows.map(|list| list.0.iter().map(|flow| flow.qos_flow_identifier.0).collect());
    let gone = gone.map(|list| list.0.iter().map(|flow| flow.qos_flow_identifier.0).collect());
    Ok(Change { uplink, flows: qfis(flows.unwrap_or_default())?, gone: qfis(gone.unwrap_or_default())? })
}

/// PDU Session Resource Modify Response Transfer (TS 38.413 §9.3.4.4).
pub(crate) fn successful(
    change: &Change,
    resource: &Resource,
    address: IpAddr,
) -> Result<Octets<'static>, Error> {
    let flows = (!change.flows.is_empty()).then(|| {
        let items = change
            .flows
            .iter()
            .map(|qfi| QosFlowAddOrModifyResponseItem::new(QosFlowIdentifier((*qfi).into()), None));
        QosFlowAddOrModifyResponseList(items.collect())
    });
    // The response repeats the uplink end that it took over, beside ours.
    let downlink = change.uplink.map(|_| tunnel(address, resource.local_teid));
    let uplink = change.uplink.map(|(address, teid)| tunnel(address, teid));
    encode_open_type(&PDUSessionResourceModifyResponseTransfer::new(
        downlink, uplink, flows, None, None, None,
    ))
}

/// PDU SESSION RESOURCE MODIFY RESPONSE (TS 38.413 §9.2.1.6).
pub(crate) fn response(
    amf: u64,
    ran: u32,
    changed: Vec<Answer>,
    failed: &[(u8, Refusal)],
) -> Result<Vec<u8>, Error> {
    use PDUSessionResourceModifyResponse as Message;
    let mut ies = vec![
        build_ngap_ie!(PDUSessionResourceModifyResponse, AMF_UE_NGAP_ID(amf))?,
        build_ngap_ie!(PDUSessionResourceModifyResponse, RAN_UE_NGAP_ID(ran))?,
    ];
    if !changed.is_empty() {
        let items = changed
            .into_iter()
            .map(|(id, transfer)| PDUSessionResourceModifyItemModRes::new(PDUSessionID(id), transfer, None));
        let list = PDUSessionResourceModifyListModRes(items.collect());
        ies.push(build_ngap_ie!(PDUSessionResourceModifyResponse, PDUSessionResourceModifyListModRes(list))?);
    }
    if !failed.is_empty() {
        let items: Result<_, Error> = failed
            .iter()
            .map(|&(id, refusal)| {
                let transfer = PDUSessionResourceModifyUnsuccessfulTransfer::new(refusal.cause(), None, None);
                let transfer = encode_open_type(&transfer)?;
                Ok(PDUSessionResourceFailedToModifyItemModRes::new(PDUSessionID(id), transfer, None))
            })
            .collect();
        let list = PDUSessionResourceFailedToModifyListModRes(items?);
        ies.push(build_ngap_ie!(
            PDUSessionResourceModifyResponse,
            PDUSessionResourceFailedToModifyListModRes(list)
        )?);
    }
    encode(&Message::new(ProtocolIEContainer(ies)))
}
