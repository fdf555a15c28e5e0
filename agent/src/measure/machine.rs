//! What the agent's host gave it during a run: its threads' place in the queue, and who had the processors.

use std::time::{SystemTime, UNIX_EPOCH};

use host::{Granted, Meter, Spent};
use wire::to_coordinator::{MachineReport, ProcessorTime};

use crate::time::micros;

/// The host's figures from the run's start on.
pub(crate) struct Machine {
    meter: Option<Meter>,
    begun: bool,
    granted: Vec<Option<Granted>>,
    set_back_before: u64,
    run: ProcessorTime,
    late: ProcessorTime,
}

impl Machine {
    pub(crate) fn new(workers: usize) -> Self {
        Self {
            meter: Meter::start(),
            begun: false,
            granted: vec![None; workers],
            set_back_before: host::set_back(),
            run: ProcessorTime::default(),
            late: ProcessorTime::default(),
        }
    }

    /// The run starts, once.
    pub(crate) fn begin(&mut self) {
        if !std::mem::replace(&mut self.begun, true) {
            self.set_back_before = host::set_back();
            if let Some(meter) = &mut self.meter {
                meter.lap();
            }
        }
    }

    /// What the thread of a worker got.
    pub(crate) fn granted(&mut self, worker: usize, granted: Granted) {
        if let Some(known) = self.granted.get_mut(worker) {
            *known = Some(granted);
        }
    }

    /// The figures since the run's start; `late` says whether attempts left too late since the last lap.
    pub(crate) fn lap(&mut self, late: bool) -> MachineReport {
        let spent = self.meter.as_mut().filter(|_| self.begun).map(Meter::lap);
        if let Some(spent) = spent {
            add(&mut self.run, spent);
            if late {
                add(&mut self.late, spent);
            }
        }
        let identity = host::identity();
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        MachineReport {
            host: identity.host,
            process: identity.process,
            // The least of them: a run is as late as its latest worker.
            priority: self
                .granted
                .iter()
                .flatten()
                .min()
                .map(|granted| granted.as_str().to_owned())
                .unwrap_or_default(),
            set_back: host::set_back().saturating_sub(self.set_back_before),
            processors: self.meter.as_ref().map_or(0, Meter::processors),
            run: self.run,
            late: self.late,
            wall_us: micros(wall),
        }
    }
}

fn add(sum: &mut ProcessorTime, spent: Spent) {
    sum.own_us += micros(spent.own);
    sum.others_us += micros(spent.others);
    sum.stolen_us += micros(spent.stolen);
    sum.idle_us += micros(spent.idle);
    sum.held_back_us += micros(spent.held_back);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_spent_since_the_start_counts_and_lateness_has_its_own_sum() {
        let mut machine = Machine::new(2);
        let before = machine.lap(true);
        assert_eq!((before.run, before.late), Default::default());
        machine.begin();
        machine.granted(0, Granted::RealTime);
        machine.granted(1, Granted::Slice);
        // Processor time is what ends it, not the wall clock.
        let started = host::thread_time();
        while host::thread_time() < started + std::time::Duration::from_millis(20) {}
        let punctual = machine.lap(false);
        assert!(punctual.run.own_us >= 20_000, "{punctual:?}");
        assert_eq!((punctual.late, punctual.priority.as_str()), (ProcessorTime::default(), "slice"));
        assert_eq!(machine.lap(true).host, host::identity().host);
    }
}
