//! PDU Session Resource Setup, gNB side (TS 38.413 §8.2.1), and the transfers that other procedures share with it.

use std::net::IpAddr;

use identity::{SessionId, Snssai};
use oxirush_ngap::aper::{BitString, Bits};
use oxirush_ngap::ngap::*;
use oxirush_ngap::{Error, Octets, build_ngap_ie, extract_ngap_ies};

use super::nas_transport;
use crate::ngap::codec::encode;
use crate::ngap::connections::{Connection, Phase};
use crate::ngap::{Gnb, Out};
use crate::node::action::NodeAction;
use crate::node::cause::Refusal;
use crate::node::tunnel::{QosFlows, Resource};

/// PDU SESSION RESOURCE SETUP REQUEST (§8.2.1.2).
pub(crate) fn requested(gnb: &mut Gnb, pdu: &NGAPPDU<'_>, out: &mut Out) -> Result<(), Error> {
    let request = request(pdu, gnb.address())?;
    let (amf, ran) = (request.amf, request.ran);
    if !gnb.associate(amf, ran, out) {
        return Ok(());
    }
    let SetUp { up, failed, nas } = take_up(gnb, ran, request.items, out);
    gnb.send_ue(ran, response(amf, ran, up, &failed), out);
    for nas in request.nas.into_iter().chain(nas) {
        nas_transport::deliver(gnb, ran, amf, nas, out);
    }
    Ok(())
}

/// What became of the sessions of a request.
pub(crate) struct SetUp {
    pub(crate) up: Vec<Answer>,
    pub(crate) failed: Vec<(u8, Refusal)>,
    /// The NAS messages of those that are up: that of another does not reach the UE (§8.2.1.2).
    pub(crate) nas: Vec<Vec<u8>>,
}

pub(crate) fn take_up(gnb: &mut Gnb, ran: u32, items: Vec<Item>, out: &mut Out) -> SetUp {
    let mut result = SetUp { up: Vec::new(), failed: Vec::new(), nas: Vec::new() };
    let ids: Vec<u8> = items.iter().map(|item| item.id).collect();
    for item in items {
        match take_up_one(gnb, ran, &item, &ids, out) {
            Ok(transfer) => {
                result.up.push((item.id, transfer));
                result.nas.extend(item.nas);
            }
            Err(refusal) => result.failed.push((item.id, refusal)),
        }
    }
    result
}

fn take_up_one(
    gnb: &mut Gnb,
    ran: u32,
    item: &Item,
    ids: &[u8],
    out: &mut Out,
) -> Result<Octets<'static>, Refusal> {
    let address = gnb.address().ok_or(Refusal::NoResource)?;
    let connection = gnb.connections.get_mut(ran).ok_or(Refusal::Lost)?;
    let ue = reachable(connection)?;
    let mut resource = acceptable(item, ids, &gnb.settings.slices)?;
    if connection.sessions.iter().any(|known| known.session == resource.session) {
        return Err(Refusal::MultipleSessionInstances);
    }
    resource.local_teid = gnb.teids.take().ok_or(Refusal::NoResource)?;
    let security_result = item.wanted.is_ok_and(|wanted| wanted.security_result);
    let Ok(transfer) = successful(&resource, address, security_result) else {
        gnb.teids.release(resource.local_teid);
        return Err(Refusal::NoResource);
    };
    connection.sessions.push(resource);
    out.push(NodeAction::SessionResource { ue, tunnel: resource.tunnel() });
    Ok(transfer)
}

/// The resource that an item asks for, still without a TEID of ours. `ids` are those of all items of its message.
pub(crate) fn acceptable(item: &Item, ids: &[u8], slices: &[Snssai]) -> Result<Resource, Refusal> {
    // §8.2.1.4: every instance fails.
    if ids.iter().filter(|id| **id == item.id).count() > 1 {
        return Err(Refusal::MultipleSessionInstances);
    }
    let session = session(item.id)?;
    if !slices.contains(&item.slice) {
        return Err(Refusal::SliceNotSupported);
    }
    let Wanted { remote, remote_teid, flows, .. } = item.wanted?;
    Ok(Resource { session, local_teid: 0, remote, remote_teid, flows })
}

/// The UE of a connection that session procedures reach, or why they don't (§8.2.1.4, §8.4.1.2).
pub(super) fn reachable(connection: &Connection) -> Result<u32, Refusal> {
    match &connection.phase {
        Phase::Leaving(preparation) if !preparation.expects_cancel_acknowledge() => Err(Refusal::NgHandover),
        Phase::GivenUp => Err(Refusal::XnHandover),
        Phase::Arriving(_) => Err(Refusal::Lost),
        Phase::Here | Phase::Leaving(_) | Phase::Switching if connection.lost => Err(Refusal::Lost),
        Phase::Here | Phase::Leaving(_) | Phase::Switching => connection.ue.ok_or(Refusal::Lost),
    }
}

