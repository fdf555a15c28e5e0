//! PDU session release: UE-requested, and by the network (TS 24.501 §6.4.3, §6.3.3, TS 23.502 §4.3.4).

use billing::Closing;
use oxirush_nas::nas_5gs::GsmCause;

use super::{Establishment, messages};
use crate::sessions::anchor;
use crate::sessions::session::{Procedure, SessionKey};
use crate::sessions::{AccessNode, Ports, SessionTimer, Sessions, find_in};
use crate::statistics::{Event, Message, Refusal};

/// A release, by what it waits for.
///
/// ```text
/// ExpectComplete ─► ExpectResourcesReleased ─► (gone)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Release {
    ExpectComplete,
    /// The UE has answered before the RAN, whose end may still send.
    ExpectResourcesReleased,
}

impl Release {
    /// "No procedure transaction identity assigned" (TS 24.007 §11.2.3.1a): the network begins.
    pub(in crate::sessions) const BY_NETWORK: u8 = 0;

    /// PDU SESSION RELEASE REQUEST of a session that there is.
    pub(in crate::sessions) fn requested(
        sessions: &mut Sessions,
        node: &mut impl AccessNode,
        ports: &mut Ports<'_>,
        key: SessionKey,
        pti: u8,
    ) {
        if sessions.find(key).is_some_and(|session| session.is_releasing()) {
            // §6.3.3.5 b: the network's release goes on.
            return sessions.counters.count_refusal(Refusal::RepeatedRequest);
        }
        Self::begin(sessions, node, ports, key, pti, GsmCause::RegularDeactivation);
    }

    /// PDU SESSION RELEASE COMMAND, with the release of the resources where there are some. The session of an idle UE ends without a
    /// word, which the PDU session status tells it later.
    pub(in crate::sessions) fn begin(
        sessions: &mut Sessions,
        node: &mut impl AccessNode,
        ports: &mut Ports<'_>,
        key: SessionKey,
        pti: u8,
        cause: GsmCause,
    ) {
        if !node.reaches(key.supi) {
            return sessions.remove(ports, key, Closing::Released);
        }
        let Some(session) = sessions.find_mut(key) else { return };
        let expected = session.procedure == Procedure::Establishment(Establishment::ExpectResources);
        let has_resources = session.ran.is_some() || expected;
        let Some(octets) = messages::release_command(key.id.value(), pti, cause) else { return };
        // Downlink ends now; what is on its way up still counts, until the RAN has released its end.
        anchor::deactivate(ports, session);
        if has_resources {
            node.release_resources(ports.now, session, octets.clone());
            sessions.counters.count_sent(Message::SessionReleaseCommand);
        } else {
            let message = (Message::SessionReleaseCommand, Some(octets.clone()));
            sessions.send(node, ports.now, key, message);
            Self::give_back(sessions, ports, key);
        }
        let wait = (Procedure::Release(Self::ExpectComplete), SessionTimer::T3592);
        sessions.await_answer(node, ports.now, key, octets, wait);
    }

    /// Gives back what a session holds that waits for its PDU SESSION RELEASE COMPLETE.
    pub(in crate::sessions) fn give_back(sessions: &mut Sessions, ports: &mut Ports<'_>, key: SessionKey) {
        let Sessions { by_subscriber, anchors, .. } = sessions;
        if let Some(session) = find_in(by_subscriber, key) {
            anchors.close(ports, session, Closing::Released);
        }
    }

    /// PDU SESSION RELEASE COMPLETE. The volumes are final when the RAN has answered as well.
    pub(in crate::sessions) fn completed(
        sessions: &mut Sessions,
        node: &impl AccessNode,
        ports: &mut Ports<'_>,
        key: SessionKey,
    ) {
        let waits = Procedure::Release(Self::ExpectComplete);
        let Some(session) = sessions.find_mut(key).filter(|session| session.procedure == waits) else {
            return sessions.counters.count_refusal(Refusal::OutOfState);
        };
        if session.anchor.is_some() {
            session.procedure = Procedure::Release(Self::ExpectResourcesReleased);
            session.repeat = None;
            sessions.start_timer(node, ports.now, key, SessionTimer::Resources);
        } else {
            sessions.remove(ports, key, Closing::Released);
        }
        sessions.counters.count_event(Event::SessionReleased);
    }

    /// The RAN has released its end.
    pub(in crate::sessions) fn resources_released(
        self,
        sessions: &mut Sessions,
        ports: &mut Ports<'_>,
        key: SessionKey,
    ) {
        match self {
            Self::ExpectComplete => Self::give_back(sessions, ports, key),
            Self::ExpectResourcesReleased => sessions.remove(ports, key, Closing::Released),
        }
    }

    /// T3592 expired for the fifth time, or the RAN never answered: the session is released all the same (§6.3.3.5 a).
    pub(in crate::sessions) fn gave_up(sessions: &mut Sessions, ports: &mut Ports<'_>, key: SessionKey) {
        sessions.counters.count_refusal(Refusal::SessionReleaseTimeout);
        sessions.remove(ports, key, Closing::Released);
    }
}
