//! What really happened on the agents' side: which attempts each report stands for, whichever report arrives.

use std::collections::{BTreeMap, BTreeSet};

use wire::away::{AwayEnd, AwayOutcome};
use wire::to_coordinator::IntervalReport;

use crate::target::Attempt;

/// What one report stands for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Made {
    /// What the schedule made due, and how late it was seen to, µs.
    pub(crate) due: Vec<(Attempt, u64)>,
    pub(crate) started: Vec<Attempt>,
    pub(crate) ended: Vec<Attempt>,
    /// Latencies of what succeeded, µs, by load.
    pub(crate) latencies: Vec<(usize, u64)>,
    /// Those of the ended that were given up because another shard was lost with its agent, by load.
    pub(crate) lost: BTreeMap<usize, u64>,
    /// What other shards were asked for and succeeded, by load.
    pub(crate) away_succeeded: BTreeMap<usize, u64>,
    /// It tells that its process stood still.
    pub(crate) stood_still: bool,
    /// What must never happen, in words.
    pub(crate) violations: Vec<String>,
}

#[derive(Default)]
pub(crate) struct Truth {
    reports: Vec<Made>,
    /// Attempts that other shards were asked for, by load.
    pub(crate) asked: BTreeMap<usize, u64>,
    /// Those that began somewhere: home, its lease, and their numbers under it.
    begun_away: BTreeSet<(u32, u64, u64)>,
    /// Handovers from shard to shard.
    pub(crate) handovers: u64,
    /// Answers of visitor audits that reached a shard.
    pub(crate) audits: u64,
    /// What must never happen, in words.
    pub(crate) violations: Vec<String>,
}

impl Truth {
    /// Marks a report, so that it is known wherever it comes up: in a field that is only summed up.
    pub(crate) fn made(&mut self, mut report: IntervalReport, mut made: Made) -> IntervalReport {
        report.messages_sent = self.reports.len() as u64;
        self.violations.append(&mut made.violations);
        self.reports.push(made);
        report
    }

    /// What a merged report stands for.
    pub(crate) fn of(&self, report: &IntervalReport) -> Option<&Made> {
        self.reports.get(usize::try_from(report.messages_sent).ok()?)
    }

    /// A shard tells what became of an attempt of another: of what has begun it tells so once.
    pub(crate) fn answered(&mut self, end: &AwayEnd) {
        let begun = end.outcome != AwayOutcome::NotBegun;
        if begun && !self.begun_away.insert((end.home, end.epoch, end.number)) {
            self.violations.push(format!("an attempt for another shard ended twice: {end:?}"));
        }
    }
}