/// One session that a request asks a resource for.
pub(crate) struct Item {
    /// As it came: it is answered even when it is no identity of ours.
    pub(crate) id: u8,
    pub(crate) nas: Option<Vec<u8>>,
    pub(crate) slice: Snssai,
    pub(crate) wanted: Result<Wanted, Refusal>,
}

/// What a PDU Session Resource Setup Request Transfer asks for (TS 38.413 §9.3.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) remote: IpAddr,
    pub(crate) remote_teid: u32,
    pub(crate) flows: QosFlows,
    /// The core wants to be told whether user plane security is on (§9.3.1.59).
    pub(crate) security_result: bool,
}

/// A session, and the transfer that is its answer.
pub(crate) type Answer = (u8, Octets<'static>);

/// PDU SESSION RESOURCE SETUP REQUEST (TS 38.413 §9.2.1.1).
struct Request {
    pub(crate) amf: u64,
    pub(crate) ran: u32,
    pub(crate) nas: Option<Vec<u8>>,
    pub(crate) items: Vec<Item>,
}

fn request(pdu: &NGAPPDU<'_>, ours: Option<IpAddr>) -> Result<Request, Error> {
    extract_ngap_ies!(pdu, PDUSessionResourceSetupRequest,
        req amf: u64 = AMF_UE_NGAP_ID(id),
        req ran: u32 = RAN_UE_NGAP_ID(id),
        opt nas: NASPDU = NAS_PDU(nas) => nas,
        req list: PDUSessionResourceSetupListSUReq = PDUSessionResourceSetupListSUReq(list) => list,
    );
    let items = list
        .0
        .into_iter()
        .map(|item| Item {
            id: item.pdu_session_id.0,
            nas: item.pdu_session_nas_pdu.map(|nas| nas.0.to_vec()),
            slice: slice(&item.s_nssai),
            wanted: wanted(&item.pdu_session_resource_setup_request_transfer, ours),
        })
        .collect();
    Ok(Request { amf, ran, nas: nas.map(|nas| nas.0.to_vec()), items })
}

/// PDU SESSION RESOURCE SETUP RESPONSE (TS 38.413 §9.2.1.2).
fn response(amf: u64, ran: u32, up: Vec<Answer>, failed: &[(u8, Refusal)]) -> Result<Vec<u8>, Error> {
    use PDUSessionResourceSetupResponse as Message;
    let mut ies = vec![
        build_ngap_ie!(PDUSessionResourceSetupResponse, AMF_UE_NGAP_ID(amf))?,
        build_ngap_ie!(PDUSessionResourceSetupResponse, RAN_UE_NGAP_ID(ran))?,
    ];
    if !up.is_empty() {
        let items = up
            .into_iter()
            .map(|(id, transfer)| PDUSessionResourceSetupItemSURes::new(PDUSessionID(id), transfer, None));
        let list = PDUSessionResourceSetupListSURes(items.collect());
        ies.push(build_ngap_ie!(PDUSessionResourceSetupResponse, PDUSessionResourceSetupListSURes(list))?);
    }
    if !failed.is_empty() {
        let items: Result<_, Error> = failed
            .iter()
            .map(|&(id, refusal)| {
                let transfer = unsuccessful(refusal)?;
                Ok(PDUSessionResourceFailedToSetupItemSURes::new(PDUSessionID(id), transfer, None))
            })
            .collect();
        let list = PDUSessionResourceFailedToSetupListSURes(items?);
        ies.push(build_ngap_ie!(
            PDUSessionResourceSetupResponse,
            PDUSessionResourceFailedToSetupListSURes(list)
        )?);
    }
    encode(&Message::new(ProtocolIEContainer(ies)))
}

/// PDU Session Resource Setup Response Transfer (TS 38.413 §9.3.4.2).
fn successful(resource: &Resource, address: IpAddr, security_result: bool) -> Result<Octets<'static>, Error> {
    let flows = AssociatedQosFlowList(
        resource
            .flows
            .iter()
            .map(|qfi| AssociatedQosFlowItem::new(QosFlowIdentifier(qfi.into()), None, None))
            .collect(),
    );
    let information = QosFlowPerTNLInformation::new(tunnel(address, resource.local_teid), flows, None);
    let security = security_result.then(performed);
    encode_open_type(&PDUSessionResourceSetupResponseTransfer::new(information, None, security, None, None))
}

