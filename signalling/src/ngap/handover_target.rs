//! Handover through the AMF, at the target (TS 38.413 §8.4.2, §8.4.3, §8.4.7).
//!
//! ```text
//! HANDOVER REQUEST ──► HandoverRequested ──► admit ──► HANDOVER REQUEST ACKNOWLEDGE ─┐      refuse ──► HANDOVER FAILURE
//! DOWNLINK RAN STATUS TRANSFER ──► HandoverExpected ◄────────────────────────────────┘
//! arrived ──► HANDOVER NOTIFY
//! ```

use std::time::Instant;

use oxirush_ngap::Error;
use oxirush_ngap::ngap::{Cause, CauseRadioNetwork, NGAPPDU};

use super::connections::{Connection, Phase};
use super::sessions::acceptable;
use super::{Gnb, GnbAction, Out, Receipt, Refusal, Released, nas, release};
use crate::common::timers::{self, GnbTimer};
use crate::ngap::procedures::{handover_notification, handover_resource_allocation, ran_status_transfer};

/// HANDOVER REQUEST (§8.4.2.2).
pub(super) fn requested(gnb: &mut Gnb, pdu: &NGAPPDU<'_>, now: Instant, out: &mut Out) -> Result<(), Error> {
    let request = handover_resource_allocation::request(pdu, &gnb.settings)?;
    let amf = request.amf;
    match consider(gnb, request, now) {
        Ok(action) => out.push(action),
        Err(cause) => {
            out.push(GnbAction::Unexpected("handover-request-refused"));
            gnb.send_non_ue(handover_resource_allocation::failure(amf, cause), out);
        }
    }
    Ok(())
}

/// A connection for the UE that wants to come, unless there is no room for it (§8.4.2.3).
fn consider(
    gnb: &mut Gnb,
    request: handover_resource_allocation::Request,
    now: Instant,
) -> Result<GnbAction, Cause> {
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
    let mut connection = Connection::new(None, source.cell, Phase::Requested(failed), now);
    connection.amf = Some(request.amf);
    connection.security = Some(request.security);
    connection.sessions = sessions;
    connection.receipt = Some(Receipt::of(&source.container));
    gnb.connections.insert(handle, connection);
    Ok(GnbAction::HandoverRequested {
        handle,
        cell: source.cell,
        container: source.container,
        sessions: asked,
    })
}

/// HANDOVER REQUEST ACKNOWLEDGE (§8.4.2.2).
pub(super) fn admit(gnb: &mut Gnb, handle: u32, ue: u32, out: &mut Out) {
    let requested = gnb.connections.get(handle).is_some_and(Connection::is_requested);
    if !requested {
        return out.push(GnbAction::Unexpected("admit-without-request"));
    }
    if !take_over(gnb, ue, out) {
        out.push(GnbAction::Unexpected("admit-of-connected-ue"));
        return refuse(gnb, handle, out);
    }
    match acknowledge(gnb, handle) {
        Ok(octets) => {
            gnb.connections.bind(handle, ue);
            let sessions = gnb.connections.get(handle).map_or(&[][..], |connection| &connection.sessions);
            out.extend(
                sessions.iter().map(|resource| GnbAction::SessionResource { ue, tunnel: resource.tunnel() }),
            );
            gnb.send_ue(handle, Ok(octets), out);
            let timer = GnbTimer::HandoverArrival(handle);
            out.push(GnbAction::SetTimer(timer, timers::HANDOVER_ARRIVAL));
        }
        Err(cause) => {
            out.push(GnbAction::Unexpected("handover-not-admitted"));
            fail(gnb, handle, cause, out);
            out.push(GnbAction::Released { ue, cause: Released::NeverArrived });
        }
    }
}

