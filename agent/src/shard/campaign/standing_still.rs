//! The run's clock stands still, and goes on: what is planned happens later, what is under way ends as ever. Or the process
//! stood still, and only says so: the clock has gone on, what was due meanwhile is late, and how
//! anything ended that was under way says nothing.

use std::time::{Duration, Instant};

use wire::to_coordinator::{MOST_STANDSTILLS, Standstill};

use super::ending::Ending;
use crate::shard::ShardRunner;
use crate::time::micros;

/// A time in which the process did not run, and what it cost the shard.
pub(in crate::shard) struct StoodStill {
    until: Instant,
    lasted: Duration,
    under_way: u64,
    came_due: u64,
}

impl ShardRunner {
    /// Nothing is due from this instant on, and the UEs' traffic rests.
    pub fn pause(&mut self, at: Instant) {
        self.paused.get_or_insert(at);
        self.pacer.halt_at(at);
        self.user_plane.stand_still();
    }

    /// The run's clock goes on at this instant, having stood still for so long: everything that is planned since the start
    /// of the run happens so much later. The wall clock of the usage records has gone on.
    pub fn resume(&mut self, at: Instant, paused: Duration) {
        if self.paused.take().is_none() {
            return;
        }
        self.start = self.start.map(|start| start + paused);
        if self.ending == Ending::Running {
            self.end = self.end.map(|end| end + paused);
        }
        self.pacer.go_on(paused);
        self.scheduled_actions.postpone(paused);
        self.user_plane.go_on(at);
    }

    /// The run's time, µs since its start; 0 before it.
    pub(in crate::shard) fn run_us(&self, now: Instant) -> u64 {
        let elapsed = self
            .start
            .filter(|_| !self.unbegun)
            .map(|start| self.of_run(now).saturating_duration_since(start));
        micros(elapsed.unwrap_or_default())
    }

    /// The process did not run for so long, until this instant: the next report says it.
    pub fn stood_still(&mut self, until: Instant, lasted: Duration) {
        let (under_way, came_due) = (self.attempts.disturb(), self.pacer.waiting(until));
        let stood = StoodStill { until, lasted, under_way, came_due };
        if self.standstills.len() < MOST_STANDSTILLS {
            self.standstills.push(stood);
        } else if let Some(shortest) = self.standstills.iter_mut().min_by_key(|stood| stood.lasted)
            && shortest.lasted < lasted
        {
            *shortest = stood;
        }
    }

    pub(in crate::shard) fn take_standstills(&mut self) -> Vec<Standstill> {
        let stood = std::mem::take(&mut self.standstills).into_iter();
        let stood = stood.map(|StoodStill { until, lasted, under_way, came_due }| Standstill {
            until_us: self.run_us(until),
            for_us: micros(lasted),
            under_way,
            came_due,
        });
        stood.collect()
    }

    /// What the run's clock shows: the instant at which it stands still, where it does.
    pub(in crate::shard) fn of_run(&self, now: Instant) -> Instant {
        self.paused.map_or(now, |at| at.min(now))
    }
}