/// PDU Session Resource Setup Unsuccessful Transfer (TS 38.413 §9.3.4.16).
pub(crate) fn unsuccessful(refusal: Refusal) -> Result<Octets<'static>, Error> {
    encode_open_type(&PDUSessionResourceSetupUnsuccessfulTransfer::new(refusal.cause(), None, None))
}

/// Reads a PDU Session Resource Setup Request Transfer. Without an address of ours every session is refused, and so is one
/// whose UPF has none of our family.
pub(crate) fn wanted(transfer: &[u8], ours: Option<IpAddr>) -> Result<Wanted, Refusal> {
    let read = || -> Result<_, Error> {
        let transfer: PDUSessionResourceSetupRequestTransfer<'_> = decode_open_type(transfer)?;
        extract_ngap_ies!(transfer, PDUSessionResourceSetupRequestTransfer,
            req tunnel: (Option<IpAddr>, u32) = UL_NGU_UP_TNLInformation(tunnel) => end(&tunnel, ours),
            req kind: PDUSessionType = PDUSessionType(kind) => kind,
            opt security: bool = SecurityIndication(security) => asks_for_result(&security),
            req flows: QosFlowSetupRequestList = QosFlowSetupRequestList(list) => list,
        );
        Ok((tunnel, kind, security, flows))
    };
    let ((remote, remote_teid), kind, security, flows) = read().map_err(|_| Refusal::Unreadable)?;
    if ours.is_none() {
        return Err(Refusal::NoResource);
    }
    if !matches!(kind, PDUSessionType::ipv4 | PDUSessionType::ipv6 | PDUSessionType::ipv4v6) {
        return Err(Refusal::Unsupported);
    }
    let remote = remote.ok_or(Refusal::Unsupported)?;
    let flows =
        QosFlows::new(flows.0.iter().map(|flow| flow.qos_flow_identifier.0)).ok_or(Refusal::QosFlows)?;
    Ok(Wanted { remote, remote_teid, flows, security_result: security.unwrap_or(false) })
}

/// A session identity that a UE can have.
fn session(id: u8) -> Result<SessionId, Refusal> {
    SessionId::new(id).ok_or(Refusal::Unsupported)
}

/// An S-NSSAI (TS 38.413 §9.3.1.24).
pub(crate) fn slice(s_nssai: &SNSSAI) -> Snssai {
    Snssai { sst: s_nssai.sst.0[0], sd: s_nssai.sd.as_ref().map(|sd| sd.0) }
}

/// UP Transport Layer Information (TS 38.413 §9.3.2.2) of our end.
pub(crate) fn tunnel(address: IpAddr, teid: u32) -> UPTransportLayerInformation<'static> {
    let address = match address {
        IpAddr::V4(address) => BitString::from(Bits::from(address.to_bits())),
        IpAddr::V6(address) => BitString::from_octets(address.octets().to_vec()),
    };
    UPTransportLayerInformation::gTPTunnel(GTPTunnel::new(
        TransportLayerAddress(address),
        GTPTEID(teid.to_be_bytes()),
        None,
    ))
}

/// The end of a tunnel: its TEID, and the address of our family where it has one. The octets are those of an IPv4 address, of
/// an IPv6 address, or of both (TS 38.413 §9.3.2.4, TS 38.414 §5.1).
pub(crate) fn end(
    information: &UPTransportLayerInformation<'_>,
    ours: Option<IpAddr>,
) -> (Option<IpAddr>, u32) {
    let UPTransportLayerInformation::gTPTunnel(tunnel) = information else { return (None, 0) };
    let octets = tunnel.transport_layer_address.0.as_octets();
    let (v4, v6) = match (tunnel.transport_layer_address.0.len(), octets.split_at_checked(4)) {
        (32, _) => (octets, [].as_slice()),
        (128, _) => ([].as_slice(), octets),
        (160, Some(both)) => both,
        _ => return (None, 0),
    };
    let address = match ours {
        Some(IpAddr::V6(_)) => <[u8; 16]>::try_from(v6).ok().map(IpAddr::from),
        _ => <[u8; 4]>::try_from(v4).ok().map(IpAddr::from),
    };
    (address, u32::from_be_bytes(tunnel.gtp_teid.0))
}

/// §8.2.1.2: the result is given where the core prefers, rather than requires, a protection.
fn asks_for_result(security: &SecurityIndication) -> bool {
    security.integrity_protection_indication == IntegrityProtectionIndication::preferred
        || security.confidentiality_protection_indication == ConfidentialityProtectionIndication::preferred
}

/// There is no radio that could be without protection.
fn performed() -> SecurityResult {
    SecurityResult::new(
        IntegrityProtectionResult::performed,
        ConfidentialityProtectionResult::performed,
        None,
    )
}
