//! PDU sessions of a UE: who they are, and what becomes of them when the UE is idle or gone (TS 24.501 §6.1, TS 23.502
//! §4.2.6).

use std::time::Duration;

use billing::Closing;
use identity::SessionId;
use oxirush_nas::nas_5gs::{
    GsmCause, NasDlNasTransport, NasPayloadContainer, NasPayloadContainerType, NasPduSessionIdentity2,
    NasPduSessionReactivationResult, NasPduSessionStatus, NasUplinkDataStatus, PayloadContainerKind,
};

use super::{pdu_session_establishment, pdu_session_modification, pdu_session_release};
use crate::amf::connection::{ConnectionId, Protection, State as ConnectionState};
use crate::amf::expiry::{Expiry, SessionTimer};
use crate::amf::ue::UeId;
use crate::amf::{Amf, Message, Refusal, Turn, sending};
use crate::sessions;
use crate::sessions::session::{Repeat, Session, State};

pub(in crate::amf) fn find(amf: &mut Amf, ue: UeId, id: SessionId) -> Option<&mut Session> {
    amf.ues.get_mut(ue)?.sessions.iter_mut().find(|session| session.id == id)
}

/// The connection over which the UE can be told something about its sessions.
pub(in crate::amf) fn connection_of(amf: &Amf, ue: UeId) -> Option<ConnectionId> {
    let id = amf.ues.get(ue)?.connection?;
    let connection = amf.connections.get(&id)?;
    (connection.secured && connection.state != ConnectionState::ExpectReleaseComplete).then_some(id)
}

/// The sessions that the UE and the network have, 1 to 15.
pub(in crate::amf) fn established(amf: &Amf, ue: UeId) -> Vec<u8> {
    let sessions = amf.ues.get(ue).map(|ue| ue.sessions.as_slice()).unwrap_or_default();
    sessions.iter().filter(|session| session.is_established()).map(|session| session.id.value()).collect()
}

/// The sessions that both have, after what the UE says of its own (§5.5.1.3.4, §5.6.1.4.1): one that it does not have is
/// released here without a word.
pub(in crate::amf) fn synchronise(
    amf: &mut Amf,
    turn: &mut Turn<'_>,
    ue: UeId,
    status: Option<&NasPduSessionStatus>,
) -> Vec<SessionId> {
    let mut sessions: Vec<_> = established(amf, ue).into_iter().filter_map(SessionId::new).collect();
    if let Some(status) = status {
        for id in sessions.extract_if(.., |id| !status.is_active(id.value())) {
            remove(amf, turn, ue, id, Closing::Released);
        }
    }
    sessions
}

/// The PDU session status IE of the network side.
pub(in crate::amf) fn status(amf: &Amf, ue: UeId) -> Option<NasPduSessionStatus> {
    NasPduSessionStatus::from_sessions(&established(amf, ue)).ok()
}

/// The PDU session reactivation result IE: the sessions that the UE wants to send in and that there are not.
pub(in crate::amf) fn not_reactivated(
    sessions: &[SessionId],
    wanted: &NasUplinkDataStatus,
) -> Option<NasPduSessionReactivationResult> {
    let missing = |id: &u8| !sessions.iter().any(|session| session.value() == *id);
    let failed: Vec<u8> = wanted.sessions_with_data().into_iter().filter(missing).collect();
    NasPduSessionReactivationResult::from_failed_sessions(&failed).ok()
}

/// Forgets a session and gives back what it holds.
pub(in crate::amf) fn remove(amf: &mut Amf, turn: &mut Turn<'_>, ue: UeId, id: SessionId, closing: Closing) {
    stop_timer(amf, ue, id);
    let Some(ue) = amf.ues.get_mut(ue) else { return };
    let Some(place) = ue.sessions.iter().position(|session| session.id == id) else { return };
    let mut session = ue.sessions.swap_remove(place);
    amf.smf.close(turn, &mut session, closing);
}

/// Forgets a session that the UE has no more. Downlink stops now; what its gNB still sends counts until it has answered,
/// or the UE's context there is gone (TS 23.502 §4.3.4.2 steps 2 to 7).
pub(in crate::amf) fn end(
    amf: &mut Amf,
    turn: &mut Turn<'_>,
    (ue, id): (UeId, SessionId),
    connection: Option<ConnectionId>,
    closing: Closing,
) {
    let resources = find(amf, ue, id).is_some_and(|session| session.may_have_resources());
    let connection = connection.filter(|id| resources && amf.connections.contains_key(id));
    let Some(connection) = connection else { return remove(amf, turn, ue, id, closing) };
    stop_timer(amf, ue, id);
    let Some(ue) = amf.ues.get_mut(ue) else { return };
    let Some(place) = ue.sessions.iter().position(|session| session.id == id) else { return };
    let mut session = ue.sessions.swap_remove(place);
    sessions::deactivate(turn, &mut session);
    if let Some(connection) = amf.connections.get_mut(&connection) {
        connection.ending.push((session, closing));
    }
}

