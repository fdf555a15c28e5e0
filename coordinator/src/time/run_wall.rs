//! A time of the run by the wall clock, which goes on while the run's own clock stands still.

use serde::{Deserialize, Serialize};

/// When the run began, and when its clock stood still.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunWall {
    /// The run's start, UNIX time in µs; 0 before it.
    start_us: u64,
    /// When the run's clock stood still, and how long, µs.
    pauses: Vec<(u64, u64)>,
}

impl RunWall {
    /// The run begins, by the wall clock.
    pub(crate) fn starts(&mut self, wall_us: u64) {
        self.start_us = wall_us;
    }

    /// The run's clock stands still.
    pub(crate) fn pauses(&mut self, run_us: u64) {
        self.pauses.push((run_us, 0));
    }

    /// It goes on.
    pub(crate) fn goes_on(&mut self, paused_us: u64) {
        if let Some((_, lasted)) = self.pauses.last_mut() {
            *lasted = paused_us;
        }
    }

    /// A time of the run, µs since its start, as UNIX time in µs.
    pub(crate) fn of(&self, run_us: u64) -> u64 {
        let stood = self.pauses.iter().take_while(|(at, _)| *at < run_us);
        let stood = stood.fold(0u64, |sum, (_, lasted)| sum.saturating_add(*lasted));
        self.start_us.saturating_add(run_us).saturating_add(stood)
    }
}
