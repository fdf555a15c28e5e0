//! The clock of a shard's schedules: it begins with the run, and stands still where the run does.

use std::time::{Duration, Instant};

use super::micros;

/// When the schedules began, by the clock of this process, and since when they stand still.
#[derive(Clone, Copy, Debug, Default)]
pub struct ScheduleClock {
    /// Time zero of the schedules.
    pub(crate) start: Option<Instant>,
    /// They stand still since then.
    pub(crate) paused: Option<Instant>,
    /// The run was over for this shard before it began: no time of the run passes here.
    pub(crate) unbegun: bool,
}

impl ScheduleClock {
    /// Time zero of the schedules.
    pub fn start(&self) -> Option<Instant> {
        self.start
    }

    /// What the clock shows: the instant at which it stands still, where it does.
    pub fn of_run(&self, now: Instant) -> Instant {
        self.paused.map_or(now, |at| at.min(now))
    }

    /// How far behind the beginning an instant lies, whether the clock stands still or not; nothing before there is one.
    pub(crate) fn since_start(&self, at: Instant) -> Duration {
        self.start.map(|start| at.saturating_duration_since(start)).unwrap_or_default()
    }

    /// How far the schedules have come. `None` before their beginning, and where they never begin.
    pub fn elapsed(&self, now: Instant) -> Option<Duration> {
        let start = self.start.filter(|_| !self.unbegun)?;
        self.of_run(now).checked_duration_since(start)
    }

    /// The same in µs; 0 before the beginning.
    pub fn us(&self, now: Instant) -> u64 {
        micros(self.elapsed(now).unwrap_or_default())
    }

    /// When something is due that lies so far behind the beginning. `None` before it, and where the clock stands still by then.
    pub fn at(&self, elapsed: Duration) -> Option<Instant> {
        let at = self.start.filter(|_| !self.unbegun)? + elapsed;
        self.reaches(at).then_some(at)
    }

    /// Whether the clock does not stand still before this instant.
    pub fn reaches(&self, at: Instant) -> bool {
        self.paused.is_none_or(|paused| at <= paused)
    }
}
