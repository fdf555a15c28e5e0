//! Handover Resource Allocation, target gNB (TS 38.413 §8.4.2), until the UE is here.
//!
//! ```text
//! HANDOVER REQUEST ──► HandoverRequested ──► admit ──► HANDOVER REQUEST ACKNOWLEDGE     refuse ──► HANDOVER FAILURE
//!                          ExpectDriver      ExpectDeparture, handover-arrival runs
//! DOWNLINK RAN STATUS TRANSFER ──► HandoverExpected: ExpectArrival       arrived ──► HANDOVER NOTIFY
//! ```

use std::net::IpAddr;
use std::time::Instant;

use oxirush_ngap::ngap::*;
use oxirush_ngap::{Error, Octets, build_ngap, build_ngap_ie, extract_ngap_ies};

use super::pdu_session_resource_setup::{Answer, Item, acceptable, slice, tunnel, wanted};
use super::{initial_ue_message, ue_context_release};
use crate::common::timers::{self, NodeTimer};
use crate::ngap::codec::{capabilities, cell_of, encode};
use crate::ngap::connections::{Connection, Phase};
use crate::ngap::rrc_container;
use crate::ngap::{Gnb, GnbSettings, Out, Receipt};
use crate::node::action::NodeAction;
use crate::node::cause::{Refusal, Released};
use crate::node::tunnel::{Resource, SecurityCapabilities};

/// The handover of one UE, at its target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HandoverResourceAllocation {
    state: State,
}

/// What the target waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::enum_variant_names, reason = "a state is named by what it waits for")]
enum State {
    /// HANDOVER REQUEST came, and the driver has not answered.
    ExpectDriver {
        /// The sessions that we cannot take, by cause.
        failed: Vec<(u8, Refusal)>,
        /// Of the container of the source: it goes back with the answer.
        receipt: Receipt,
    },
    /// The driver admitted it, and the UE has not left its source.
    ExpectDeparture,
    /// It has left its source.
    ExpectArrival,
}

impl HandoverResourceAllocation {
    /// Whether a HANDOVER REQUEST waits for the driver's answer.
    pub(crate) fn expects_driver(&self) -> bool {
        matches!(self.state, State::ExpectDriver { .. })
    }

    /// The UE has left its source. `false` where that is known, or cannot be.
    pub(crate) fn departed(&mut self) -> bool {
        let expected = self.state == State::ExpectDeparture;
        if expected {
            self.state = State::ExpectArrival;
        }
        expected
    }
}

/// HANDOVER REQUEST (§8.4.2.2).
pub(crate) fn requested(gnb: &mut Gnb, pdu: &NGAPPDU<'_>, now: Instant, out: &mut Out) -> Result<(), Error> {
    let request = request(pdu, &gnb.settings)?;
    let amf = request.amf;
    match consider(gnb, request, now) {
        Ok(action) => out.push(action),
        Err(cause) => {
            out.push(NodeAction::Unexpected("handover-request-refused"));
            gnb.send_non_ue(failure(amf, cause), out);
        }
    }
    Ok(())
}

/// A connection for the UE that wants to come, unless there is no room for it (§8.4.2.3).
fn consider(gnb: &mut Gnb, request: Request, now: Instant) -> Result<NodeAction, Cause> {
    let source = request.source.map_err(Cause::radioNetwork)?;
    if !gnb.is_ready() {
        return Err(Cause::radioNetwork(CauseRadioNetwork::cell_not_available));
    }
    let ids: Vec<u8> = request.items.iter().map(|item| item.id).collect();
    let (mut sessions, mut failed) = (Vec::new(), Vec::new());
    for item in &request.items {
        match acceptable(item, &ids, &gnb.settings.slices) {
            Ok(resource) => sessions.push(resource),
            Err(refusal) => failed.push((item.id, refusal)),
        }
    }
    if sessions.is_empty() {
        return Err(failed.first().map_or(Refusal::NoResource, |(_, refusal)| *refusal).cause());
    }
    let no_room = Cause::radioNetwork(CauseRadioNetwork::no_radio_resources_available_in_target_cell);
    let handle = gnb.connections.free_ran().ok_or(no_room)?;
    let asked = sessions.iter().map(|resource| resource.session).collect();
    let receipt = Receipt::of(&source.container);
    let allocation = HandoverResourceAllocation { state: State::ExpectDriver { failed, receipt } };
    let mut connection = Connection::new(None, source.cell, Phase::Arriving(allocation), now);
    connection.amf = Some(request.amf);
    connection.security = Some(request.security);
    connection.sessions = sessions;
    gnb.connections.insert(handle, connection);
    Ok(NodeAction::HandoverRequested {
        handle,
        cell: source.cell,
        container: source.container,
        sessions: asked,
    })
}

/// HANDOVER REQUEST ACKNOWLEDGE (§8.4.2.2).
pub(crate) fn admit(gnb: &mut Gnb, handle: u32, ue: u32, out: &mut Out) {
    let requested = gnb.connections.get(handle).is_some_and(Connection::is_requested);
    if !requested {
        return out.push(NodeAction::Unexpected("admit-without-request"));
    }
    if !make_free(gnb, ue, out) {
        out.push(NodeAction::Unexpected("admit-of-connected-ue"));
        return refuse(gnb, handle, out);
    }
    match acknowledge(gnb, handle) {
        Ok(octets) => {
            gnb.connections.bind(handle, ue);
            let sessions = gnb.connections.get(handle).map_or(&[][..], |connection| &connection.sessions);
            out.extend(
                sessions.iter().map(|resource| NodeAction::SessionResource { ue, tunnel: resource.tunnel() }),
            );
            gnb.send_ue(handle, Ok(octets), out);
            let timer = NodeTimer::HandoverArrival(handle);
            out.push(NodeAction::SetTimer(timer, timers::HANDOVER_ARRIVAL));
        }
        Err(cause) => {
            out.push(NodeAction::Unexpected("handover-not-admitted"));
            fail(gnb, handle, cause, out);
            out.push(NodeAction::Released { ue, cause: Released::NeverArrived });
        }
    }
}

