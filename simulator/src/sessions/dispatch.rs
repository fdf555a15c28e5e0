//! What comes for a session, to the procedure that it belongs to: messages of UEs, answers of the RAN, timers.

use identity::{Imsi, SessionId, Snssai};
use oxirush_nas::nas_5gs::{Direction, GmmCause, GsmCause, Nas5gsMessage, Nas5gsmMessage};

use super::gsm::{Asked, Establishment, Modification, Release, messages};
use super::session::{Procedure, SessionKey};
use super::{AccessNode, Ports, SessionTimer, Sessions, anchor, n2};
use crate::statistics::{Message, Refusal};

/// A 5GSM message of a UE, with what its transport says of it (TS 24.501 §8.2.10).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Uplink<'a> {
    pub(crate) supi: Imsi,
    pub(crate) id: SessionId,
    pub(crate) octets: &'a [u8],
    /// The data network and the slice that the UE names.
    pub(crate) dnn: Option<&'a [u8]>,
    pub(crate) slice: Option<Snssai>,
}

impl Sessions {
    /// A message of a UE. The error is why it is not forwarded (§5.4.5.2.5).
    pub(crate) fn receive(
        &mut self,
        node: &mut impl AccessNode,
        ports: &mut Ports<'_>,
        uplink: &Uplink<'_>,
    ) -> Result<(), GmmCause> {
        let key = SessionKey { supi: uplink.supi, id: uplink.id };
        let (header, message) = match Nas5gsMessage::decode(uplink.octets) {
            Ok(Nas5gsMessage::Gsm(header, message)) => (header, message),
            Ok(_) => return Err(GmmCause::PayloadWasNotForwarded),
            Err(error) => {
                // §7.2 to §7.7: what is wrong is said, where anything is.
                self.counters.count_refusal(Refusal::MalformedSession);
                let answer = Nas5gsMessage::answer_to_refused(uplink.octets, &error, Direction::Uplink);
                if let Some(answer @ Nas5gsMessage::Gsm(..)) = answer {
                    self.send(node, ports.now, key, (Message::SessionStatus, answer.encode().ok()));
                }
                return Ok(());
            }
        };
        self.counters.count_received(name_of(&message));
        let pti = header.procedure_transaction_identity;
        if header.pdu_session_identity != key.id.value() {
            // §7.3.2: the identity of the message is not that of the transport.
            self.send_status(node, ports, (key, pti), GsmCause::InvalidPduSessionIdentity);
            return Ok(());
        }
        if is_by_ue(&message) && (pti == UNASSIGNED_PTI || pti == RESERVED_PTI) {
            // §7.3.1: the UE begins with a PTI of its own.
            self.send_status(node, ports, (key, pti), GsmCause::InvalidPtiValue);
            return Ok(());
        }
        if let Nas5gsmMessage::PduSessionEstablishmentRequest(request) = &message {
            let asked = Asked { key, pti, request, dnn: uplink.dnn, slice: uplink.slice };
            return Establishment::begin(self, node, ports, &asked);
        }
        if self.find(key).is_none() {
            // §5.4.5.2.5 a 3: there is no routing context of it. What answers the network is only ignored.
            return if is_by_ue(&message) { Err(GmmCause::PayloadWasNotForwarded) } else { Ok(()) };
        }
        self.handle_message(node, ports, (key, pti), &message);
        Ok(())
    }

    /// A message of a session that there is.
    fn handle_message(
        &mut self,
        node: &mut impl AccessNode,
        ports: &mut Ports<'_>,
        (key, pti): (SessionKey, u8),
        message: &Nas5gsmMessage,
    ) {
        match message {
            Nas5gsmMessage::PduSessionModificationRequest(_) => {
                Modification::begin(self, node, ports, key, pti);
            }
            Nas5gsmMessage::PduSessionModificationComplete(_) => Modification::answered(self, key, true),
            Nas5gsmMessage::PduSessionModificationCommandReject(_) => {
                Modification::answered(self, key, false)
            }
            Nas5gsmMessage::PduSessionReleaseRequest(_) => Release::requested(self, node, ports, key, pti),
            Nas5gsmMessage::PduSessionReleaseComplete(_) => Release::completed(self, node, ports, key),
            // §6.5.3: a status is noted.
            Nas5gsmMessage::FiveGsmStatus(_) => {}
            _ => {
                self.counters.count_refusal(Refusal::OutOfState);
                let cause = GsmCause::MessageTypeNonExistentOrNotImplemented;
                self.send_status(node, ports, (key, pti), cause);
            }
        }
    }

