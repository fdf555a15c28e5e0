//! A shard is taken over in the middle of the run: where its last holder left it, or where it was when that one was lost.

use std::time::Instant;

use billing::Closing;
use signalling::{Outcome, Procedure, ReleaseCause, Timer, UeEvent};

use super::export::Newcomer;
use crate::ran::Presence;
use crate::shard::{ShardAction, ShardRunner};
use crate::transfer::{SessionContext, Task};

impl ShardRunner {
    /// Once, at the first instant of a run that goes on already.
    pub(in crate::shard) fn take_over(&mut self, now: Instant, out: &mut Vec<ShardAction>) {
        let Some(start) = self.start.filter(|start| *start <= now) else { return };
        let Some(takeover) = self.takeover.take() else { return };
        self.pacer.shift_to(now);
        if takeover.batches > 0 {
            self.begin_adopted(now, out);
        }
        if !self.arrived.is_complete() || takeover.batches == 0 {
            self.handovers.taken.lost_before(takeover.from_us);
        }
        self.take_over_impairments(start, now, out);
        let count = u32::try_from(takeover.registered).unwrap_or(u32::MAX).min(self.population.home());
        for ue in 0..count {
            if let Some(slot) = self.population.slot(ue) {
                slot.recovers = true;
            }
        }
        self.recovery.begin(0..count, takeover.sessions.min(u64::from(count)), now);
    }

    fn begin_adopted(&mut self, now: Instant, out: &mut Vec<ShardAction>) {
        if !self.arrived.is_complete() {
            self.recorder.unexpected("ue-batch-missing");
        }
        let queues = self.arrived.take_queues();
        self.population.restore_queues(&queues);
        for Newcomer { ue, timers, session_contexts, recovers } in std::mem::take(&mut self.arrived.ues) {
            if self.population.peek(ue).is_none_or(|slot| slot.presence != Presence::Here) {
                // A visiting UE whose home was lost meanwhile.
                continue;
            }
            self.arm(ue, &timers, now);
            self.bring_sessions(ue, &session_contexts, now);
            if let Some(task) = recovers {
                self.recovery.go_on(ue, task, now);
            }
            // Its connection has gone with the association of its gNB.
            if self.population.peek(ue).is_some_and(|slot| slot.ue.is_connected()) {
                self.ue(ue, UeEvent::ConnectionReleased, now, out);
            }
        }
        self.population.all_have_arrived(now);
        self.taken_over = Some(now);
        for ue in self.population.visitors_that(|home| self.losses.hit(home)) {
            self.give_visitor_up(ue, now);
        }
    }

    /// The sessions of a UE go on, with a part that begins here and without a user plane.
    fn bring_sessions(&mut self, ue: u32, session_contexts: &[SessionContext], now: Instant) {
        let Some(slot) = self.population.peek(ue) else { return };
        let (gnb, supi) = (slot.gnb, slot.ue.imsi());
        let sessions: Vec<_> = slot.ue.sessions().map(|session| (supi, session.clone())).collect();
        if let (false, Some(network)) = (sessions.is_empty(), self.population.plmn_of(gnb)) {
            self.user_plane.arrive(ue, &sessions, session_contexts, gnb, network, now);
            self.throttle_as_cell(ue, now);
        }
    }

    // Recovery.

    pub(in crate::shard) fn recover(&mut self, now: Instant, out: &mut Vec<ShardAction>) {
        while let Some((ue, task)) = self.recovery.pop_due(now) {
            let slot = self.population.peek(ue);
            let (registered, idle) =
                slot.map_or((false, false), |slot| (slot.ue.is_registered(), slot.ue.is_idle_for_attempts()));
            match task {
                Task::Register if idle && !registered => {
                    self.ue(ue, UeEvent::Start(Procedure::Registration), now, out);
                }
                Task::EstablishSession if idle && registered => {
                    let supi = self.population.imsi(ue);
                    match supi.and_then(|supi| self.user_plane.request(ue, supi)) {
                        Some(request) => self.ue(ue, UeEvent::EstablishSession(&request), now, out),
                        None => self.end_recovery(ue, false),
                    }
                }
                _ => self.end_recovery(ue, false),
            }
        }
    }

    /// A procedure of a UE has ended that was its recovery. `false` where it was not.
    pub(in crate::shard) fn recovered(&mut self, ue: u32, procedure: Procedure, outcome: &Outcome) -> bool {
        let is_it = match self.recovery.task_of(ue) {
            Some(Task::Register) => procedure == Procedure::Registration,
            Some(Task::EstablishSession) => procedure == Procedure::PduSession,
            None => false,
        };
        if is_it {
            let succeeded = *outcome == Outcome::Succeeded;
            if !succeeded && procedure == Procedure::Registration {
                // It does not try again by itself: that would be in the load's account.
                self.population.start_over(ue);
                Timer::ALL.into_iter().for_each(|timer| self.ue_timers.stop((ue, timer)));
            }
            self.end_recovery(ue, succeeded);
        }
        is_it
    }

    fn end_recovery(&mut self, ue: u32, succeeded: bool) {
        let goes_on = self.recovery.ended(ue, succeeded);
        if let Some(slot) = self.population.slot(ue) {
            slot.recovers = goes_on;
        }
        if !goes_on {
            self.enqueue_ready(ue);
        }
    }

    // Visiting UEs whose home was lost.

    pub(in crate::shard) fn give_visitor_up(&mut self, ue: u32, now: Instant) {
        let Some(slot) = self.population.peek(ue) else { return };
        if slot.presence != Presence::Here {
            return;
        }
        if slot.ue.is_registered() {
            self.registered = self.registered.saturating_sub(1);
        }
        let sessions: Vec<_> = slot.ue.sessions().map(|session| session.id).collect();
        self.handovers.end_departure(ue);
        self.attempts.abandon_with(ue, "agent-lost", &mut self.recorder);
        self.preludes.remove(&ue);
        for id in sessions {
            self.user_plane.session_down(ue, id, Closing::Deregistered, now);
        }
        if let Some(gnb) = self.access.disconnect(ue) {
            self.ask_for_release(ue, gnb, now);
        }
        Timer::ALL.into_iter().for_each(|timer| self.ue_timers.stop((ue, timer)));
        self.population.leave(ue);
        self.population.forget(ue);
    }

    pub(in crate::shard) fn ask_for_release(&mut self, ue: u32, gnb: u16, now: Instant) {
        let mut out = Vec::new();
        self.request_release(ue, gnb, ReleaseCause::RadioConnectionLost, now, &mut out);
        self.unsent.append(&mut out);
    }
}
