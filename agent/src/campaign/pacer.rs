//! When the next attempt is due, from the schedule alone: open load never waits for answers.

use std::time::{Duration, Instant};

use scenarios::{Due, Procedure, Schedule};

/// The schedules of one shard, merged in order of time.
pub(crate) struct Pacer {
    loads: Vec<Load>,
    start: Option<Instant>,
    /// Nothing is due any more.
    stopped: bool,
    /// Nothing is due from then on, until the clock goes on.
    halted: Option<Instant>,
    /// What was due before is due then.
    shifted_to: Option<Instant>,
}

struct Load {
    procedure: Procedure,
    schedule: Schedule,
    next: Option<Due>,
    planned: u64,
    passed: u64,
}

/// An attempt whose time has come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DueAttempt {
    pub(crate) procedure: Procedure,
    /// The load's place in the scenario.
    pub(crate) load: usize,
    /// Its number within the shard's part of its load.
    pub(crate) index: u64,
    /// When it should have left.
    pub(crate) due: Instant,
    /// It was due when nobody held the shard, and its time was moved.
    pub(crate) shifted: bool,
}

impl Pacer {
    /// The schedules, each from the index in `resume_at` on (0 where there is none).
    pub(crate) fn new(schedules: Vec<Schedule>, resume_at: &[u64]) -> Self {
        let loads = schedules
            .into_iter()
            .enumerate()
            .map(|(number, mut schedule)| {
                let passed = resume_at.get(number).copied().unwrap_or(0);
                if passed > 0 {
                    schedule.skip_to(passed);
                }
                let (procedure, planned) = (schedule.procedure(), schedule.planned());
                let next = schedule.next();
                Load { procedure, schedule, next, planned, passed }
            })
            .collect();
        Self { loads, start: None, stopped: false, halted: None, shifted_to: None }
    }

    /// Time zero of the schedules.
    pub(crate) fn start(&mut self, at: Instant) {
        self.start = Some(at);
    }

    /// What came due before this instant, while nobody held the shard, is due then.
    pub(crate) fn shift_to(&mut self, at: Instant) {
        self.shifted_to = Some(at);
    }

    /// Nothing is due any more; what is not started stays planned, for another holder of the shard.
    pub(crate) fn stop(&mut self) {
        self.stopped = true;
    }

    /// The clock of the schedules stands still from this instant on.
    pub(crate) fn halt_at(&mut self, at: Instant) {
        self.halted.get_or_insert(at);
    }

    /// The clock goes on after so long.
    pub(crate) fn go_on(&mut self, paused: Duration) {
        self.halted = None;
        self.start = self.start.map(|start| start + paused);
    }

    /// When the next attempt is due. `None` before the start and after the last.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        if self.stopped {
            return None;
        }
        let due = self.start? + self.soonest()?.1;
        self.halted.is_none_or(|at| due < at).then_some(due)
    }

    /// The next attempt that is due by `now`.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<DueAttempt> {
        let due = self.next_due().filter(|due| *due <= now)?;
        let (number, _) = self.soonest()?;
        let load = self.loads.get_mut(number)?;
        let index = load.next.take()?.index;
        load.next = load.schedule.next();
        load.passed += 1;
        let shifted = self.shifted_to.is_some_and(|to| due < to);
        let due = self.shifted_to.map_or(due, |to| due.max(to));
        Some(DueAttempt { procedure: load.procedure, load: number, index, due, shifted })
    }

    /// How many attempts are due by this instant, and not started.
    pub(crate) fn waiting(&self, at: Instant) -> u64 {
        let at = self.halted.map_or(at, |halted| at.min(halted));
        let Some(at) = self.start.and_then(|start| at.checked_duration_since(start)) else { return 0 };
        let loads = self.loads.iter().filter(|_| !self.stopped);
        loads.map(|load| load.schedule.first_at_or_after(at).saturating_sub(load.passed)).sum()
    }

    /// How many attempts of each load are started, or accounted for otherwise.
    pub(crate) fn progress(&self) -> Vec<u64> {
        self.loads.iter().map(|load| load.passed).collect()
    }

    /// Makes nothing due any more. Returns how many attempts of each load that leaves unstarted; they count as passed, for
    /// they are accounted for.
    pub(crate) fn cancel(&mut self) -> Vec<(Procedure, u64)> {
        self.loads
            .iter_mut()
            .map(|load| {
                let left = load.planned.saturating_sub(load.passed);
                (load.next, load.passed) = (None, load.planned);
                (load.procedure, left)
            })
            .collect()
    }

    /// Nothing will become due any more.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.loads.iter().all(|load| load.next.is_none())
    }

    fn soonest(&self) -> Option<(usize, Duration)> {
        let next = self.loads.iter().enumerate();
        next.filter_map(|(number, load)| Some((number, load.next.as_ref()?.at))).min_by_key(|&(_, at)| at)
    }
}