    /// Runs the timers that have expired.
    pub(crate) fn run_timers(&mut self, node: &mut impl AccessNode, ports: &mut Ports<'_>) {
        while let Some((key, timer)) = self.timers.expired(ports.now) {
            self.expired(node, ports, key, timer);
        }
    }

    fn expired(
        &mut self,
        node: &mut impl AccessNode,
        ports: &mut Ports<'_>,
        key: SessionKey,
        timer: SessionTimer,
    ) {
        let Some(session) = self.find_mut(key) else { return };
        session.timer = None;
        let procedure = session.procedure;
        let again = session.repeat.as_mut().filter(|repeat| repeat.left > 0).map(|repeat| {
            repeat.left -= 1;
            repeat.octets.clone()
        });
        match (timer, procedure, again) {
            (SessionTimer::Policy, Procedure::Modification(_), _) => {
                Modification::decided(self, node, ports, key);
            }
            (SessionTimer::Policy, ..) => Establishment::decided(self, node, ports, key),
            (SessionTimer::Resources, Procedure::Release(_), _) => Release::gave_up(self, ports, key),
            (SessionTimer::Resources, ..) => Establishment::without_resources(self, node, ports, key),
            (SessionTimer::T3591, _, Some(octets)) => {
                self.repeat(node, ports, key, timer, (Message::SessionModificationCommand, octets));
            }
            (SessionTimer::T3592, _, Some(octets)) => {
                self.repeat(node, ports, key, timer, (Message::SessionReleaseCommand, octets));
            }
            (SessionTimer::T3591, _, None) => Modification::gave_up(self, key),
            (SessionTimer::T3592, _, None) => Release::gave_up(self, ports, key),
        }
    }

    fn repeat(
        &mut self,
        node: &mut impl AccessNode,
        ports: &mut Ports<'_>,
        key: SessionKey,
        timer: SessionTimer,
        (name, octets): (Message, Vec<u8>),
    ) {
        if node.reaches(key.supi) {
            self.send(node, ports.now, key, (name, Some(octets)));
        }
        self.start_timer(node, ports.now, key, timer);
    }

    /// The operator ends a session.
    pub(crate) fn release(&mut self, node: &mut impl AccessNode, ports: &mut Ports<'_>, key: SessionKey) {
        if self.find(key).is_some_and(|session| !session.is_releasing()) {
            let cause = GsmCause::RegularDeactivation;
            Release::begin(self, node, ports, key, Release::BY_NETWORK, cause);
        }
    }

    /// The RAN has set up the resources of a session; its transfer says where downlink goes.
    pub(crate) fn resources_set_up(
        &mut self,
        node: &mut impl AccessNode,
        ports: &mut Ports<'_>,
        (supi, number): (Imsi, u8),
        transfer: &[u8],
    ) {
        let Some(id) = SessionId::new(number) else {
            return self.counters.count_refusal(Refusal::MalformedNgap);
        };
        let Some(end) = n2::set_up(transfer) else {
            self.counters.count_refusal(Refusal::MalformedNgap);
            return self.resources_not_set_up(node, ports, (supi, number));
        };
        let key = SessionKey { supi, id };
        let Some(session) = self.find_mut(key) else {
            return self.counters.count_refusal(Refusal::OutOfState);
        };
        match session.procedure {
            Procedure::Establishment(Establishment::ExpectResources) => {
                anchor::activate(ports, session, end);
                Establishment::completed(self, key);
            }
            Procedure::None | Procedure::Modification(_) => anchor::activate(ports, session, end),
            // It crossed the release.
            _ => self.counters.count_refusal(Refusal::OutOfState),
        }
    }

