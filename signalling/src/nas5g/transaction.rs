//! A 5GSM procedure transaction of the UE (TS 24.501 §6.2.1): what its three procedures share.

use std::time::Duration;

use identity::SessionId;
use oxirush_nas::nas_5gs::{Nas5gsMessage, Nas5gsmMessage};

use super::attempt::Step;
use super::procedures::nas_transport_of_5gsm;
use super::procedures::service_request::{self, Reason, ServiceRequest};
use super::ue::Ue;
use crate::common::timers::{self, Timer};
use crate::outcome::{Cause, Outcome};
use crate::sessions::SessionRequest;

/// One transaction: its message, and what it waits for.
pub(crate) struct Transaction {
    state: State,
    session: SessionId,
    asks: Asks,
    /// 0 before it begins.
    pti: u8,
    /// The 5GSM message, for its repetitions.
    message: Vec<u8>,
    /// The complete SERVICE REQUEST that went before it, plain.
    service_request: Vec<u8>,
    /// How often the timer of the message expired.
    expiries: u8,
    /// The connection was released under the message once, and the message sent again.
    resent: bool,
}

/// What a transaction waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// A service request goes before the message (TS 24.501 §5.4.5.2.1).
    ExpectServiceAccept,
    ExpectAnswer,
}

/// What the AMF is told of the message (TS 24.501 §5.4.5.2.2).
pub(crate) enum Asks {
    /// A session is to be established.
    Session(SessionRequest),
    /// A session is to be modified.
    Change,
    /// A session is to be released.
    Release,
}

impl Asks {
    /// The timer of the message (TS 24.501 Table 10.3.1).
    fn timer(&self) -> (Timer, Duration) {
        match self {
            Self::Session(_) => (Timer::T3580, timers::T3580),
            Self::Change => (Timer::T3581, timers::T3581),
            Self::Release => (Timer::T3582, timers::T3582),
        }
    }
}

impl Transaction {
    pub(crate) fn new(session: SessionId, asks: Asks) -> Self {
        Self {
            state: State::ExpectAnswer,
            session,
            asks,
            pti: 0,
            message: Vec::new(),
            service_request: Vec::new(),
            expiries: 0,
            resent: false,
        }
    }

    /// The message goes out, after a service request where the UE is idle (§6.4).
    pub(crate) fn begin(&mut self, message: impl Into<Nas5gsmMessage>, ue: &mut Ue<'_>) -> Step {
        self.pti = ue.sm.allocate_pti();
        match Nas5gsMessage::new_5gsm(message, self.session.value(), self.pti).encode() {
            Ok(message) => self.message = message,
            Err(_) => return Step::Done(Outcome::Failed(Cause::NotEncodable)),
        }
        self.send(ue)
    }

    /// Sends the message, or the service request that goes before it (§5.4.5.2.1, §5.6.1.1 c).
    pub(crate) fn send(&mut self, ue: &mut Ue<'_>) -> Step {
        if ue.mm.connected && ue.mm.secured {
            self.state = State::ExpectAnswer;
            ue.stop(Timer::T3540);
            ue.send(nas_transport_of_5gsm::uplink(self.session, &self.asks, self.message.clone()));
        } else {
            self.state = State::ExpectServiceAccept;
            let Some((nas, complete)) = service_request::message(Reason::Signalling, ue) else {
                return Step::Done(Outcome::Failed(Cause::NotRegistered));
            };
            self.service_request = complete;
            ue.send_initial(nas, Reason::Signalling.establishment_cause());
        }
        let (timer, duration) = self.timer();
        ue.set(timer, duration);
        Step::Stay
    }

    /// The timer ran out: the message is repeated four times (§6.4.1.6 a, §6.4.2.6 a, §6.4.3.6 a).
    pub(crate) fn expired(&mut self, ue: &mut Ue<'_>) -> Step {
        if self.state == State::ExpectServiceAccept {
            return ServiceRequest::expired(ue);
        }
        self.expiries += 1;
        if self.expiries < MAX_EXPIRIES {
            return self.send(ue);
        }
        Step::Done(Outcome::TimedOut(self.timer().0))
    }

    /// A message that crossed a release of the connection was not delivered (§5.4.5.2.6): it goes out again, once, after a
    /// service request.
    pub(crate) fn resend(&mut self, ue: &mut Ue<'_>) -> Step {
        self.resent = true;
        ue.stop(self.timer().0);
        ue.lose_connection();
        self.send(ue)
    }

    pub(crate) fn may_resend(&self) -> bool {
        self.state == State::ExpectAnswer && !self.resent
    }

    pub(crate) fn expects_service_accept(&self) -> bool {
        self.state == State::ExpectServiceAccept
    }

    /// Whether a 5GSM message of the network with these identities answers it.
    pub(crate) fn is_answered_by(&self, session: SessionId, pti: u8) -> bool {
        self.state == State::ExpectAnswer && (self.session, self.pti) == (session, pti)
    }

    pub(crate) fn session(&self) -> SessionId {
        self.session
    }

    /// What is asked for, where a session is to be established.
    pub(crate) fn request(&self) -> Option<&SessionRequest> {
        match &self.asks {
            Asks::Session(request) => Some(request),
            Asks::Change | Asks::Release => None,
        }
    }

    /// The timer that supervises it.
    pub(crate) fn timer(&self) -> (Timer, Duration) {
        match self.state {
            State::ExpectServiceAccept => ServiceRequest::TIMER,
            State::ExpectAnswer => self.asks.timer(),
        }
    }

    pub(crate) fn initial_message(&self) -> &[u8] {
        &self.service_request
    }

    pub(crate) fn message_octets(&self) -> usize {
        self.message.capacity()
    }
}

/// The expiry at which a UE gives up: it sends a 5GSM request five times in all.
const MAX_EXPIRIES: u8 = 5;
