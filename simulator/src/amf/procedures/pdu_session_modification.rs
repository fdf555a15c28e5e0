//! PDU session modification: UE-requested, and the network's command (TS 24.501 §6.4.2, §6.3.2).

use identity::SessionId;
use oxirush_nas::nas_5gs::GsmCause;

use super::{pdu_session, pdu_session_resource};
use crate::amf::connection::ConnectionId;
use crate::amf::expiry::SessionTimer;
use crate::amf::ue::UeId;
use crate::amf::{Amf, Event, Message, Refusal, Turn};
use crate::policy::Decision;
use crate::sessions::gsm;
use crate::sessions::session::State;

/// PDU SESSION MODIFICATION REQUEST of a session that there is.
pub(in crate::amf) fn requested(amf: &mut Amf, turn: &mut Turn<'_>, ue: UeId, (id, pti): (SessionId, u8)) {
    let Some(session) = pdu_session::find(amf, ue, id) else { return };
    match session.state {
        State::Active => {
            session.pti = pti;
            session.state = State::ExpectModificationPolicy;
        }
        // §6.3.3.5 c: the release goes on. A request that comes again is answered when the first one is.
        _ => return amf.refuse(Refusal::RepeatedRequest),
    }
    if amf.settings.smf.policy.delay.is_zero() {
        decided(amf, turn, ue, id);
    } else {
        pdu_session::start_timer(amf, turn, ue, id, SessionTimer::Policy);
    }
}

/// Policy control has answered: PDU SESSION MODIFICATION COMMAND, or REJECT.
pub(in crate::amf) fn decided(amf: &mut Amf, turn: &mut Turn<'_>, ue: UeId, id: SessionId) {
    let policy = amf.smf.policy(&mut amf.rng);
    let connection = pdu_session::connection_of(amf, ue);
    let Some(session) = pdu_session::find(amf, ue, id) else { return };
    session.state = State::Active;
    let Some(connection) = connection else { return };
    match policy {
        Decision::Refused => {
            let cause = GsmCause::UserAuthenticationOrAuthorizationFailed;
            let reject = gsm::modification_reject(id.value(), session.pti, cause);
            amf.refuse(Refusal::SessionRefused);
            pdu_session::tell(
                amf,
                turn,
                connection,
                id.value(),
                (Message::SessionModificationReject, reject),
            );
        }
        Decision::Allowed(ambr_bps) => {
            session.ambr_bps = ambr_bps;
            command(amf, turn, (connection, ue), id);
        }
    }
}

fn command(amf: &mut Amf, turn: &mut Turn<'_>, (connection, ue): (ConnectionId, UeId), id: SessionId) {
    let Some(session) = pdu_session::find(amf, ue, id) else { return };
    let (octets, active) = (gsm::modification_command(session), session.ran.is_some());
    let Some(octets) = octets else { return amf.refuse(Refusal::CannotEncode) };
    if active {
        amf.statistics.counters.count_sent(Message::SessionModificationCommand);
        pdu_session_resource::modify(amf, turn, (connection, ue), id, octets.clone());
    } else {
        let message = (Message::SessionModificationCommand, Some(octets.clone()));
        pdu_session::tell(amf, turn, connection, id.value(), message);
    }
    let wait = (State::ExpectModificationComplete, SessionTimer::T3591);
    pdu_session::await_answer(amf, turn, (ue, id), octets, wait);
}

/// PDU SESSION MODIFICATION COMPLETE, or COMMAND REJECT: the session stays as it was (§6.3.2.4).
pub(in crate::amf) fn answered(amf: &mut Amf, ue: UeId, id: SessionId, accepted: bool) {
    if settled(amf, ue, id) && accepted {
        amf.statistics.counters.count_event(Event::SessionModified);
    }
}

/// T3591 expired for the fifth time (§6.3.2.5 a).
pub(in crate::amf) fn gave_up(amf: &mut Amf, ue: UeId, id: SessionId) {
    amf.refuse(Refusal::SessionModificationTimeout);
    settled(amf, ue, id);
}

fn settled(amf: &mut Amf, ue: UeId, id: SessionId) -> bool {
    let waits = pdu_session::find(amf, ue, id)
        .is_some_and(|session| session.state == State::ExpectModificationComplete);
    if !waits {
        amf.refuse(Refusal::OutOfState);
        return false;
    }
    pdu_session::stop_timer(amf, ue, id);
    if let Some(session) = pdu_session::find(amf, ue, id) {
        session.state = State::Active;
        session.repeat = None;
    }
    true
}