    /// The RAN has not set up the resources of a session: one that is new is given up, another one stays without its user plane.
    pub(crate) fn resources_not_set_up(
        &mut self,
        node: &mut impl AccessNode,
        ports: &mut Ports<'_>,
        (supi, number): (Imsi, u8),
    ) {
        let Some(id) = SessionId::new(number) else {
            return self.counters.count_refusal(Refusal::MalformedNgap);
        };
        let key = SessionKey { supi, id };
        match self.find(key).map(|session| session.procedure) {
            Some(Procedure::Establishment(Establishment::ExpectResources)) => {
                Establishment::without_resources(self, node, ports, key);
            }
            _ => self.counters.count_refusal(Refusal::ResourcesNotSetUp),
        }
    }

    /// The RAN has released the resources of a session: nothing more comes up.
    pub(crate) fn resources_released(&mut self, ports: &mut Ports<'_>, key: SessionKey) {
        if let Some(Procedure::Release(release)) = self.find(key).map(|session| session.procedure) {
            release.resources_released(self, ports, key);
        }
    }

    /// The UE is at another node of the RAN, which has taken these sessions alone: the others are released (TS 23.502 §4.9.1.3.3 step
    /// 7).
    pub(crate) fn keep_admitted(
        &mut self,
        node: &mut impl AccessNode,
        ports: &mut Ports<'_>,
        supi: Imsi,
        admitted: &[SessionId],
    ) {
        let left =
            self.of(supi).iter().filter(|session| !admitted.contains(&session.id) && session.is_busy());
        for id in left.map(|session| session.id).collect::<Vec<_>>() {
            self.not_admitted(node, ports, SessionKey { supi, id });
        }
    }

    fn not_admitted(&mut self, node: &mut impl AccessNode, ports: &mut Ports<'_>, key: SessionKey) {
        let Some(session) = self.find_mut(key) else { return };
        match session.procedure {
            Procedure::Establishment(Establishment::ExpectPolicy) => {}
            Procedure::Establishment(Establishment::ExpectResources) => {
                Establishment::without_resources(self, node, ports, key);
            }
            // The node that was to release its resources is behind; the UE may have still to answer.
            Procedure::Release(release) => release.resources_released(self, ports, key),
            Procedure::None | Procedure::Modification(_) if session.ran.is_some() => {
                anchor::deactivate(ports, session);
                let cause = GsmCause::InsufficientResources;
                Release::begin(self, node, ports, key, Release::BY_NETWORK, cause);
            }
            Procedure::None | Procedure::Modification(_) => {}
        }
    }

    /// 5GSM STATUS.
    fn send_status(
        &mut self,
        node: &mut impl AccessNode,
        ports: &mut Ports<'_>,
        (key, pti): (SessionKey, u8),
        cause: GsmCause,
    ) {
        self.counters.count_refusal(Refusal::MalformedSession);
        let status = messages::status(key.id.value(), pti, cause);
        self.send(node, ports.now, key, (Message::SessionStatus, status));
    }
}

/// Whether a UE begins a procedure with this message.
fn is_by_ue(message: &Nas5gsmMessage) -> bool {
    matches!(
        message,
        Nas5gsmMessage::PduSessionEstablishmentRequest(_)
            | Nas5gsmMessage::PduSessionModificationRequest(_)
            | Nas5gsmMessage::PduSessionReleaseRequest(_)
    )
}

fn name_of(message: &Nas5gsmMessage) -> Message {
    match message {
        Nas5gsmMessage::PduSessionEstablishmentRequest(_) => Message::SessionEstablishmentRequest,
        Nas5gsmMessage::PduSessionModificationRequest(_) => Message::SessionModificationRequest,
        Nas5gsmMessage::PduSessionModificationComplete(_) => Message::SessionModificationComplete,
        Nas5gsmMessage::PduSessionReleaseRequest(_) => Message::SessionReleaseRequest,
        Nas5gsmMessage::PduSessionReleaseComplete(_) => Message::SessionReleaseComplete,
        Nas5gsmMessage::FiveGsmStatus(_) => Message::SessionStatus,
        _ => Message::OtherSession,
    }
}

/// TS 24.007 §11.2.3.1a.
const UNASSIGNED_PTI: u8 = 0;
const RESERVED_PTI: u8 = 255;
