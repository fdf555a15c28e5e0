//! For the project's benches only: the pacer of one shard, driven as a shard drives it.

use std::time::Instant;

use scenarios::Schedule;

use crate::campaign::Pacer;

/// The pacer of one shard.
pub struct ShardPacer(Pacer);

impl ShardPacer {
    /// Of these schedules, from their beginning.
    pub fn new(schedules: Vec<Schedule>) -> Self {
        Self(Pacer::new(schedules, &[]))
    }

    /// Time zero of the schedules.
    pub fn start(&mut self, at: Instant) {
        self.0.start(at);
    }

    /// When the next attempt is due.
    pub fn next_due(&self) -> Option<Instant> {
        self.0.next_due()
    }

    /// When the next attempt was due, if it is by now.
    pub fn pop_due(&mut self, now: Instant) -> Option<Instant> {
        self.0.pop_due(now).map(|attempt| attempt.due)
    }
}
