//! What a UE keeps of a procedure while it runs, and of its failures between attempts.

use std::time::Duration;

use identity::{Plmn, Procedure, SessionId, Tac};
use oxirush_security::nas_5gs::KAmf;
use serde::{Deserialize, Serialize};

use crate::common::timers::{self, Timer};
use crate::nas5g::procedures::authentication::Challenge;
use crate::nas5g::procedures::reject::{Counter, Forbids};
use crate::outcome::Cause;
use crate::session::SessionRequest;

/// One attempt: it is on the heap, and gone when the attempt ends.
pub(crate) struct Attempt {
    pub(crate) procedure: Procedure,
    pub(crate) kind: Kind,
    /// The complete initial NAS message, plain, for the NAS message container of a SECURITY MODE COMPLETE.
    pub(crate) complete: Vec<u8>,
    /// The network has seen the cleartext IEs alone.
    pub(crate) unprotected: bool,
    /// T3520 runs in the place of the timer of the attempt.
    pub(crate) suspended: bool,
    /// What the UE refused: the cause, if the network then releases the connection.
    pub(crate) refused: Option<Cause>,
    /// The 5GSM procedure transaction of a [`Kind::Session`].
    pub(crate) transaction: Option<Transaction>,
}

/// A 5GSM procedure transaction of the UE (TS 24.501 §6.2.1).
pub(crate) struct Transaction {
    pub(crate) pti: u8,
    pub(crate) session: SessionId,
    /// What is asked for, where a session is to be established.
    pub(crate) request: Option<SessionRequest>,
    /// The 5GSM message, for its repetitions.
    pub(crate) message: Vec<u8>,
    /// How often the timer of the procedure expired.
    pub(crate) expiries: u8,
    /// The connection was released under the message once, and the message sent again.
    pub(crate) resent: bool,
    /// The network refused the type of session that was asked for, and the one that it allows is asked for now.
    pub(crate) retyped: bool,
    /// A service request goes before the message (TS 24.501 §5.4.5.2.1).
    pub(crate) waits_for_service: bool,
}

/// The UE-requested 5GSM procedures (TS 24.501 §6.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SessionStep {
    Establishment,
    Modification,
    Release,
}

impl SessionStep {
    /// Its name where it is measured.
    pub(crate) fn procedure(self) -> Procedure {
        match self {
            Self::Establishment => Procedure::PduSession,
            Self::Modification => Procedure::PduSessionModification,
            Self::Release => Procedure::PduSessionRelease,
        }
    }

    /// The timer of its message (TS 24.501 Table 10.3.1).
    fn timer(self) -> (Timer, Duration) {
        match self {
            Self::Establishment => (Timer::T3580, timers::T3580),
            Self::Modification => (Timer::T3581, timers::T3581),
            Self::Release => (Timer::T3582, timers::T3582),
        }
    }
}

/// What an attempt waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Registration,
    ServiceRequest,
    Deregistration {
        /// How often T3521 expired.
        expiries: u8,
    },
    Session(SessionStep),
}

impl Attempt {
    pub(crate) fn new(procedure: Procedure, kind: Kind, complete: Vec<u8>, unprotected: bool) -> Self {
        Self { procedure, kind, complete, unprotected, suspended: false, refused: None, transaction: None }
    }

    /// The timer that supervises it (TS 24.501 Table 10.2.1).
    pub(crate) fn timer(&self) -> (Timer, Duration) {
        match self.kind {
            Kind::Registration => (Timer::T3510, timers::T3510),
            Kind::ServiceRequest => (Timer::T3517, timers::T3517),
            Kind::Deregistration { .. } => (Timer::T3521, timers::T3521),
            Kind::Session(_) if self.waits_for_service() => (Timer::T3517, timers::T3517),
            Kind::Session(step) => step.timer(),
        }
    }

    /// Whether a SERVICE ACCEPT is awaited.
    pub(crate) fn waits_for_service(&self) -> bool {
        let before = self.transaction.as_ref().is_some_and(|transaction| transaction.waits_for_service);
        self.kind == Kind::ServiceRequest || before
    }

    /// Whether this is what a 5GSM message of the network answers.
    pub(crate) fn is_answered_by(&self, step: SessionStep, session: SessionId, pti: u8) -> bool {
        self.kind == Kind::Session(step)
            && self.transaction.as_ref().is_some_and(|transaction| {
                !transaction.waits_for_service && (transaction.session, transaction.pti) == (session, pti)
            })
    }

