//! Path Switch Request, target gNB of a handover over Xn (TS 38.413 §8.4.4).

use std::net::IpAddr;
use std::time::Instant;

use oxirush_ngap::ngap::*;
use oxirush_ngap::{Error, Octets, build_ngap, extract_ngap_ies};

use super::handover_resource_allocation::make_free;
use super::initial_ue_message::location;
use super::pdu_session_resource_release::release_one;
use super::pdu_session_resource_setup::{end, tunnel};
use crate::common::timers::{self, NodeTimer};
use crate::ngap::codec::capabilities;
use crate::ngap::connections::{Connection, Phase};
use crate::ngap::{Gnb, GnbSettings, Out};
use crate::node::action::NodeAction;
use crate::node::cause::{HandoverFailure, NgapCause, Released};
use crate::node::tunnel::{Resource, SecurityCapabilities};
use crate::node::xn_context::XnContext;

/// The target asks for the path: PATH SWITCH REQUEST (§8.4.4.2).
pub(crate) fn arrive(gnb: &mut Gnb, ue: u32, cell: u32, context: &XnContext, now: Instant, out: &mut Out) {
    let room = gnb.is_ready() && cell < gnb.settings.cells;
    let begun = if room && make_free(gnb, ue, out) {
        switch(gnb, ue, cell, context, now, out)
    } else {
        Err(HandoverFailure::NoConnection)
    };
    if let Err(cause) = begun {
        out.push(NodeAction::PathSwitchFailed { ue, cause });
        // A UE that is here on another connection keeps that.
        if gnb.connections.of_ue(ue).is_none() {
            out.push(NodeAction::Released { ue, cause: Released::Lost });
        }
    }
}

fn switch(
    gnb: &mut Gnb,
    ue: u32,
    cell: u32,
    context: &XnContext,
    now: Instant,
    out: &mut Out,
) -> Result<(), HandoverFailure> {
    let address = gnb.address().ok_or(HandoverFailure::NoConnection)?;
    let ran = gnb.connections.free_ran().ok_or(HandoverFailure::NoConnection)?;
    let mut connection = Connection::new(Some(ue), cell, Phase::Switching, now);
    connection.security = Some(context.security);
    for resource in &context.sessions {
        if let Some(local_teid) = gnb.teids.take() {
            connection.sessions.push(Resource { local_teid, ..*resource });
        }
    }
    let request =
        request(&gnb.settings, ran, context.amf, cell, context.security, &connection.sessions, address);
    let Ok(octets) = request else {
        for resource in &connection.sessions {
            gnb.teids.release(resource.local_teid);
        }
        return Err(HandoverFailure::NotEncodable);
    };
    out.extend(
        connection
            .sessions
            .iter()
            .map(|resource| NodeAction::SessionResource { ue, tunnel: resource.tunnel() }),
    );
    gnb.connections.insert(ran, connection);
    gnb.send_ue(ran, Ok(octets), out);
    out.push(NodeAction::SetTimer(NodeTimer::PathSwitch(ran), timers::PATH_SWITCH_WAIT));
    Ok(())
}

/// PATH SWITCH REQUEST ACKNOWLEDGE (§8.4.4.2).
pub(crate) fn switched(gnb: &mut Gnb, pdu: &NGAPPDU<'_>, out: &mut Out) -> Result<(), Error> {
    let answer = acknowledge(pdu, gnb.address())?;
    let ran = answer.ran;
    if !gnb.associate(answer.amf, ran, out) {
        return Ok(());
    }
    let Some(connection) = gnb.connections.get_mut(ran) else { return Ok(()) };
    let Some(ue) = connection.ue.filter(|_| connection.phase == Phase::Switching) else {
        out.push(NodeAction::Unexpected("path-switch-request-acknowledge"));
        return Ok(());
    };
    connection.phase = Phase::Here;
    connection.security = answer.security.or(connection.security);
    out.push(NodeAction::StopTimer(NodeTimer::PathSwitch(ran)));
    for (id, remote, remote_teid) in answer.uplinks {
        let resource = connection.sessions.iter_mut().find(|known| known.session.value() == id);
        if let Some(resource) = resource {
            (resource.remote, resource.remote_teid) = (remote, remote_teid);
            out.push(NodeAction::SessionResource { ue, tunnel: resource.tunnel() });
        }
    }
    for id in answer.released {
        release_one(gnb, ran, id, out);
    }
    out.push(NodeAction::PathSwitched { ue });
    Ok(())
}

/// PATH SWITCH REQUEST FAILURE (§8.4.4.3): the AMF has the UE still at the source, and no connection of it here.
pub(crate) fn failed(gnb: &mut Gnb, pdu: &NGAPPDU<'_>, out: &mut Out) -> Result<(), Error> {
    let (amf, ran, cause) = failure(pdu)?;
    if !gnb.associate(amf, ran, out) {
        return Ok(());
    }
    if gnb.connections.get(ran).is_some_and(|connection| connection.phase == Phase::Switching) {
        give_up_path(gnb, ran, HandoverFailure::Refused(cause), out);
    } else {
        out.push(NodeAction::Unexpected("path-switch-request-failure"));
    }
    Ok(())
}

/// The AMF does not answer.
pub(crate) fn expired(gnb: &mut Gnb, ran: u32, out: &mut Out) {
    if gnb.connections.get(ran).is_some_and(|connection| connection.phase == Phase::Switching) {
        give_up_path(gnb, ran, HandoverFailure::PathSwitchTimedOut, out);
    }
}

fn give_up_path(gnb: &mut Gnb, ran: u32, cause: HandoverFailure, out: &mut Out) {
    let left = gnb.detach(ran, out);
    gnb.connections.remove(ran);
    if let Some((ue, _)) = left {
        out.push(NodeAction::PathSwitchFailed { ue, cause });
        out.push(NodeAction::Released { ue, cause: Released::Lost });
    }
}

/// PATH SWITCH REQUEST (TS 38.413 §9.2.3.8).
fn request(
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
struct Acknowledge {
    amf: u64,
    ran: u32,
    security: Option<SecurityCapabilities>,
    /// The new ends of the UPF, of the sessions that have one.
    uplinks: Vec<(u8, IpAddr, u32)>,
    /// The sessions that the core released.
    released: Vec<u8>,
}

fn acknowledge(pdu: &NGAPPDU<'_>, ours: Option<IpAddr>) -> Result<Acknowledge, Error> {
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
fn failure(pdu: &NGAPPDU<'_>) -> Result<(u64, u32, NgapCause), Error> {
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
