//! The UE's single attempt slot: the procedure that runs in it, and what the steps of that procedure come to.

use std::time::Duration;

use identity::{Procedure, SessionId};

use super::procedures::deregistration_ue_initiated::Deregistration;
use super::procedures::pdu_session_establishment::PduSessionEstablishment;
use super::procedures::pdu_session_modification::PduSessionModification;
use super::procedures::pdu_session_release::PduSessionRelease;
use super::procedures::registration::Registration;
use super::procedures::service_request::ServiceRequest;
use super::transaction::Transaction;
use super::ue::Ue;
use crate::common::retry::Counter;
use crate::common::timers::Timer;
use crate::device::UeAction;
use crate::outcome::{Cause, ConnectionRefusal, Outcome};

/// What a step of a procedure comes to.
pub(crate) enum Step {
    /// The procedure goes on: it waits for the network, or for its timer.
    Stay,
    /// It has ended.
    Done(Outcome),
    /// It has ended, and something follows from that.
    Then(Outcome, Next),
}

/// What follows the end of a procedure.
pub(crate) enum Next {
    /// The network releases the connection (§5.3.1.3).
    ExpectRelease,
    /// The UE releases the connection itself, and is idle.
    LeaveCell,
    /// The UE releases this session by itself, with a 5GSM cause.
    ReleaseSession(SessionId, u8),
}

/// The procedures of 5GMM and 5GSM that a UE begins, one at a time (TS 24.501 §5.1.3, §6.4).
pub(crate) enum Running {
    Registration(Registration),
    Deregistration(Deregistration),
    ServiceRequest(ServiceRequest),
    Establishment(PduSessionEstablishment),
    Modification(PduSessionModification),
    Release(PduSessionRelease),
}

/// One attempt: it is on the heap, and gone when the attempt ends.
pub(crate) struct Attempt {
    pub(crate) running: Running,
    /// T3520 runs in the place of the timer of the procedure.
    suspended: bool,
    /// What the UE refused: the cause, if the network then releases the connection.
    pub(crate) refused: Option<Cause>,
}

/// The slot.
#[derive(Default)]
pub(crate) struct Slot(Option<Box<Attempt>>);

impl Running {
    /// The name under which it is measured.
    pub(crate) fn procedure(&self) -> Procedure {
        match self {
            Self::Registration(registration) => registration.procedure(),
            Self::Deregistration(_) => Procedure::Deregistration,
            Self::ServiceRequest(_) => Procedure::ServiceRequest,
            Self::Establishment(_) => Procedure::PduSession,
            Self::Modification(_) => Procedure::PduSessionModification,
            Self::Release(_) => Procedure::PduSessionRelease,
        }
    }

    fn begin(&mut self, ue: &mut Ue<'_>) -> Step {
        match self {
            Self::Registration(registration) => registration.begin(ue),
            Self::Deregistration(deregistration) => deregistration.begin(ue),
            Self::ServiceRequest(request) => request.begin(ue),
            Self::Establishment(establishment) => establishment.begin(ue),
            Self::Modification(modification) => modification.begin(ue),
            Self::Release(release) => release.begin(ue),
        }
    }

    /// The timer that supervises it ran out (TS 24.501 Tables 10.2.1, 10.3.1).
    fn expired(&mut self, ue: &mut Ue<'_>) -> Step {
        match self {
            Self::Registration(registration) => registration.expired(ue),
            Self::Deregistration(deregistration) => deregistration.expired(ue),
            Self::ServiceRequest(_) => ServiceRequest::expired(ue),
            Self::Establishment(establishment) => establishment.expired(ue),
            Self::Modification(modification) => modification.expired(ue),
            Self::Release(release) => release.expired(ue),
        }
    }

    /// The UE gives it up, before it ends.
    fn give_up(&mut self, counter: Counter, ue: &mut Ue<'_>) {
        match self {
            Self::Registration(registration) => registration.failed(counter, ue),
            // §5.5.2.2.6 b): the UE is de-registered all the same.
            Self::Deregistration(_) => ue.leave_registered(),
            Self::ServiceRequest(_) | Self::Establishment(_) | Self::Modification(_) | Self::Release(_) => {}
        }
    }

