//! PDU session modification: UE-requested, and the network's command (TS 24.501 §6.4.2, §6.3.2).

use oxirush_nas::nas_5gs::GsmCause;

use super::messages;
use crate::policy::Decision;
use crate::sessions::session::{Procedure, SessionKey};
use crate::sessions::{AccessNode, Ports, SessionTimer, Sessions};
use crate::statistics::{Event, Message, Refusal};

/// A modification, by what it waits for.
///
/// ```text
/// ExpectPolicy ─► ExpectComplete ─► (active)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Modification {
    /// Policy control is asked.
    ExpectPolicy,
    ExpectComplete,
}

impl Modification {
    /// PDU SESSION MODIFICATION REQUEST of a session that there is.
    pub(in crate::sessions) fn begin(
        sessions: &mut Sessions,
        node: &mut impl AccessNode,
        ports: &mut Ports<'_>,
        key: SessionKey,
        pti: u8,
    ) {
        let active = sessions.find_mut(key).filter(|session| session.procedure == Procedure::None);
        let Some(session) = active else {
            // §6.3.3.5 c: the release goes on. A request that comes again is answered when the first one is.
            return sessions.counters.count_refusal(Refusal::RepeatedRequest);
        };
        session.pti = pti;
        session.procedure = Procedure::Modification(Self::ExpectPolicy);
        if sessions.settings.policy.delay.is_zero() {
            Self::decided(sessions, node, ports, key);
        } else {
            sessions.start_timer(node, ports.now, key, SessionTimer::Policy);
        }
    }

    /// Policy control has answered: PDU SESSION MODIFICATION COMMAND, or REJECT.
    pub(in crate::sessions) fn decided(
        sessions: &mut Sessions,
        node: &mut impl AccessNode,
        ports: &mut Ports<'_>,
        key: SessionKey,
    ) {
        let decision = sessions.decide();
        let Some(session) = sessions.find_mut(key) else { return };
        session.procedure = Procedure::None;
        if !node.reaches(key.supi) {
            return;
        }
        match decision {
            Decision::Refused => {
                let cause = GsmCause::UserAuthenticationOrAuthorizationFailed;
                let reject = messages::modification_reject(key.id.value(), session.pti, cause);
                sessions.counters.count_refusal(Refusal::SessionRefused);
                sessions.send(node, ports.now, key, (Message::SessionModificationReject, reject));
            }
            Decision::Allowed(ambr_bps) => {
                session.ambr_bps = ambr_bps;
                Self::command(sessions, node, ports, key);
            }
        }
    }

    fn command(sessions: &mut Sessions, node: &mut impl AccessNode, ports: &mut Ports<'_>, key: SessionKey) {
        let Some(session) = sessions.find(key) else { return };
        let Some(octets) = messages::modification_command(session) else {
            return sessions.counters.count_refusal(Refusal::CannotEncode);
        };
        if session.ran.is_some() {
            node.modify_resources(ports.now, session, octets.clone());
            sessions.counters.count_sent(Message::SessionModificationCommand);
        } else {
            let message = (Message::SessionModificationCommand, Some(octets.clone()));
            sessions.send(node, ports.now, key, message);
        }
        let wait = (Procedure::Modification(Self::ExpectComplete), SessionTimer::T3591);
        sessions.await_answer(node, ports.now, key, octets, wait);
    }

    /// PDU SESSION MODIFICATION COMPLETE, or COMMAND REJECT: the session stays as it was (§6.3.2.4).
    pub(in crate::sessions) fn answered(sessions: &mut Sessions, key: SessionKey, accepted: bool) {
        if Self::settled(sessions, key) && accepted {
            sessions.counters.count_event(Event::SessionModified);
        }
    }

    /// T3591 expired for the fifth time (§6.3.2.5 a).
    pub(in crate::sessions) fn gave_up(sessions: &mut Sessions, key: SessionKey) {
        sessions.counters.count_refusal(Refusal::SessionModificationTimeout);
        Self::settled(sessions, key);
    }

    fn settled(sessions: &mut Sessions, key: SessionKey) -> bool {
        let waits = Procedure::Modification(Self::ExpectComplete);
        let Some(session) = sessions.find_mut(key).filter(|session| session.procedure == waits) else {
            sessions.counters.count_refusal(Refusal::OutOfState);
            return false;
        };
        session.procedure = Procedure::None;
        session.repeat = None;
        sessions.stop_timer(key);
        true
    }
}