/// Gives the sessions their TEIDs, and says so. What goes wrong here is told the AMF as the cause.
fn acknowledge(gnb: &mut Gnb, handle: u32) -> Result<Vec<u8>, Cause> {
    let address = gnb.address().ok_or_else(|| Refusal::NoResource.cause())?;
    let connection = gnb.connections.get_mut(handle).ok_or_else(|| Refusal::Lost.cause())?;
    let amf = connection.amf.ok_or_else(|| Refusal::Lost.cause())?;
    let admitted = HandoverResourceAllocation { state: State::ExpectDeparture };
    let phase = std::mem::replace(&mut connection.phase, Phase::Arriving(admitted));
    let Phase::Arriving(HandoverResourceAllocation { state: State::ExpectDriver { mut failed, receipt } }) =
        phase
    else {
        return Err(Refusal::Lost.cause());
    };
    let mut admitted = Vec::with_capacity(connection.sessions.len());
    connection.sessions.retain_mut(|resource| {
        let id = resource.session.value();
        let Some(teid) = gnb.teids.take() else {
            failed.push((id, Refusal::NoResource));
            return false;
        };
        resource.local_teid = teid;
        match admitted_transfer(resource, address) {
            Ok(transfer) => {
                admitted.push((id, transfer));
                true
            }
            Err(_) => {
                gnb.teids.release(teid);
                failed.push((id, Refusal::Unreadable));
                false
            }
        }
    });
    if admitted.is_empty() {
        return Err(Refusal::NoResource.cause());
    }
    acknowledgement(amf, handle, admitted, &failed, receipt.octets()).map_err(|_| Refusal::Unreadable.cause())
}

/// The driver does not want the UE: HANDOVER FAILURE (§8.4.2.3).
pub(crate) fn refuse(gnb: &mut Gnb, handle: u32, out: &mut Out) {
    if !gnb.connections.get(handle).is_some_and(Connection::is_requested) {
        return out.push(NodeAction::Unexpected("refuse-without-request"));
    }
    let cause = CauseRadioNetwork::no_radio_resources_available_in_target_cell;
    fail(gnb, handle, Cause::radioNetwork(cause), out);
}

fn fail(gnb: &mut Gnb, handle: u32, cause: Cause, out: &mut Out) {
    if let Some(amf) = gnb.connections.get(handle).and_then(|connection| connection.amf) {
        gnb.send_ue(handle, failure(amf, cause), out);
    }
    gnb.detach(handle, out);
    gnb.connections.remove(handle);
}

/// The UE never came: the driver is told at once, and the AMF is asked to release what it has of it.
pub(crate) fn arrival_expired(gnb: &mut Gnb, ran: u32, out: &mut Out) {
    let Some(connection) = gnb.connections.get(ran) else { return };
    let Some(amf) = connection.amf.filter(|_| connection.phase.is_admitted()) else { return };
    ue_context_release::ask(gnb, ran, amf, CauseRadioNetwork::radio_connection_with_ue_lost, out);
    if let Some((ue, _)) = gnb.detach(ran, out) {
        out.push(NodeAction::Released { ue, cause: Released::NeverArrived });
    }
}

/// Makes a UE free for a connection that another gNB handed over. It may still have the one that it left here a moment ago,
/// when the AMF has not come to its release; `false` when it is really here.
pub(crate) fn make_free(gnb: &mut Gnb, ue: u32, out: &mut Out) -> bool {
    let Some((ran, connection)) = gnb.connections.of_ue(ue) else { return true };
    if connection.phase.has_left() || connection.phase == Phase::GivenUp {
        gnb.detach(ran, out);
        out.push(NodeAction::Released { ue, cause: Released::HandedOver });
        true
    } else if connection.lost {
        initial_ue_message::leave_old_connection(gnb, ue, out);
        true
    } else {
        false
    }
}

/// HANDOVER REQUEST (TS 38.413 §9.2.3.4).
struct Request {
    amf: u64,
    security: SecurityCapabilities,
    items: Vec<Item>,
    /// What the source says of the UE.
    source: Result<Source, CauseRadioNetwork>,
}

/// What the container of the source says (§9.3.1.29).
struct Source {
    cell: u32,
    container: Vec<u8>,
}

fn request(pdu: &NGAPPDU<'_>, settings: &GnbSettings) -> Result<Request, Error> {
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
fn acknowledgement(
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
fn admitted_transfer(resource: &Resource, address: IpAddr) -> Result<Octets<'static>, Error> {
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
fn failure(amf: u64, cause: Cause) -> Result<Vec<u8>, Error> {
    build_ngap!(
        UnsuccessfulOutcome,
        HandoverResourceAllocation,
        HandoverFailure,
        AMF_UE_NGAP_ID(amf),
        Cause(cause),
    )?
    .encode()
}