/// The gNB has released its ends of the sessions that ended on this connection: the one of this number, or all.
pub(in crate::amf) fn ended(
    amf: &mut Amf,
    turn: &mut Turn<'_>,
    connection: ConnectionId,
    which: Option<SessionId>,
) {
    let Some(connection) = amf.connections.get_mut(&connection) else { return };
    let is = |(session, _): &mut (Session, Closing)| which.is_none_or(|id| session.id == id);
    let ended: Vec<_> = connection.ending.extract_if(.., is).collect();
    for (mut session, closing) in ended {
        amf.smf.close(turn, &mut session, closing);
    }
}

/// Forgets all sessions of a UE, as [`end`] does.
pub(in crate::amf) fn end_all(
    amf: &mut Amf,
    turn: &mut Turn<'_>,
    ue: UeId,
    connection: Option<ConnectionId>,
    closing: Closing,
) {
    while let Some(id) = amf.ues.get(ue).and_then(|ue| ue.sessions.first()).map(|session| session.id) {
        end(amf, turn, (ue, id), connection, closing);
    }
}

/// Forgets all sessions of a UE.
pub(in crate::amf) fn remove_all(amf: &mut Amf, turn: &mut Turn<'_>, ue: UeId, closing: Closing) {
    while let Some(id) = amf.ues.get(ue).and_then(|ue| ue.sessions.first()).map(|session| session.id) {
        remove(amf, turn, ue, id, closing);
    }
}

/// The UE is idle: its sessions are kept without their user plane (TS 23.502 §4.2.6), and what the SMF was about to tell
/// it is given up (TS 24.501 §6.3.2.5, §6.3.3.5, §6.4.1.6).
pub(in crate::amf) fn suspend(
    amf: &mut Amf,
    turn: &mut Turn<'_>,
    ue_id: UeId,
    connection: Option<ConnectionId>,
) {
    let Some(ue) = amf.ues.get(ue_id) else { return };
    let ids: Vec<_> = ue.sessions.iter().map(|session| session.id).collect();
    for id in ids {
        let Some(session) = find(amf, ue_id, id) else { continue };
        match session.state {
            State::ExpectPolicy
            | State::ExpectResources
            | State::ExpectReleaseComplete
            | State::ExpectResourcesReleased => {
                end(amf, turn, (ue_id, id), connection, Closing::Released);
            }
            State::Active | State::ExpectModificationPolicy | State::ExpectModificationComplete => {
                session.state = State::Active;
                session.repeat = None;
                sessions::deactivate(turn, session);
                stop_timer(amf, ue_id, id);
            }
        }
    }
}

/// The UE is at another gNB, which has not taken this session: it is released (TS 23.502 §4.9.1.3.3 step 7).
pub(in crate::amf) fn not_admitted(amf: &mut Amf, turn: &mut Turn<'_>, ue: UeId, id: SessionId) {
    let Some(session) = find(amf, ue, id) else { return };
    match session.state {
        State::ExpectPolicy => {}
        State::ExpectResources => pdu_session_establishment::without_resources(amf, turn, ue, id),
        // The gNB that was to release its resources is behind; the UE has still to answer.
        State::ExpectReleaseComplete => pdu_session_release::close(amf, turn, ue, id),
        State::ExpectResourcesReleased => remove(amf, turn, ue, id, Closing::Released),
        _ if session.ran.is_some() => {
            sessions::deactivate(turn, session);
            let cause = GsmCause::InsufficientResources;
            pdu_session_release::command(amf, turn, (ue, id), pdu_session_release::NETWORK_REQUESTED, cause);
        }
        _ => {}
    }
}

/// What was granted to a session is used up.
pub(in crate::amf) fn quota_reached(amf: &mut Amf, turn: &mut Turn<'_>, teid: u32) {
    let Some((imsi, id)) = amf.smf.find_teid(teid) else { return };
    let Some(ue) = amf.ues.find(imsi).and_then(|ue| amf.ues.get_mut(ue)) else { return };
    if let Some(session) = ue.sessions.iter_mut().find(|session| session.id == id) {
        amf.smf.quota_reached(turn, session);
    }
}

/// A 5GSM message in a DL NAS TRANSPORT, plain (TS 24.501 §5.4.5.3).
pub(in crate::amf) fn carried(amf: &mut Amf, id: u8, octets: Vec<u8>) -> Option<Vec<u8>> {
    let kind = NasPayloadContainerType::from_kind(PayloadContainerKind::N1SmInformation);
    let transport = NasDlNasTransport::new(kind, NasPayloadContainer::new(octets))
        .with_pdu_session_id(NasPduSessionIdentity2::from_pdu_session_id(id));
    sending::encoded(amf, transport)
}

