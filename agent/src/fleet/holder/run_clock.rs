//! When the run began by the agent's own clock, and how long it has stood still since.

use std::time::{Duration, Instant};

use crate::worker::Order;

/// The clock of the run, once it has started. Known for shards that come later.
#[derive(Clone, Debug)]
pub(super) struct RunClock {
    at: Instant,
    wall_us: u64,
    paused_at: Option<Instant>,
    /// In the pauses that have ended.
    paused: Duration,
}

impl RunClock {
    pub(super) fn new(at: Instant, wall_us: u64, paused_at: Option<Instant>) -> Self {
        Self { at, wall_us, paused_at, paused: Duration::ZERO }
    }

    /// False when it stands still already.
    pub(super) fn pause(&mut self, at: Instant) -> bool {
        let goes = self.paused_at.is_none();
        self.paused_at.get_or_insert(at);
        goes
    }

    pub(super) fn is_paused(&self) -> bool {
        self.paused_at.is_some()
    }

    /// Time zero moves by the pause. False when the clock did not stand still.
    pub(super) fn resume(&mut self, paused: Duration) -> bool {
        if self.paused_at.take().is_none() {
            return false;
        }
        self.at += paused;
        self.paused += paused;
        self.wall_us = self.wall_us.saturating_add(crate::time::micros(paused));
        true
    }

    /// How long it stood still, before the present pause, µs.
    pub(super) fn paused_us(&self) -> u64 {
        crate::time::micros(self.paused)
    }

    /// What a shard is told that begins now.
    pub(super) fn start(&self) -> Order {
        Order::Start { at: self.at, wall_us: self.wall_us, paused: self.paused_at }
    }
}