    /// The timer that supervises it.
    fn timer(&self) -> (Timer, Duration) {
        match self {
            Self::Registration(_) => Registration::TIMER,
            Self::Deregistration(_) => Deregistration::TIMER,
            Self::ServiceRequest(_) => ServiceRequest::TIMER,
            Self::Establishment(establishment) => establishment.transaction.timer(),
            Self::Modification(modification) => modification.transaction.timer(),
            Self::Release(release) => release.transaction.timer(),
        }
    }

    /// The complete initial NAS message, plain, for the NAS message container of a SECURITY MODE COMPLETE, and whether the
    /// network has seen the cleartext IEs of it alone.
    pub(crate) fn initial_message(&self) -> (&[u8], bool) {
        match self {
            Self::Registration(registration) => registration.initial_message(),
            Self::Deregistration(_) => (&[], false),
            Self::ServiceRequest(request) => (request.initial_message(), false),
            Self::Establishment(_) | Self::Modification(_) | Self::Release(_) => {
                (self.transaction().map_or(&[], Transaction::initial_message), false)
            }
        }
    }

    /// The transaction of a procedure of 5GSM.
    pub(crate) fn transaction(&self) -> Option<&Transaction> {
        match self {
            Self::Establishment(establishment) => Some(&establishment.transaction),
            Self::Modification(modification) => Some(&modification.transaction),
            Self::Release(release) => Some(&release.transaction),
            Self::Registration(_) | Self::Deregistration(_) | Self::ServiceRequest(_) => None,
        }
    }

    pub(crate) fn transaction_mut(&mut self) -> Option<&mut Transaction> {
        match self {
            Self::Establishment(establishment) => Some(&mut establishment.transaction),
            Self::Modification(modification) => Some(&mut modification.transaction),
            Self::Release(release) => Some(&mut release.transaction),
            Self::Registration(_) | Self::Deregistration(_) | Self::ServiceRequest(_) => None,
        }
    }

    /// Whether a SERVICE ACCEPT is awaited.
    pub(crate) fn expects_service_accept(&self) -> bool {
        matches!(self, Self::ServiceRequest(_))
            || self.transaction().is_some_and(Transaction::expects_service_accept)
    }

    fn heap_octets(&self) -> usize {
        self.initial_message().0.len() + self.transaction().map_or(0, Transaction::message_octets)
    }
}

impl Slot {
    pub(crate) fn is_free(&self) -> bool {
        self.0.is_none()
    }

    pub(crate) fn attempt(&mut self) -> Option<&mut Attempt> {
        self.0.as_deref_mut()
    }

    pub(crate) fn running(&self) -> Option<&Running> {
        self.0.as_deref().map(|attempt| &attempt.running)
    }

    pub(crate) fn running_mut(&mut self) -> Option<&mut Running> {
        self.0.as_deref_mut().map(|attempt| &mut attempt.running)
    }

    /// The timer that supervises the attempt.
    pub(crate) fn timer(&self) -> Option<Timer> {
        self.running().map(|running| running.timer().0)
    }

    /// Puts a procedure into the slot, which is free, and lets it begin. One that cannot ends at once.
    pub(crate) fn begin(&mut self, running: Running, ue: &mut Ue<'_>) {
        let attempt = self.0.insert(Box::new(Attempt { running, suspended: false, refused: None }));
        let step = attempt.running.begin(ue);
        if let Step::Done(outcome) = step {
            let procedure = attempt.running.procedure();
            self.0 = None;
            return ue.out.push(UeAction::Finished { procedure, outcome });
        }
        self.settle(step, ue);
    }

    /// Does what a step of the procedure comes to.
    pub(crate) fn settle(&mut self, step: Step, ue: &mut Ue<'_>) {
        let (outcome, next) = match step {
            Step::Stay => return,
            Step::Done(outcome) => return self.end(outcome, ue),
            Step::Then(outcome, next) => (outcome, next),
        };
        self.end(outcome, ue);
        match next {
            Next::ExpectRelease => ue.expect_release(),
            Next::LeaveCell => self.leave_cell(ue),
            Next::ReleaseSession(session, cause) => {
                ue.out.push(UeAction::Started(Procedure::PduSessionRelease));
                self.release_session(session, cause, ue);
            }
        }
    }