/// Sends a 5GSM message by itself.
pub(in crate::amf) fn tell(
    amf: &mut Amf,
    turn: &mut Turn<'_>,
    connection: ConnectionId,
    id: u8,
    (message, octets): (Message, Option<Vec<u8>>),
) {
    let Some(octets) = octets else { return };
    let Some(plain) = carried(amf, id, octets) else { return };
    amf.statistics.counters.count_sent(message);
    sending::transport(amf, turn, connection, Message::DownlinkTransport, plain, Protection::Current);
}

/// From now on the session waits in `state`, and `octets` are sent again when `timer` expires.
pub(in crate::amf) fn await_answer(
    amf: &mut Amf,
    turn: &mut Turn<'_>,
    (ue, id): (UeId, SessionId),
    octets: Vec<u8>,
    (state, timer): (State, SessionTimer),
) {
    let left = amf.settings.smf.max_retransmissions;
    if let Some(session) = find(amf, ue, id) {
        session.state = state;
        session.repeat = Some(Repeat { octets, left });
    }
    start_timer(amf, turn, ue, id, timer);
}

/// Starts the one timer of a session, in place of the one that may run.
pub(in crate::amf) fn start_timer(
    amf: &mut Amf,
    turn: &mut Turn<'_>,
    ue: UeId,
    id: SessionId,
    timer: SessionTimer,
) {
    stop_timer(amf, ue, id);
    let settings = &amf.settings.smf;
    let duration = match timer {
        SessionTimer::Policy => settings.policy.delay,
        SessionTimer::Resources => settings.resources_guard,
        SessionTimer::T3591 => settings.t3591,
        SessionTimer::T3592 => settings.t3592,
    };
    // The UE's time starts when the message leaves, not while the network thinks.
    let thinking = if timer == SessionTimer::Policy {
        Duration::ZERO
    } else {
        amf.settings.processing_delay + amf.settings.processing_jitter
    };
    let started = amf.timers.start(turn.now + thinking + duration, Expiry::Session(ue, id, timer));
    if let Some(session) = find(amf, ue, id) {
        session.timer = Some(started);
    }
}

pub(in crate::amf) fn stop_timer(amf: &mut Amf, ue: UeId, id: SessionId) {
    if let Some(timer) = find(amf, ue, id).and_then(|session| session.timer.take()) {
        amf.timers.stop(timer);
    }
}

/// A timer of a session expired.
pub(in crate::amf) fn expired(
    amf: &mut Amf,
    turn: &mut Turn<'_>,
    ue: UeId,
    id: SessionId,
    timer: SessionTimer,
) {
    let Some(session) = find(amf, ue, id) else { return };
    session.timer = None;
    let state = session.state;
    let again = session.repeat.as_mut().filter(|repeat| repeat.left > 0).map(|repeat| {
        repeat.left -= 1;
        repeat.octets.clone()
    });
    match (timer, again) {
        (SessionTimer::Policy, _) if state == State::ExpectModificationPolicy => {
            pdu_session_modification::decided(amf, turn, ue, id);
        }
        (SessionTimer::Policy, _) => pdu_session_establishment::decided(amf, turn, ue, id),
        (SessionTimer::Resources, _) if state == State::ExpectResourcesReleased => {
            amf.refuse(Refusal::SessionReleaseTimeout);
            remove(amf, turn, ue, id, Closing::Released);
        }
        (SessionTimer::Resources, _) => pdu_session_establishment::without_resources(amf, turn, ue, id),
        (SessionTimer::T3591, Some(octets)) => repeat(amf, turn, (ue, id), timer, octets),
        (SessionTimer::T3592, Some(octets)) => repeat(amf, turn, (ue, id), timer, octets),
        (SessionTimer::T3591, None) => pdu_session_modification::gave_up(amf, ue, id),
        (SessionTimer::T3592, None) => pdu_session_release::gave_up(amf, turn, ue, id),
    }
}

fn repeat(
    amf: &mut Amf,
    turn: &mut Turn<'_>,
    (ue, id): (UeId, SessionId),
    timer: SessionTimer,
    octets: Vec<u8>,
) {
    let message = match timer {
        SessionTimer::T3591 => Message::SessionModificationCommand,
        _ => Message::SessionReleaseCommand,
    };
    if let Some(connection) = connection_of(amf, ue) {
        tell(amf, turn, connection, id.value(), (message, Some(octets)));
    }
    start_timer(amf, turn, ue, id, timer);
}
