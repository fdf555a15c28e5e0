//! What is under way when a shard starts nothing more: it may end until a time, and then it is given up for a reason.

use std::time::{Duration, Instant};

use signalling::Timer;

use super::ending::Ending;
use crate::measure::PartSet;
use crate::shard::ShardRunner;

impl ShardRunner {
    /// Starts nothing more. What is in flight may end until `until`; then it is abandoned for this reason.
    /// What a shard that is to be exported has not started stays planned all the same.
    pub fn drain(&mut self, reason: &str, now: Instant, until: Instant) {
        if self.ending == Ending::Settling {
            self.end = self.end.map(|end| end.min(until));
        }
        if self.ending != Ending::Running || self.unbegun {
            return;
        }
        if self.start.is_none() && self.takeover.is_none() {
            return self.never_begin(reason, now);
        }
        for (procedure, left) in self.pacer.cancel() {
            self.recorder.never_started(procedure.name(), PartSet::default(), reason, left);
        }
        self.duration = Duration::ZERO;
        self.end = Some(until);
        self.drained = Some(reason.to_owned());
        self.start.get_or_insert(now);
    }

    /// The run does not begin, or not here. What has been said with the core so far is reported; what becomes of what is
    /// planned is the business of who planned it.
    pub fn never_begin(&mut self, reason: &str, now: Instant) {
        if self.ending != Ending::Running || self.unbegun {
            return;
        }
        self.unbegun = true;
        self.pacer.stop();
        self.takeover = None;
        self.duration = Duration::ZERO;
        (self.start, self.end) = (Some(now), Some(now));
        self.drained = Some(reason.to_owned());
    }

    /// What is in flight is given up by now.
    pub(in crate::shard) fn is_over(&self, now: Instant) -> bool {
        self.paused.is_none() && self.end.is_some_and(|end| end <= now)
    }

    pub(in crate::shard) fn reason_to_end(&self) -> String {
        self.drained.clone().unwrap_or_else(|| END_OF_RUN.to_owned())
    }

    pub(in crate::shard) fn abandon(&mut self) {
        self.abandon_here();
        self.give_up_abroad(None, &self.reason_to_end());
    }

    pub(in crate::shard) fn abandon_here(&mut self) {
        let timers = &self.ue_timers;
        let reason = |ue| match &self.drained {
            Some(reason) => reason.clone(),
            None => unanswered(|timer| timers.expires((ue, timer)).is_some()),
        };
        for (ue, reason) in self.attempts.abandon_all(reason, &mut self.recorder) {
            self.tracer.failed(ue, format!("abandoned: {reason}"));
        }
        self.preludes.clear();
    }
}

/// Why an attempt is given up at the end of the run: by the timer that would have ended it, which the drain was too short for.
fn unanswered(runs: impl Fn(Timer) -> bool) -> String {
    match SUPERVISING.into_iter().find(|timer| runs(*timer)) {
        Some(timer) => format!("{END_OF_RUN}-unanswered-{}", timer.as_str()),
        None => END_OF_RUN.to_owned(),
    }
}

/// The timers that end an attempt which is not answered (TS 24.501 Tables 10.2.1 and 10.3.1).
const SUPERVISING: [Timer; 7] =
    [Timer::T3510, Timer::T3517, Timer::T3521, Timer::T3520, Timer::T3580, Timer::T3581, Timer::T3582];
const END_OF_RUN: &str = "end-of-run";
