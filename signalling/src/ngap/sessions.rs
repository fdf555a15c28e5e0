//! The resources of PDU sessions: set up, modified, released (TS 38.413 §8.2.1 to §8.2.3, §8.3.1).

use std::net::IpAddr;

use oxirush_ngap::ngap::NGAPPDU;
use oxirush_ngap::{Error, Octets};

use super::connections::{Connection, Phase};
use super::tunnel::Teids;
use super::{Gnb, GnbAction, Out, Refusal, Resource, nas};
use crate::ngap::procedures::pdu_session_resource_modify::Change;
use crate::ngap::procedures::pdu_session_resource_setup::{Answer, Item, Wanted, session, successful};
use crate::ngap::procedures::{
    initial_context_setup as context, pdu_session_resource_modify, pdu_session_resource_release,
    pdu_session_resource_setup,
};

/// TS 38.413 §8.3.1.
pub(super) fn initial_context_setup(gnb: &mut Gnb, pdu: &NGAPPDU<'_>, out: &mut Out) -> Result<(), Error> {
    let (amf, ran) = context::ids(pdu)?;
    if !gnb.associate(amf, ran, out) {
        return Ok(());
    }
    let request = context::request(pdu, gnb.address())?;
    if let Some(connection) = gnb.connections.get_mut(ran) {
        connection.security = Some(request.security);
    }
    let SetUp { up, failed, nas } = take_up(gnb, ran, request.items, out);
    gnb.send_ue(ran, context::response(amf, ran, up, &failed), out);
    for nas in request.nas.into_iter().chain(nas) {
        nas::deliver(gnb, ran, amf, nas, out);
    }
    Ok(())
}

/// TS 38.413 §8.2.1.
pub(super) fn set_up(gnb: &mut Gnb, pdu: &NGAPPDU<'_>, out: &mut Out) -> Result<(), Error> {
    let request = pdu_session_resource_setup::request(pdu, gnb.address())?;
    let (amf, ran) = (request.amf, request.ran);
    if !gnb.associate(amf, ran, out) {
        return Ok(());
    }
    let SetUp { up, failed, nas } = take_up(gnb, ran, request.items, out);
    gnb.send_ue(ran, pdu_session_resource_setup::response(amf, ran, up, &failed), out);
    for nas in request.nas.into_iter().chain(nas) {
        nas::deliver(gnb, ran, amf, nas, out);
    }
    Ok(())
}

/// What became of the sessions of a request.
struct SetUp {
    up: Vec<Answer>,
    failed: Vec<(u8, Refusal)>,
    /// The NAS messages of those that are up: that of another does not reach the UE (§8.2.1.2).
    nas: Vec<Vec<u8>>,
}

fn take_up(gnb: &mut Gnb, ran: u32, items: Vec<Item>, out: &mut Out) -> SetUp {
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
    out.push(GnbAction::SessionResource { ue, tunnel: resource.tunnel() });
    Ok(transfer)
}

/// The resource that an item asks for, still without a TEID of ours. `ids` are those of all items of its message.
pub(super) fn acceptable(item: &Item, ids: &[u8], slices: &[identity::Snssai]) -> Result<Resource, Refusal> {
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
fn reachable(connection: &Connection) -> Result<u32, Refusal> {
    match connection.phase {
        Phase::Preparing | Phase::Commanded | Phase::Overdue => Err(Refusal::NgHandover),
        Phase::GivenUp => Err(Refusal::XnHandover),
        Phase::Requested(_) | Phase::Coming { .. } => Err(Refusal::Lost),
        Phase::Here | Phase::Cancelling | Phase::Switching if connection.lost => Err(Refusal::Lost),
        Phase::Here | Phase::Cancelling | Phase::Switching => connection.ue.ok_or(Refusal::Lost),
    }
}

/// TS 38.413 §8.2.3.
pub(super) fn modify(gnb: &mut Gnb, pdu: &NGAPPDU<'_>, out: &mut Out) -> Result<(), Error> {
    let request = pdu_session_resource_modify::request(pdu, gnb.address())?;
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
    gnb.send_ue(ran, pdu_session_resource_modify::response(amf, ran, changed, &failed), out);
    for nas in nas {
        nas::deliver(gnb, ran, amf, nas, out);
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
    let Ok(transfer) = pdu_session_resource_modify::successful(change, resource, address) else {
        *resource = before;
        return Err(Refusal::QosFlows);
    };
    if resource.tunnel() != before.tunnel() {
        out.push(GnbAction::SessionResource { ue, tunnel: resource.tunnel() });
    }
    Ok(transfer)
}

/// TS 38.413 §8.2.2.
pub(super) fn release(gnb: &mut Gnb, pdu: &NGAPPDU<'_>, out: &mut Out) -> Result<(), Error> {
    let command = pdu_session_resource_release::command(pdu)?;
    let (amf, ran) = (command.amf, command.ran);
    if !gnb.associate(amf, ran, out) {
        return Ok(());
    }
    for id in &command.sessions {
        release_one(gnb, ran, *id, out);
    }
    gnb.send_ue(ran, pdu_session_resource_release::response(amf, ran, &command.sessions), out);
    if let Some(nas) = command.nas {
        nas::deliver(gnb, ran, amf, nas, out);
    }
    Ok(())
}

pub(super) fn release_one(gnb: &mut Gnb, ran: u32, id: u8, out: &mut Out) {
    let Some(connection) = gnb.connections.get_mut(ran) else { return };
    let at = connection.sessions.iter().position(|known| known.session.value() == id);
    match at.map(|at| connection.sessions.remove(at)) {
        Some(resource) => give_back(&mut gnb.teids, connection.ue, &resource, out),
        None => out.push(GnbAction::Unexpected("release-of-unknown-session")),
    }
}

/// The end of a resource that has a TEID.
pub(super) fn give_back(teids: &mut Teids, ue: Option<u32>, resource: &Resource, out: &mut Out) {
    if resource.local_teid == 0 {
        return;
    }
    teids.release(resource.local_teid);
    if let Some(ue) = ue {
        out.push(GnbAction::SessionResourceReleased { ue, session: resource.session });
    }
}

impl Gnb {
    /// Our end of the NG-U tunnels.
    pub(super) fn address(&self) -> Option<IpAddr> {
        self.settings.n3.map(|n3| n3.address)
    }
}