    pub(crate) fn octets(&self) -> usize {
        let message = self.transaction.as_ref().map_or(0, |transaction| transaction.message.capacity());
        size_of::<Self>() + self.complete.capacity() + message
    }
}

/// An authentication that no SECURITY MODE COMMAND has ended yet.
#[derive(Default)]
pub(crate) struct Authenticating {
    challenge: Option<Box<Challenge>>,
    /// AUTHENTICATION FAILUREs in a row.
    pub(crate) failures: u8,
}

impl Authenticating {
    pub(crate) fn answering(challenge: Box<Challenge>) -> Self {
        Self { challenge: Some(challenge), failures: 0 }
    }

    pub(crate) fn refuse(&mut self) {
        self.challenge = None;
        self.failures = self.failures.saturating_add(1);
    }

    /// The RES* that was sent for this RAND.
    pub(crate) fn answered(&self, rand: Option<&[u8; 16]>) -> Option<[u8; 16]> {
        let challenge = self.challenge.as_ref()?;
        (rand == Some(&challenge.rand)).then_some(challenge.res_star)
    }

    /// The partial native context: its ngKSI and KAMF.
    pub(crate) fn keys(&self) -> Option<(u8, &KAmf)> {
        self.challenge.as_ref().map(|challenge| (challenge.ng_ksi, &challenge.k_amf))
    }

    pub(crate) fn octets(&self) -> usize {
        size_of::<Self>() + self.challenge.as_ref().map_or(0, |_| size_of::<Challenge>())
    }
}

/// The attempt counters and the forbidden lists (TS 24.501 §5.5.1.2.7, §5.6.1.7, §5.3.13).
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Perseverance {
    registrations: u8,
    services: u8,
    forbidden: Option<(Forbids, Plmn, Tac)>,
    /// What T3511, T3502 or T3346 begins again.
    #[serde(with = "crate::nas5g::ue_state::begun_by_the_ue")]
    pub(crate) again: Option<Procedure>,
}

impl Perseverance {
    /// A registration begins. After five failures the count starts anew (T3502 ran, or the driver wants it).
    pub(crate) fn begin(&mut self) {
        if self.registrations >= MAX_REGISTRATION_ATTEMPTS {
            self.registrations = 0;
        }
        self.again = None;
    }

    pub(crate) fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// Counts a failed registration. `true` when it was the fifth.
    pub(crate) fn failed(&mut self, counter: Counter) -> bool {
        match counter {
            Counter::Reset => self.registrations = 0,
            Counter::OneMore => self.registrations += 1,
            Counter::Exhausted => self.registrations = MAX_REGISTRATION_ATTEMPTS,
        }
        self.registrations >= MAX_REGISTRATION_ATTEMPTS
    }

    /// Counts a service request that was not answered, and tells how many it is.
    pub(crate) fn service_failed(&mut self) -> u8 {
        self.services = self.services.saturating_add(1);
        self.services
    }

    pub(crate) fn service_succeeded(&mut self) {
        self.services = 0;
    }

    pub(crate) fn forbid(&mut self, forbids: Forbids, (plmn, tac): (Plmn, Tac)) {
        if forbids != Forbids::Nothing {
            self.forbidden = Some((forbids, plmn, tac));
        }
    }

    pub(crate) fn forbids_here(&self, (plmn, tac): (Plmn, Tac)) -> bool {
        self.forbidden.is_some_and(|(forbids, forbidden_plmn, forbidden_tac)| match forbids {
            Forbids::Nothing => false,
            Forbids::Usim => true,
            Forbids::Plmn => forbidden_plmn == plmn,
            Forbids::TrackingArea => (forbidden_plmn, forbidden_tac) == (plmn, tac),
        })
    }
}

/// Which timers run: a set of [`Timer`]s.
#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunningTimers(u64);

const _: () = assert!(Timer::ALL.len() <= 64);

impl RunningTimers {
    pub(crate) fn insert(&mut self, timer: Timer) {
        self.0 |= 1 << timer as u8;
    }

    pub(crate) fn contains(self, timer: Timer) -> bool {
        self.0 & 1 << timer as u8 != 0
    }

    /// Whether it was there.
    pub(crate) fn remove(&mut self, timer: Timer) -> bool {
        let was = self.contains(timer);
        self.0 &= !(1 << timer as u8);
        was
    }

    pub(crate) fn all(self) -> impl Iterator<Item = Timer> {
        Timer::ALL.into_iter().filter(move |timer| self.contains(*timer))
    }
}

/// TS 24.501 §5.5.1.2.7: failed registrations after which T3502 takes the place of T3511.
const MAX_REGISTRATION_ATTEMPTS: u8 = 5;
