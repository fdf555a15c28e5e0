//! Counts and latencies of one procedure, over the whole run, over one second, or of one shard.

use std::collections::BTreeMap;

use results::{
    AGENT_LOST, AGENT_STOOD_STILL, KEPT_BACK, LEASE_LAPSED, OTHER_SHARD_AWAY, OTHER_SHARD_SILENT, OWN_REASONS,
};
use serde::{Deserialize, Serialize};
use wire::bounds::OTHER;
use wire::to_coordinator::ProcedureInterval;

use super::exactly_once::{Checked, Measurements};
use crate::histogram::{self, Histogram, Samples};

/// Attempts by what became of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// What came due.
    pub due: u64,
    /// What of it the UEs began by themselves: in no plan.
    pub self_started: u64,
    /// What was started.
    pub started: u64,
    /// Ended as wanted.
    pub succeeded: u64,
    /// Of these, those that nobody answers, so that they have no latency.
    pub unanswered: u64,
    /// Refused or broken off by the network, by cause.
    pub failed: BTreeMap<String, u64>,
    /// Ended by a timer, by timer.
    pub timed_out: BTreeMap<String, u64>,
    /// Given up by us, by reason.
    pub abandoned: BTreeMap<String, u64>,
    /// Never started, by reason.
    pub never_started: BTreeMap<String, u64>,
}

impl Counts {
    /// Adds what one interval brought. Sums saturate; `merge` refuses what could come near.
    pub fn add(&mut self, interval: &ProcedureInterval) {
        for (sum, more) in [
            (&mut self.due, interval.due),
            (&mut self.self_started, interval.self_started),
            (&mut self.started, interval.started),
            (&mut self.succeeded, interval.succeeded),
            (&mut self.unanswered, interval.unanswered),
        ] {
            *sum = sum.saturating_add(more);
        }
        for (sums, more) in [
            (&mut self.failed, &interval.failed),
            (&mut self.timed_out, &interval.timed_out),
            (&mut self.abandoned, &interval.abandoned),
            (&mut self.never_started, &interval.never_started),
        ] {
            more.iter().for_each(|(cause, n)| tally(sums, cause, *n));
        }
    }

    /// Adds those of another stretch of time.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (sum, more) in [
            (&mut self.due, other.due),
            (&mut self.self_started, other.self_started),
            (&mut self.started, other.started),
            (&mut self.succeeded, other.succeeded),
            (&mut self.unanswered, other.unanswered),
        ] {
            *sum = sum.saturating_add(more);
        }
        for (sums, more) in [
            (&mut self.failed, &other.failed),
            (&mut self.timed_out, &other.timed_out),
            (&mut self.abandoned, &other.abandoned),
            (&mut self.never_started, &other.never_started),
        ] {
            more.iter().for_each(|(cause, n)| tally(sums, cause, *n));
        }
    }

    /// Moves failures of this cause to those that say nothing about the target. Returns how many there were to move.
    pub(crate) fn excuse(&mut self, cause: &str, timed_out: bool, reason: &str, n: u64) -> u64 {
        let causes = if timed_out { &mut self.timed_out } else { &mut self.failed };
        let Some(counted) = causes.get_mut(cause) else { return 0 };
        let moved = n.min(*counted);
        *counted -= moved;
        if *counted == 0 {
            causes.remove(cause);
        }
        tally(&mut self.abandoned, reason, moved);
        moved
    }

    /// Attempts that the schedule made due: a UE's own leave when they are due.
    pub fn scheduled(&self) -> u64 {
        self.due.saturating_sub(self.self_started)
    }

    /// Attempts that started and ended.
    pub fn ended(&self) -> u64 {
        [sum(&self.failed), sum(&self.timed_out), sum(&self.abandoned)]
            .into_iter()
            .fold(self.succeeded, u64::saturating_add)
    }

    /// True when there were more distinct causes than are kept apart.
    pub(crate) fn is_folded(&self) -> bool {
        [&self.failed, &self.timed_out, &self.abandoned, &self.never_started]
            .iter()
            .any(|causes| causes.contains_key(OTHER))
    }

    /// Attempts with an outcome: ended, or never started.
    pub fn accounted(&self) -> u64 {
        self.ended().saturating_add(sum(&self.never_started))
    }

    /// Attempts that the target had a part in: all that ended, but those that the fleet or the UE gave up for reasons of
    /// its own.
    pub fn judged(&self) -> u64 {
        let own = OWN_REASONS.iter().chain(&KEPT_BACK).filter_map(|reason| self.abandoned.get(*reason));
        own.fold(self.ended(), |judged, n| judged.saturating_sub(*n))
    }

    /// Attempts that the fleet lost, or gave up for reasons of its own: nobody knows how they would have ended.
    pub(crate) fn lost_to_fleet(&self) -> u64 {
        let own = OWN_REASONS.iter().filter_map(|reason| self.abandoned.get(*reason));
        own.chain(self.never_started.get(AGENT_LOST)).fold(0, |sum, n| sum.saturating_add(*n))
    }

    /// Attempts that were lost with their agents, or by them, started or not.
    pub fn lost(&self) -> u64 {
        let lost = [
            self.abandoned.get(AGENT_LOST),
            self.abandoned.get(LEASE_LAPSED),
            self.abandoned.get(OTHER_SHARD_SILENT),
            self.abandoned.get(OTHER_SHARD_AWAY),
            self.abandoned.get(AGENT_STOOD_STILL),
            self.never_started.get(AGENT_LOST),
        ];
        lost.into_iter().flatten().fold(0, |sum, n| sum.saturating_add(*n))
    }
}

