//! How what a UE began ends: timers that run out, connections that go, attempts that finish.

use identity::Procedure;

use super::ue::{Out, Ue, UeAction};
use crate::common::timers::{self, Timer};
use crate::nas5g::attempt::Kind;
use crate::nas5g::procedures::reject::Counter;
use crate::nas5g::procedures::service_request;
use crate::outcome::{Cause, ConnectionRefusal, Outcome};
use crate::settings::{Context, Retry};

impl Ue {
    /// A timer ran out.
    pub(crate) fn expired(&mut self, timer: Timer, context: &mut Context<'_>, out: &mut Out) {
        match timer {
            // §5.5.1.2.7 c), §5.5.1.3.7 c).
            Timer::T3510 => {
                self.fail_attempt(Outcome::TimedOut(timer), Counter::OneMore, context, out);
                self.nas.release(out);
                self.go_idle(context, out);
            }
            Timer::T3517 => {
                self.end_attempt(Outcome::TimedOut(timer), out);
                if self.perseverance.service_failed() >= service_request::MAX_ATTEMPTS
                    && context.settings.retry == Retry::AsSpecified
                {
                    self.nas.set(Timer::T3525, timers::T3525_DEFAULT, out);
                }
                self.nas.release(out);
                self.go_idle(context, out);
            }
            Timer::T3521 => self.deregistration_unanswered(context, out),
            Timer::T3520 => self.network_is_not_genuine(Outcome::TimedOut(timer), context, out),
            Timer::T3519 => self.suci = None,
            Timer::T3516 => {}
            Timer::T3580 | Timer::T3581 | Timer::T3582 => self.transaction_unanswered(timer, out),
            Timer::T3396 => self.sessions.backed_off = None,
            Timer::T3525 => self.perseverance.service_succeeded(),
            // §5.3.1.3: the UE releases the connection locally.
            Timer::T3540 => {
                self.nas.release(out);
                self.go_idle(context, out);
            }
            Timer::T3512 => self.begin_by_itself(Procedure::PeriodicRegistrationUpdate, context, out),
            Timer::T3511 | Timer::T3502 | Timer::T3346 => {
                if let Some(procedure) = self.perseverance.again.take() {
                    self.begin_by_itself(procedure, context, out);
                }
            }
        }
    }

    /// The connection was released, or never came to be.
    pub(crate) fn connection_lost(
        &mut self,
        refusal: Option<ConnectionRefusal>,
        context: &mut Context<'_>,
        out: &mut Out,
    ) {
        if !self.nas.connected {
            return;
        }
        if refusal.is_none() && self.resend_after_release(out) {
            return;
        }
        // What the UE refused is why the network releases it; that the RAN lost its AMF has nothing to do with it.
        let cause = |refused: Option<Cause>| {
            refusal.map(Cause::Connection).or(refused).unwrap_or(Cause::ConnectionReleased)
        };
        match self.attempt.as_ref().map(|attempt| (attempt.kind, cause(attempt.refused))) {
            // §5.5.1.2.7 a), b).
            Some((Kind::Registration, cause)) => {
                self.fail_attempt(Outcome::Failed(cause), Counter::OneMore, context, out);
            }
            // §5.5.2.2.6 b): the UE is de-registered all the same.
            Some((Kind::Deregistration { .. }, cause)) => {
                self.leave_registered(out);
                self.end_attempt(Outcome::Failed(cause), out);
            }
            Some((Kind::ServiceRequest, cause)) => self.end_attempt(Outcome::Failed(cause), out),
            // The timer of the transaction runs on, and its expiry sends the message again (§6.4.1.6 and its like).
            Some((Kind::Session(_), _)) if refusal.is_none() && self.transaction_outlives(context) => {}
            Some((Kind::Session(_), cause)) => self.end_attempt(Outcome::Failed(cause), out),
            None => {}
        }
        self.go_idle(context, out);
    }

    /// 5GMM-IDLE: T3512 runs (§5.3.7), and what the network asked for begins.
    pub(crate) fn go_idle(&mut self, context: &mut Context<'_>, out: &mut Out) {
        self.nas.lose(out);
        self.authenticating = None;
        if self.registered
            && let Some(t3512) = context.settings.t3512.or(self.area.t3512)
        {
            self.nas.set(Timer::T3512, t3512, out);
        }
        if let Some(procedure) = self.after_release.take() {
            self.begin_by_itself(procedure, context, out);
        }
    }

    /// 5GMM-DEREGISTERED: the PDU sessions are released locally (§6.1.4.1).
    pub(crate) fn leave_registered(&mut self, out: &mut Out) {
        self.registered = false;
        self.moved = false;
        self.nas.stop(Timer::T3512, out);
        self.sessions.release_all(out);
    }

    /// Ends the attempt, if there is one.
    pub(crate) fn end_attempt(&mut self, outcome: Outcome, out: &mut Out) {
        let Some(attempt) = self.attempt.take() else { return };
        for timer in [attempt.timer().0, Timer::T3520] {
            self.nas.stop(timer, out);
        }
        out.push(UeAction::Finished { procedure: attempt.procedure, outcome });
    }

    /// Ends a registration that failed, and arranges the next as TS 24.501 §5.5.1.2.7 and §5.5.1.3.7 have it.
    pub(crate) fn fail_attempt(
        &mut self,
        outcome: Outcome,
        counter: Counter,
        context: &Context<'_>,
        out: &mut Out,
    ) {
        let Some(attempt) = &self.attempt else { return };
        let (procedure, kind) = (attempt.procedure, attempt.kind);
        self.end_attempt(outcome, out);
        if kind != Kind::Registration {
            if matches!(kind, Kind::Deregistration { .. }) {
                self.leave_registered(out);
            }
            return;
        }
        let exhausted = self.perseverance.failed(counter);
        if exhausted {
            self.area.forget();
            self.nas.context = None;
            self.leave_registered(out);
        }
        if context.settings.retry == Retry::Never {
            return;
        }
        let again = if self.registered { procedure } else { Procedure::RegistrationRetry };
        if self.nas.running.contains(Timer::T3346) {
            self.perseverance.again = Some(again);
        } else if counter != Counter::Reset {
            self.perseverance.again = Some(again);
            let (timer, duration) =
                if exhausted { (Timer::T3502, self.area.t3502) } else { (Timer::T3511, timers::T3511) };
            self.nas.set(timer, duration, out);
        }
    }

    /// An AUTHENTICATION FAILURE stops the timer of the attempt (TS 24.501 §5.4.1.3.7).
    pub(crate) fn suspend_attempt(&mut self, cause: Cause, out: &mut Out) {
        let Some(attempt) = &mut self.attempt else { return };
        attempt.suspended = true;
        attempt.refused = Some(cause);
        let timer = attempt.timer().0;
        self.nas.stop(timer, out);
    }

    pub(crate) fn resume_attempt(&mut self, out: &mut Out) {
        let Some(attempt) = &mut self.attempt else { return };
        attempt.refused = None;
        if !std::mem::take(&mut attempt.suspended) {
            return;
        }
        let (timer, duration) = attempt.timer();
        self.nas.set(timer, duration, out);
    }
}
