//! An agent that has to go: how long it waits for its shards to be handed over.

use std::time::{Duration, Instant};

use wire::to_coordinator::ToCoordinator;

/// The agent was interrupted.
#[derive(Debug)]
pub(super) struct Departure {
    reason: String,
    /// When its host goes.
    deadline: Option<Instant>,
    /// Without any progress until then nobody takes the shards over.
    patient_until: Instant,
    patience: Duration,
    /// It ends its shards itself, as nobody took them.
    pub(super) alone: bool,
}

impl Departure {
    pub(super) fn new(reason: String, within: Option<Duration>, patience: Duration, now: Instant) -> Self {
        let deadline = within.and_then(|within| now.checked_add(within));
        Self { reason, deadline, patient_until: now + patience, patience, alone: false }
    }

    /// Another notice: the earlier deadline counts.
    pub(super) fn again(&mut self, reason: String, within: Option<Duration>, now: Instant) {
        let deadline = within.and_then(|within| now.checked_add(within));
        self.deadline = [self.deadline, deadline].into_iter().flatten().min();
        self.reason = reason;
    }

    pub(super) fn reason(&self) -> &str {
        &self.reason
    }

    pub(super) fn message(&self, now: Instant) -> ToCoordinator {
        let left = self.deadline.map(|deadline| deadline.saturating_duration_since(now));
        ToCoordinator::Draining { reason: self.reason.clone(), within_us: left.map(crate::time::micros) }
    }

    /// Somebody takes shards over, or the connection is new.
    pub(super) fn progressed(&mut self, now: Instant) {
        self.patient_until = now + self.patience;
    }

    /// How long a shard may settle: a quarter of what is left, so that reports and UEs still get through.
    pub(super) fn shorten(&self, settle: Duration, now: Instant) -> Duration {
        self.deadline.map_or(settle, |deadline| settle.min(deadline.saturating_duration_since(now) / 4))
    }

    pub(super) fn is_out_of_time(&self, now: Instant) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= now)
    }

    /// Nobody takes the shards, and there is time to end them in order. With a deadline they are left to a takeover
    /// instead: that skips no start.
    pub(super) fn is_left_alone(&self, now: Instant) -> bool {
        !self.alone && self.deadline.is_none() && self.patient_until <= now
    }

    pub(super) fn next_deadline(&self, connected: bool) -> Option<Instant> {
        let patience = (connected && !self.alone && self.deadline.is_none()).then_some(self.patient_until);
        self.deadline.into_iter().chain(patience).min()
    }
}
