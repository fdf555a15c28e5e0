//! Times in which the process did not run, and what they cost the shard: the clock has gone on, what was due meanwhile is late, and
//! how anything ended that was under way says nothing.

use std::time::{Duration, Instant};

use wire::to_coordinator::{MOST_STANDSTILLS, Standstill};

use crate::time::{ScheduleClock, micros};

/// The standstills that no report has told yet: the longest, where they are many.
#[derive(Default)]
pub(super) struct Standstills(Vec<StoodStill>);

/// A time in which the process did not run, and what it cost the shard.
pub(super) struct StoodStill {
    pub(super) until: Instant,
    pub(super) lasted: Duration,
    pub(super) under_way: u64,
    pub(super) came_due: u64,
}

impl Standstills {
    pub(super) fn push(&mut self, stood: StoodStill) {
        if self.0.len() < MOST_STANDSTILLS {
            self.0.push(stood);
        } else if let Some(shortest) = self.0.iter_mut().min_by_key(|stood| stood.lasted)
            && shortest.lasted < stood.lasted
        {
            *shortest = stood;
        }
    }

    pub(super) fn take(&mut self, clock: ScheduleClock) -> Vec<Standstill> {
        let stood = std::mem::take(&mut self.0).into_iter();
        let stood = stood.map(|StoodStill { until, lasted, under_way, came_due }| Standstill {
            until_us: clock.us(until),
            for_us: micros(lasted),
            under_way,
            came_due,
        });
        stood.collect()
    }
}
