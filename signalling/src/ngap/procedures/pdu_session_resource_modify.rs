//! PDU Session Resource Modify, gNB side (TS 38.413 §8.2.3).

use std::net::IpAddr;

use oxirush_ngap::ngap::*;
use oxirush_ngap::{Error, Octets, build_ngap_ie, extract_ngap_ies};

use super::nas_transport;
use super::pdu_session_resource_setup::{Answer, end, reachable, tunnel};
use crate::ngap::codec::encode;
use crate::ngap::{Gnb, Out};
use crate::node::action::NodeAction;
use crate::node::cause::Refusal;
use crate::node::tunnel::Resource;

/// PDU SESSION RESOURCE MODIFY REQUEST (§8.2.3.2).
pub(crate) fn requested(gnb: &mut Gnb, pdu: &NGAPPDU<'_>, out: &mut Out) -> Result<(), Error> {
    let request = request(pdu, gnb.address())?;
    let (amf, ran) = (request.amf, request.ran);
    if !gnb.associate(amf, ran, out) {
        return Ok(());
    }
    let (mut changed, mut failed, mut nas) = (Vec::new(), Vec::new(), Vec::new());
    for item in request.items {
        match item.change.and_then(|change| modify_one(gnb, ran, item.id, &change, out)) {
            Ok(transfer) => {
                changed.push((item.id, transfer));
                nas.extend(item.nas);
            }
            Err(refusal) => failed.push((item.id, refusal)),
        }
    }
    gnb.send_ue(ran, response(amf, ran, changed, &failed), out);
    for nas in nas {
        nas_transport::deliver(gnb, ran, amf, nas, out);
    }
    Ok(())
}

fn modify_one(
    gnb: &mut Gnb,
    ran: u32,
    id: u8,
    change: &Change,
    out: &mut Out,
) -> Result<Octets<'static>, Refusal> {
    let address = gnb.address().ok_or(Refusal::UnknownSession)?;
    let connection = gnb.connections.get_mut(ran).ok_or(Refusal::Lost)?;
    let ue = reachable(connection)?;
    let mut known = connection.sessions.iter_mut();
    let resource = known.find(|known| known.session.value() == id).ok_or(Refusal::UnknownSession)?;
    let before = *resource;
    for qfi in &change.flows {
        resource.flows.insert(*qfi);
    }
    for qfi in &change.gone {
        resource.flows.remove(*qfi);
    }
    if let Some((remote, remote_teid)) = change.uplink {
        (resource.remote, resource.remote_teid) = (remote, remote_teid);
    }
    let Ok(transfer) = successful(change, resource, address) else {
        *resource = before;
        return Err(Refusal::QosFlows);
    };
    if resource.tunnel() != before.tunnel() {
        out.push(NodeAction::SessionResource { ue, tunnel: resource.tunnel() });
    }
    Ok(transfer)
}

/// PDU SESSION RESOURCE MODIFY REQUEST (TS 38.413 §9.2.1.5).
struct Request {
    amf: u64,
    ran: u32,
    items: Vec<Item>,
}

/// One session that is to change.
struct Item {
    id: u8,
    nas: Option<Vec<u8>>,
    change: Result<Change, Refusal>,
}

/// What changes (TS 38.413 §9.3.4.3).
#[derive(Default)]
struct Change {
    /// The new end of the UPF.
    uplink: Option<(IpAddr, u32)>,
    /// QoS flows that are added or modified.
    flows: Vec<u8>,
    /// QoS flows that go.
    gone: Vec<u8>,
}

fn request(pdu: &NGAPPDU<'_>, ours: Option<IpAddr>) -> Result<Request, Error> {
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
fn successful(change: &Change, resource: &Resource, address: IpAddr) -> Result<Octets<'static>, Error> {
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
fn response(amf: u64, ran: u32, changed: Vec<Answer>, failed: &[(u8, Refusal)]) -> Result<Vec<u8>, Error> {
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
