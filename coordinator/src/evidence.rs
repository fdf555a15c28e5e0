//! What the whole run has measured so far: by procedure over all shards, and the account of each shard.

use std::collections::BTreeMap;

use crate::UserPlaneSummary;
use crate::figures::{AGENT_LOST, Counts, Procedures, tally};
use crate::histogram::{self, Histogram};
use crate::merge::Checked;
use crate::moves::Moves;

/// The sums of every merged report.
pub(crate) struct Evidence {
    pub(crate) procedures: Procedures,
    pub(crate) lateness: Histogram,
    pub(crate) unexpected: BTreeMap<String, u64>,
    pub(crate) messages_sent: u64,
    pub(crate) messages_received: u64,
    pub(crate) radio_lost: u64,
    pub(crate) moves: Moves,
    pub(crate) user_plane: UserPlaneSummary,
    /// Usage records, all of which are in usage.csv.
    pub(crate) usage_records: u64,
    /// End of the last interval, µs since the start.
    pub(crate) last_us: u64,
    shards: BTreeMap<u32, BTreeMap<String, Counts>>,
}

impl Evidence {
    pub(crate) fn new() -> Self {
        Self {
            procedures: Procedures::new(),
            lateness: histogram::empty(),
            unexpected: BTreeMap::new(),
            messages_sent: 0,
            messages_received: 0,
            radio_lost: 0,
            moves: Moves::default(),
            user_plane: UserPlaneSummary::default(),
            usage_records: 0,
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
        }
        self.moves.add(checked);
        self.user_plane.add(&report.user_plane);
        self.usage_records = self.usage_records.saturating_add(report.usage.len() as u64);
        report.unexpected.iter().for_each(|(kind, n)| tally(&mut self.unexpected, kind, *n));
        self.messages_sent = self.messages_sent.saturating_add(report.messages_sent);
        self.messages_received = self.messages_received.saturating_add(report.messages_received);
        self.radio_lost = self.radio_lost.saturating_add(report.radio_lost);
        self.last_us = self.last_us.max(report.to_us);
    }

    /// A shard ends with its agent: what it has not reported is accounted for here. What had come due was in flight and
    /// is abandoned; the rest of the plan is never started.
    pub(crate) fn lose_shard(&mut self, shard: u32, planned: &BTreeMap<String, u64>) {
        let account = self.shards.remove(&shard).unwrap_or_default();
        for (name, counts) in &account {
            let in_flight = counts.due.saturating_sub(counts.accounted());
            tally(
                &mut self.procedures.entry(name.clone()).or_default().counts.abandoned,
                AGENT_LOST,
                in_flight,
            );
        }
        for (name, planned) in planned {
            let counts = account.get(name).cloned().unwrap_or_default();
            let rest = planned.saturating_sub(counts.due.max(counts.accounted()));
            self.never_start(name, AGENT_LOST, rest);
        }
    }

    /// Attempts of the plan that nobody will start.
    pub(crate) fn never_start(&mut self, procedure: &str, reason: &str, n: u64) {
        tally(&mut self.procedures.entry(procedure.to_owned()).or_default().counts.never_started, reason, n);
    }
}
