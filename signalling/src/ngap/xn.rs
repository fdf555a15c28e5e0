//! Handover over Xn: what XnAP would carry between two gNBs of a shard (TS 38.423 §9.1.1.1), and the path switch
//! (TS 38.413 §8.4.4).
//!
//! ```text
//! source: give_up ─────────────────────────────────────────────► release
//! target:    └──► arrive ──► PATH SWITCH REQUEST ──► ACKNOWLEDGE: PathSwitched ─┘   FAILURE: PathSwitchFailed, Released
//! ```

use std::time::Instant;

use oxirush_ngap::Error;
use oxirush_ngap::ngap::NGAPPDU;

use super::connections::{Connection, Phase, Resource, SecurityCapabilities};
use super::handover_target::take_over;
use super::{Gnb, GnbAction, HandoverFailure, Out, Released, sessions};
use crate::common::timers::{self, GnbTimer};
use crate::ngap::procedures::path_switch_request;

/// What the HANDOVER REQUEST of XnAP says of a UE: the source keeps its connection until it is told to release it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XnContext {
    /// The AMF UE NGAP ID at the source.
    amf: u64,
    security: SecurityCapabilities,
    /// With the ends of the UPF; the TEIDs are those of the source.
    sessions: Vec<Resource>,
}

/// The source gives a copy of the UE's context (TS 38.423 §8.2.1).
pub(super) fn give_up(gnb: &mut Gnb, ue: u32) -> Option<XnContext> {
    let (_, connection) = gnb.connections.of_ue_mut(ue)?;
    if connection.phase != Phase::Here || connection.lost || connection.sessions.is_empty() {
        return None;
    }
    let context = XnContext {
        amf: connection.amf?,
        security: connection.security?,
        sessions: connection.sessions.clone(),
    };
    connection.phase = Phase::GivenUp;
    Some(context)
}

/// The source learns that the target has the path: UE CONTEXT RELEASE of XnAP (TS 38.423 §8.2.7).
pub(super) fn release(gnb: &mut Gnb, ue: u32, out: &mut Out) {
    match gnb.connections.of_ue(ue) {
        Some((ran, connection)) if connection.phase == Phase::GivenUp => {
            gnb.drop_connection(ran, Released::HandedOver, out);
        }
        _ => out.push(GnbAction::Unexpected("release-without-handover")),
    }
}

/// The target asks for the path: PATH SWITCH REQUEST (§8.4.4.2).
pub(super) fn arrive(gnb: &mut Gnb, ue: u32, cell: u32, context: &XnContext, now: Instant, out: &mut Out) {
    let room = gnb.is_ready() && cell < gnb.settings.cells;
    let begun = if room && take_over(gnb, ue, out) {
        switch(gnb, ue, cell, context, now, out)
    } else {
        Err(HandoverFailure::NoConnection)
    };
    if let Err(cause) = begun {
        out.push(GnbAction::PathSwitchFailed { ue, cause });
        // A UE that is here on another connection keeps that.
        if gnb.connections.of_ue(ue).is_none() {
            out.push(GnbAction::Released { ue, cause: Released::Lost });
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
    let request = path_switch_request::request(
        &gnb.settings,
        ran,
        context.amf,
        cell,
        context.security,
        &connection.sessions,
        address,
    );
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
            .map(|resource| GnbAction::SessionResource { ue, tunnel: resource.tunnel() }),
    );
    gnb.connections.insert(ran, connection);
    gnb.send_ue(ran, Ok(octets), out);
    out.push(GnbAction::SetTimer(GnbTimer::PathSwitch(ran), timers::PATH_SWITCH_WAIT));
    Ok(())
}

/// PATH SWITCH REQUEST ACKNOWLEDGE (§8.4.4.2).
pub(super) fn switched(gnb: &mut Gnb, pdu: &NGAPPDU<'_>, out: &mut Out) -> Result<(), Error> {
    let answer = path_switch_request::acknowledge(pdu, gnb.address())?;
    let ran = answer.ran;
    if !gnb.associate(answer.amf, ran, out) {
        return Ok(());
    }
    let Some(connection) = gnb.connections.get_mut(ran) else { return Ok(()) };
    let Some(ue) = connection.ue.filter(|_| connection.phase == Phase::Switching) else {
        out.push(GnbAction::Unexpected("path-switch-request-acknowledge"));
        return Ok(());
    };
    connection.phase = Phase::Here;
    connection.security = answer.security.or(connection.security);
    out.push(GnbAction::StopTimer(GnbTimer::PathSwitch(ran)));
    for (id, remote, remote_teid) in answer.uplinks {
        let resource = connection.sessions.iter_mut().find(|known| known.session.value() == id);
        if let Some(resource) = resource {
            (resource.remote, resource.remote_teid) = (remote, remote_teid);
            out.push(GnbAction::SessionResource { ue, tunnel: resource.tunnel() });
        }
    }
    for id in answer.released {
        sessions::release_one(gnb, ran, id, out);
    }
    out.push(GnbAction::PathSwitched { ue });
    Ok(())
}

/// PATH SWITCH REQUEST FAILURE (§8.4.4.3): the AMF has the UE still at the source, and no connection of it here.
pub(super) fn failed(gnb: &mut Gnb, pdu: &NGAPPDU<'_>, out: &mut Out) -> Result<(), Error> {
    let (amf, ran, cause) = path_switch_request::failure(pdu)?;
    if !gnb.associate(amf, ran, out) {
        return Ok(());
    }
    if gnb.connections.get(ran).is_some_and(|connection| connection.phase == Phase::Switching) {
        give_up_path(gnb, ran, HandoverFailure::Refused(cause), out);
    } else {
        out.push(GnbAction::Unexpected("path-switch-request-failure"));
    }
    Ok(())
}

/// The AMF does not answer.
pub(super) fn expired(gnb: &mut Gnb, ran: u32, out: &mut Out) {
    if gnb.connections.get(ran).is_some_and(|connection| connection.phase == Phase::Switching) {
        give_up_path(gnb, ran, HandoverFailure::PathSwitchTimedOut, out);
    }
}

fn give_up_path(gnb: &mut Gnb, ran: u32, cause: HandoverFailure, out: &mut Out) {
    let left = gnb.detach(ran, out);
    gnb.connections.remove(ran);
    if let Some((ue, _)) = left {
        out.push(GnbAction::PathSwitchFailed { ue, cause });
        out.push(GnbAction::Released { ue, cause: Released::Lost });
    }
}
