//! What the whole run has measured so far: by procedure over all shards, and the account of each shard.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wire::to_coordinator::Recovery;

use super::exactly_once::Checked;
use super::failed_into::{Away, FailedHandovers};
use super::figures::{Counts, Parts, Procedures, add_parts, tally};
use super::handovers::Handovers;
use super::{counts, ran_events};
use crate::histogram::{self, Histogram};
use results::AGENT_LOST;
use results::{AmfSummary, Coverage, Gap, RanEvents, RunCounts, UserPlaneSummary};

/// The sums of every merged report.
#[derive(Serialize, Deserialize)]
pub(crate) struct Totals {
    pub(crate) procedures: Procedures,
    /// What conditions are about is counted apart as well.
    pub(crate) parts: Parts,
    /// How late the attempts of all procedures left, µs.
    pub(crate) lateness: Histogram,
    /// Attempts that came due when nobody reported any more: lost with their agents.
    unreported: u64,
    /// Attempts whose end nobody reported: lost with their agents.
    ends_unreported: u64,
    pub(crate) unexpected: BTreeMap<String, u64>,
    /// What is counted of the run as a whole.
    pub(crate) counts: RunCounts,
    pub(crate) handovers: Handovers,
    /// Those into other shards that failed.
    failed_into: FailedHandovers,
    pub(crate) user_plane: UserPlaneSummary,
    /// Usage records, all of which are in usage.csv.
    pub(crate) usage_records: u64,
    /// What takeovers made agents do.
    pub(crate) recovery: Recovery,
    /// What happened between the RAN nodes and their core.
    pub(crate) ran_events: RanEvents,
    /// What each AMF was to the run, in the order of the targets.
    pub(crate) amfs: Vec<AmfSummary>,
    /// End of the last interval, µs since the start.
    pub(crate) last_us: u64,
    shards: BTreeMap<u32, BTreeMap<String, Counts>>,
}

impl Totals {
    pub(crate) fn new() -> Self {
        Self {
            procedures: Procedures::new(),
            parts: Parts::new(),
            lateness: histogram::empty(),
            unreported: 0,
            ends_unreported: 0,
            unexpected: BTreeMap::new(),
            counts: RunCounts::default(),
            handovers: Handovers::default(),
            failed_into: FailedHandovers::default(),
            user_plane: UserPlaneSummary::default(),
            usage_records: 0,
            recovery: Recovery::default(),
            ran_events: RanEvents::default(),
            amfs: Vec::new(),
            last_us: 0,
            shards: BTreeMap::new(),
        }
    }

    /// Adds one report. `Merge` sees to it that it is added once.
    pub(crate) fn add(&mut self, checked: &Checked) {
        let report = &checked.report;
        let account = self.shards.entry(report.shard).or_default();
        for (procedure, measured) in checked.procedures() {
            account.entry(procedure.procedure.clone()).or_default().add(procedure);
            self.procedures.entry(procedure.procedure.clone()).or_default().add(procedure, measured);
            histogram::add(&mut self.lateness, &measured.lateness);
        }
        add_parts(&mut self.parts, checked);
        self.handovers.add(checked);
        self.failed_into.add(report);
        self.user_plane.merge(&counts::of_user_plane(&report.user_plane));
        self.usage_records = self.usage_records.saturating_add(report.usage.len() as u64);
        report.unexpected.iter().for_each(|(kind, n)| tally(&mut self.unexpected, kind, *n));
        self.counts.merge(&counts::of_run(report));
        for (sum, more) in [
            (&mut self.recovery.registrations, report.recovery.registrations),
            (&mut self.recovery.sessions, report.recovery.sessions),
            (&mut self.recovery.succeeded, report.recovery.succeeded),
            (&mut self.recovery.failed, report.recovery.failed),
        ] {
            *sum = sum.saturating_add(more);
        }
        ran_events::add(&mut self.ran_events, report);
        ran_events::add_amfs(&mut self.amfs, report);
        self.last_us = self.last_us.max(report.to_us);
    }

    /// Of how many of the attempts that the schedule made due it is known how late they left.
    pub(crate) fn lateness_coverage(&self) -> Coverage {
        let due = self.procedures.values().map(|figures| figures.counts.scheduled());
        let lost = self.unreported();
        Coverage { covers: self.lateness.len(), of: due.fold(0, u64::saturating_add), lost }
    }

    /// Why a run that is over cannot say whether its generator was in time.
    pub(crate) fn lateness_doubt(&self) -> Option<String> {
        let coverage = self.lateness_coverage();
        (!coverage.is_complete()).then(|| {
            format!(
                "generator lateness {coverage} that came due: whether the others left in time is not known"
            )
        })
    }

    /// Attempts whose end an agent has reported.
    pub(crate) fn reported_ends(&self) -> u64 {
        let ended = self.procedures.values().map(|figures| figures.counts.ended());
        ended.fold(0, u64::saturating_add).saturating_sub(self.ends_unreported)
    }

    /// Attempts that came due when nobody reported any more: lost with their agents.
    pub(crate) fn unreported(&self) -> u64 {
        self.unreported
    }

    /// By procedure: attempts of a shard that came due and have no outcome yet.
    pub(crate) fn in_flight(&self, shard: u32) -> BTreeMap<String, u64> {
        let account = self.shards.get(&shard).into_iter().flatten();
        let open =
            account.map(|(name, counts)| (name.clone(), counts.due.saturating_sub(counts.accounted())));
        open.filter(|(_, n)| *n > 0).collect()
    }

    /// Adds what a shard lost: it is accounted for here, and in no report.
    pub(crate) fn lose(&mut self, gap: &Gap) {
        let account = self.shards.entry(gap.shard).or_default();
        let procedures = &mut self.procedures;
        let mut each = |by_procedure: &BTreeMap<String, u64>, add: &dyn Fn(&mut Counts, u64)| {
            for (name, n) in by_procedure {
                add(account.entry(name.clone()).or_default(), *n);
                add(&mut procedures.entry(name.clone()).or_default().counts, *n);
            }
        };
        each(&gap.due, &|counts, n| counts.due = counts.due.saturating_add(n));
        self.unreported = gap.due.values().fold(self.unreported, |sum, n| sum.saturating_add(*n));
        self.ends_unreported =
            gap.abandoned.values().fold(self.ends_unreported, |sum, n| sum.saturating_add(*n));
        each(&gap.abandoned, &|counts, n| tally(&mut counts.abandoned, AGENT_LOST, n));
        each(&gap.never_started, &|counts, n| tally(&mut counts.never_started, &gap.reason, n));
    }

    /// Handovers into a shard that was away just then are no failures of the target's. Returns how many of them there were.
    pub(crate) fn excuse(&mut self, away: &[Away]) -> u64 {
        self.failed_into.excuse(away, &mut self.procedures, &mut self.parts)
    }

    /// Attempts of the plan that nobody will start.
    pub(crate) fn never_start(&mut self, procedure: &str, reason: &str, n: u64) {
        tally(&mut self.procedures.entry(procedure.to_owned()).or_default().counts.never_started, reason, n);
    }
}
