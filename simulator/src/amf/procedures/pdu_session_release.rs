//! PDU session release: UE-requested, and by the network (TS 24.501 §6.4.3, §6.3.3, TS 23.502 §4.3.4).

use billing::Closing;
use identity::{Imsi, SessionId};
use oxirush_nas::nas_5gs::GsmCause;

use super::{pdu_session, pdu_session_resource};
use crate::amf::expiry::SessionTimer;
use crate::amf::ue::UeId;
use crate::amf::{Amf, Event, Message, Refusal, Turn};
use crate::sessions::session::State;
use crate::sessions::{self, gsm};

/// PDU SESSION RELEASE REQUEST of a session that there is.
pub(in crate::amf) fn requested(amf: &mut Amf, turn: &mut Turn<'_>, ue: UeId, (id, pti): (SessionId, u8)) {
    if pdu_session::find(amf, ue, id).is_some_and(|session| session.is_releasing()) {
        // §6.3.3.5 b: the network's release goes on.
        return amf.refuse(Refusal::RepeatedRequest);
    }
    command(amf, turn, (ue, id), pti, GsmCause::RegularDeactivation);
}

/// The network ends a session; that of an idle UE without a word, which the PDU session status tells it later.
pub(in crate::amf) fn by_network(amf: &mut Amf, turn: &mut Turn<'_>, imsi: Imsi, id: SessionId) {
    let Some(ue) = amf.ues.find(imsi) else { return };
    if pdu_session::find(amf, ue, id).is_some_and(|session| !session.is_releasing()) {
        command(amf, turn, (ue, id), NETWORK_REQUESTED, GsmCause::RegularDeactivation);
    }
}

/// PDU SESSION RELEASE COMMAND, with the release of the resources where there are some.
pub(in crate::amf) fn command(
    amf: &mut Amf,
    turn: &mut Turn<'_>,
    (ue, id): (UeId, SessionId),
    pti: u8,
    cause: GsmCause,
) {
    let Some(connection) = pdu_session::connection_of(amf, ue) else {
        return pdu_session::remove(amf, turn, ue, id, Closing::Released);
    };
    let Some(session) = pdu_session::find(amf, ue, id) else { return };
    let has_resources = session.ran.is_some() || session.state == State::ExpectResources;
    let Some(octets) = gsm::release_command(id.value(), pti, cause) else { return };
    // Downlink ends now; what is on its way up still counts, until the gNB has released its end.
    sessions::deactivate(turn, session);
    if has_resources {
        amf.statistics.counters.count_sent(Message::SessionReleaseCommand);
        pdu_session_resource::release(amf, turn, connection, id, Some(octets.clone()));
    } else {
        let message = (Message::SessionReleaseCommand, Some(octets.clone()));
        pdu_session::tell(amf, turn, connection, id.value(), message);
        close(amf, turn, ue, id);
    }
    let wait = (State::ExpectReleaseComplete, SessionTimer::T3592);
    pdu_session::await_answer(amf, turn, (ue, id), octets, wait);
}

/// Gives back what a session holds that waits for its PDU SESSION RELEASE COMPLETE.
pub(in crate::amf) fn close(amf: &mut Amf, turn: &mut Turn<'_>, ue: UeId, id: SessionId) {
    let Some(ue) = amf.ues.get_mut(ue) else { return };
    if let Some(session) = ue.sessions.iter_mut().find(|session| session.id == id) {
        amf.smf.close(turn, session, Closing::Released);
    }
}

/// PDU SESSION RELEASE COMPLETE. The volumes are final when the gNB has answered as well.
pub(in crate::amf) fn completed(amf: &mut Amf, turn: &mut Turn<'_>, ue: UeId, id: SessionId) {
    let session = pdu_session::find(amf, ue, id);
    let Some(session) = session.filter(|session| session.state == State::ExpectReleaseComplete) else {
        return amf.refuse(Refusal::OutOfState);
    };
    if session.anchor.is_some() {
        session.state = State::ExpectResourcesReleased;
        session.repeat = None;
        pdu_session::start_timer(amf, turn, ue, id, SessionTimer::Resources);
    } else {
        pdu_session::remove(amf, turn, ue, id, Closing::Released);
    }
    amf.statistics.counters.count_event(Event::SessionReleased);
}

/// T3592 expired for the fifth time: the session is released all the same (§6.3.3.5 a).
pub(in crate::amf) fn gave_up(amf: &mut Amf, turn: &mut Turn<'_>, ue: UeId, id: SessionId) {
    amf.refuse(Refusal::SessionReleaseTimeout);
    pdu_session::remove(amf, turn, ue, id, Closing::Released);
}

/// "No procedure transaction identity assigned" (TS 24.007 §11.2.3.1a).
pub(in crate::amf) const NETWORK_REQUESTED: u8 = 0;