/// Counts, and the latencies of what succeeded.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProcedureFigures {
    /// Attempts by what became of them.
    pub counts: Counts,
    /// From the due time, µs.
    pub latency: Histogram,
    /// From the first octet, µs.
    pub service: Histogram,
    /// How late the attempts left that the schedule made due, µs.
    pub lateness: Histogram,
}

impl Default for ProcedureFigures {
    fn default() -> Self {
        Self {
            counts: Counts::default(),
            latency: histogram::empty(),
            service: histogram::empty(),
            lateness: histogram::empty(),
        }
    }
}

/// The samples of each phase by its name.
pub(crate) type PhaseSamples = Vec<(String, Samples)>;

impl ProcedureFigures {
    pub(crate) fn add(&mut self, interval: &ProcedureInterval, measured: &Measurements) {
        self.counts.add(interval);
        histogram::add(&mut self.latency, &measured.latency);
        histogram::add(&mut self.service, &measured.service);
        histogram::add(&mut self.lateness, &measured.lateness);
    }
}

impl ProcedureFigures {
    /// Adds those of another stretch of time.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.counts.merge(&other.counts);
        self.latency.add(&other.latency);
        self.service.add(&other.service);
        self.lateness.add(&other.lateness);
    }
}

/// Everything that is measured by procedure.
pub(crate) type Procedures = BTreeMap<String, ProcedureFigures>;

/// The figures of each part of the attempts that conditions are about, by its number.
pub(crate) type Parts = BTreeMap<u32, Procedures>;

/// Adds what a report counts apart.
pub(crate) fn add_parts(parts: &mut Parts, checked: &Checked) {
    for (part, measured) in checked.parts() {
        let procedures = parts.entry(part.part).or_default();
        procedures.entry(part.procedure.procedure.clone()).or_default().add(&part.procedure, measured);
    }
}

/// The sum over all causes.
pub(crate) fn sum(by_cause: &BTreeMap<String, u64>) -> u64 {
    by_cause.values().fold(0, |sum, n| sum.saturating_add(*n))
}

/// Counts `n` more of one cause. Causes come from peers: beyond a limit of distinct ones they count as `other`.
pub(crate) fn tally(sums: &mut BTreeMap<String, u64>, cause: &str, n: u64) {
    if n == 0 {
        return;
    }
    let known = sums.contains_key(cause) || sums.len() < MOST_CAUSES;
    let sum = sums.entry(if known { cause } else { OTHER }.to_owned()).or_default();
    *sum = sum.saturating_add(n);
}

const MOST_CAUSES: usize = 256;