/// Gives the sessions their TEIDs, and says so. What goes wrong here is told the AMF as the cause.
fn acknowledge(gnb: &mut Gnb, handle: u32) -> Result<Vec<u8>, Cause> {
    let address = gnb.address().ok_or_else(|| Refusal::NoResource.cause())?;
    let connection = gnb.connections.get_mut(handle).ok_or_else(|| Refusal::Lost.cause())?;
    let amf = connection.amf.ok_or_else(|| Refusal::Lost.cause())?;
    let phase = std::mem::replace(&mut connection.phase, Phase::Coming { expected: false });
    let mut failed = if let Phase::Requested(failed) = phase { failed } else { Vec::new() };
    let mut admitted = Vec::with_capacity(connection.sessions.len());
    connection.sessions.retain_mut(|resource| {
        let id = resource.session.value();
        let Some(teid) = gnb.teids.take() else {
            failed.push((id, Refusal::NoResource));
            return false;
        };
        resource.local_teid = teid;
        match handover_resource_allocation::admitted(resource, address) {
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
    let receipt = connection.receipt.take();
    let receipt = receipt.as_ref().map_or(&[][..], Receipt::octets);
    handover_resource_allocation::acknowledge(amf, handle, admitted, &failed, receipt)
        .map_err(|_| Refusal::Unreadable.cause())
}

/// The driver does not want the UE: HANDOVER FAILURE (§8.4.2.3).
pub(super) fn refuse(gnb: &mut Gnb, handle: u32, out: &mut Out) {
    if !gnb.connections.get(handle).is_some_and(Connection::is_requested) {
        return out.push(GnbAction::Unexpected("refuse-without-request"));
    }
    let cause = CauseRadioNetwork::no_radio_resources_available_in_target_cell;
    fail(gnb, handle, Cause::radioNetwork(cause), out);
}

fn fail(gnb: &mut Gnb, handle: u32, cause: Cause, out: &mut Out) {
    if let Some(amf) = gnb.connections.get(handle).and_then(|connection| connection.amf) {
        gnb.send_ue(handle, handover_resource_allocation::failure(amf, cause), out);
    }
    gnb.detach(handle, out);
    gnb.connections.remove(handle);
}

/// DOWNLINK RAN STATUS TRANSFER (§8.4.7): the source has let the UE go.
pub(super) fn expected(gnb: &mut Gnb, pdu: &NGAPPDU<'_>, out: &mut Out) -> Result<(), Error> {
    let (amf, ran) = ran_status_transfer::downlink(pdu)?;
    if !gnb.associate(amf, ran, out) {
        return Ok(());
    }
    let Some(connection) = gnb.connections.get_mut(ran) else { return Ok(()) };
    match (&mut connection.phase, connection.ue) {
        (Phase::Coming { expected }, Some(ue)) if !*expected => {
            *expected = true;
            out.push(GnbAction::HandoverExpected { ue });
        }
        _ => out.push(GnbAction::Unexpected("downlink-ran-status-transfer")),
    }
    Ok(())
}

/// HANDOVER NOTIFY (§8.4.3).
pub(super) fn arrived(gnb: &mut Gnb, ue: u32, now: Instant, out: &mut Out) {
    let Some((ran, connection)) = gnb.connections.of_ue_mut(ue) else {
        return out.push(GnbAction::Unexpected("arrival-without-connection"));
    };
    let Some(amf) = connection.amf.filter(|_| matches!(connection.phase, Phase::Coming { .. })) else {
        return out.push(GnbAction::Unexpected("arrival-without-handover"));
    };
    connection.phase = Phase::Here;
    connection.since = now;
    let cell = connection.cell;
    out.push(GnbAction::StopTimer(GnbTimer::HandoverArrival(ran)));
    gnb.send_ue(ran, handover_notification::notify(&gnb.settings, amf, ran, cell), out);
}

/// The UE never came: the driver is told at once, and the AMF is asked to release what it has of it.
pub(super) fn arrival_expired(gnb: &mut Gnb, ran: u32, out: &mut Out) {
    let Some(connection) = gnb.connections.get(ran) else { return };
    let Some(amf) = connection.amf.filter(|_| matches!(connection.phase, Phase::Coming { .. })) else {
        return;
    };
    release::ask(gnb, ran, amf, CauseRadioNetwork::radio_connection_with_ue_lost, out);
    if let Some((ue, _)) = gnb.detach(ran, out) {
        out.push(GnbAction::Released { ue, cause: Released::NeverArrived });
    }
}

/// Makes a UE free for a connection that another gNB handed over. It may still have the one that it left here a moment ago,
/// when the AMF has not come to its release; `false` when it is really here.
pub(super) fn take_over(gnb: &mut Gnb, ue: u32, out: &mut Out) -> bool {
    let Some((ran, connection)) = gnb.connections.of_ue(ue) else { return true };
    match connection.phase {
        Phase::Commanded | Phase::Overdue | Phase::GivenUp => {
            gnb.detach(ran, out);
            out.push(GnbAction::Released { ue, cause: Released::HandedOver });
            true
        }
        _ if connection.lost => {
            nas::forsake(gnb, ue, out);
            true
        }
        _ => false,
    }
}
