//! What the time is, by the clock that never steps.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::core::Moment;

/// Both clocks, from one start: the second follows the first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    started: Instant,
    started_us: u64,
}

impl Clock {
    /// It is `start`, or what the system says.
    pub(super) fn starting(start: Option<SystemTime>) -> Self {
        let start = start.unwrap_or_else(SystemTime::now);
        let since = start.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { started: Instant::now(), started_us: u64::try_from(since.as_micros()).unwrap_or(u64::MAX) }
    }

    pub(super) fn moment(&self) -> Moment {
        let now = Instant::now();
        let since = u64::try_from(now.duration_since(self.started).as_micros()).unwrap_or(u64::MAX);
        Moment { now, wall_us: self.started_us.saturating_add(since) }
    }
}