    /// Ends the attempt, if there is one.
    pub(crate) fn end(&mut self, outcome: Outcome, ue: &mut Ue<'_>) {
        let Some(attempt) = self.0.take() else { return };
        for timer in [attempt.running.timer().0, Timer::T3520] {
            ue.stop(timer);
        }
        ue.out.push(UeAction::Finished { procedure: attempt.running.procedure(), outcome });
    }

    /// Gives the attempt up, if there is one, as failed.
    pub(crate) fn give_up(&mut self, outcome: Outcome, ue: &mut Ue<'_>) {
        if let Some(attempt) = &mut self.0 {
            attempt.running.give_up(Counter::OneMore, ue);
        }
        self.end(outcome, ue);
    }

    /// The timer of the attempt ran out.
    pub(crate) fn expired(&mut self, timer: Timer, ue: &mut Ue<'_>) {
        let Some(running) = self.running_mut().filter(|running| running.timer().0 == timer) else { return };
        let step = running.expired(ue);
        self.settle(step, ue);
    }

    /// The connection was released, or never came to be. `false` where the attempt needs another at once.
    pub(crate) fn connection_lost(&mut self, refusal: Option<ConnectionRefusal>, ue: &mut Ue<'_>) -> bool {
        let Some(attempt) = &mut self.0 else { return true };
        let refused = attempt.refused;
        let mut outlives = false;
        if refusal.is_none()
            && refused.is_none()
            && let Some(transaction) = attempt.running.transaction_mut()
        {
            if transaction.may_resend() {
                let step = transaction.resend(ue);
                self.settle(step, ue);
                return false;
            }
            // The timer of the transaction runs on, and its expiry sends the message again (§6.4.1.6 and its like).
            outlives = ue.does_as_specified() && !transaction.expects_service_accept();
        }
        if !outlives {
            // What the UE refused is why the network releases it; that the RAN lost its AMF has nothing to do with it.
            let cause = refusal.map(Cause::Connection).or(refused).unwrap_or(Cause::ConnectionReleased);
            // §5.5.1.2.7 a), b).
            self.give_up(Outcome::Failed(cause), ue);
        }
        true
    }

    /// An AUTHENTICATION FAILURE stops the timer of the attempt (TS 24.501 §5.4.1.3.7).
    pub(crate) fn suspend(&mut self, cause: Cause, ue: &mut Ue<'_>) {
        let Some(attempt) = &mut self.0 else { return };
        attempt.suspended = true;
        attempt.refused = Some(cause);
        ue.stop(attempt.running.timer().0);
    }

    /// The network is genuine after all.
    pub(crate) fn resume(&mut self, ue: &mut Ue<'_>) {
        let Some(attempt) = &mut self.0 else { return };
        attempt.refused = None;
        if std::mem::take(&mut attempt.suspended) {
            let (timer, duration) = attempt.running.timer();
            ue.set(timer, duration);
        }
    }

    // What a message of 5GSM is about.

    /// Whether a message of the network answers the transaction of this procedure that runs.
    pub(crate) fn is_answer(&self, procedure: Procedure, session: SessionId, pti: u8) -> bool {
        self.transaction_of(procedure).is_some_and(|transaction| transaction.is_answered_by(session, pti))
    }

    /// Whether this procedure runs about this session, whatever its PTI.
    pub(crate) fn is_about(&self, procedure: Procedure, session: SessionId) -> bool {
        self.transaction_of(procedure).is_some_and(|transaction| transaction.session() == session)
    }

    fn transaction_of(&self, procedure: Procedure) -> Option<&Transaction> {
        let running = self.running().filter(|running| running.procedure() == procedure)?;
        running.transaction()
    }

    pub(crate) fn heap_octets(&self) -> usize {
        self.0.as_ref().map_or(0, |attempt| size_of::<Attempt>() + attempt.running.heap_octets())
    }
}
