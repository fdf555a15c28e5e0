//! How a run ends, and whether it proves anything.

use std::time::Duration;

use serde_json::json;
use wire::to_agent::ToAgent;

use super::{Core, Record, is_supervisor, micros};
use crate::core::StopRequest;
use crate::merge::{Away, unproven};
use crate::verdict::Measured;
use crate::verdict::coverage;
use results::SloResult;
use results::units::float;

impl Core {
    pub(super) fn stop(&mut self, request: StopRequest) {
        if request == StopRequest::None {
            return;
        }
        let reason = "aborted by the operator";
        if !self.state.invalid.iter().any(|known| known == reason) {
            self.invalidate(reason.to_owned());
        }
        let grace = if request == StopRequest::Now { Duration::ZERO } else { self.plan.scenario().drain };
        self.drain("aborted-by-operator", grace);
    }

    /// Nothing more is started. A later call can only shorten the grace.
    pub(super) fn drain(&mut self, reason: &str, grace: Duration) {
        let until = self.now + grace + REPORT_MARGIN;
        let known = self.state.drain.as_ref().map(|drain| drain.grace_us == 0);
        if known.is_some_and(|at_once| at_once || !grace.is_zero()) {
            return;
        }
        if self.paused.is_some() {
            self.resume();
        }
        // Before the start nothing is in flight.
        let grace = if self.start.is_some() { grace } else { Duration::ZERO };
        let until = until.min(self.now + grace + REPORT_MARGIN);
        self.drain_until = Some(until);
        self.record(Record::Drain { reason: reason.to_owned(), grace_us: micros(grace) });
        self.decide("drain", json!({"reason": reason, "grace_us": micros(grace)}));
        let told: Vec<usize> = self.connected().collect();
        for agent in told {
            self.send(agent, ToAgent::Drain { reason: reason.to_owned(), grace_us: micros(grace) });
        }
    }

    /// The folder cannot be written any more: the run cannot be proven, so it ends.
    pub(super) fn folder_failure(&mut self, what: &str) {
        if !self.folder_failed {
            self.folder_failed = true;
            self.invalidate(format!("the run folder cannot be written: {what}"));
            self.drain("run-folder-failed", Duration::ZERO);
        }
    }

    /// Every gap and move of the run is known: handovers of others into those shards are no failures of the target's.
    pub fn excuse_other_shards(&mut self) {
        let gaps = self.state.gaps.iter().map(|gap| (gap.shard, gap.from_us, gap.to_us));
        // It is at rest some time before all of its reports are merged.
        let at_rest = |us: u64| us.saturating_sub(BEFORE_A_MOVE_US);
        let moves = self.state.moves.iter().map(|moved| (moved.shard, at_rest(moved.from_us), moved.to_us));
        let away: Vec<Away> =
            gaps.chain(moves).map(|(shard, from_us, to_us)| Away { shard, from_us, to_us }).collect();
        let handovers = self.state.totals.excuse(&away);
        if handovers > 0 {
            self.decide("handovers into shards that were away", json!({"excused": handovers}));
        }
    }

    /// What makes a run that is over prove nothing, whatever it measured.
    pub(crate) fn doubts(&self) -> Vec<String> {
        let mut doubts = Vec::new();
        let started = self.state.start_wall_us.is_some();
        for (shard, state) in self.state.shards.iter().enumerate() {
            if started && !state.is_over() {
                doubts.push(format!("shard {shard} never finished"));
            }
        }
        for member in &self.state.agents {
            let (name, dropped) = (&member.name, member.reports_dropped());
            if dropped > 0 {
                doubts.push(format!("accounting not proven: agent {name} dropped {dropped} reports"));
            }
        }
        doubts.extend(self.fleet_lost());
        doubts.extend(self.state.totals.lateness_doubt());
        doubts.extend(unproven(&self.planned, self.figures()));
        doubts
    }

    /// The SLOs of a run that is over. What lacks evidence does not pass.
    pub(crate) fn slos(&self, measured: &Measured<'_>) -> Vec<SloResult> {
        let slos = self.plan.scenario().slos.iter();
        let totals = &self.state.totals;
        let scenario = self.plan.scenario();
        slos.map(|slo| coverage::judge(measured.slo(slo), slo, totals, scenario, &self.planned)).collect()
    }

    /// A run that lost agents is valid as long as it did nearly all of what it was to do.
    fn fleet_lost(&self) -> Option<String> {
        let planned = self.planned.values().fold(0u64, |sum, n| sum.saturating_add(*n));
        let lost =
            self.figures().values().fold(0u64, |sum, figures| sum.saturating_add(figures.counts.lost()));
        let share = if planned == 0 { 0.0 } else { float(lost) / float(planned) };
        (share > MOST_LOST).then(|| {
            let agents = self.state.agents.iter().filter(|member| !is_supervisor(member) && !member.fate.takes_part());
            let agents: Vec<String> = agents.map(|member| format!("{} {}", member.name, member.state())).collect();
            format!(
                "fleet lost: {lost} of {planned} planned attempts ({:.1} %) were lost with their agents or by them ({}); at most {} % may",
                share * 100.0,
                agents.join(", "),
                MOST_LOST * 100.0,
            )
        })
    }

    /// The run ended before its start: nothing of the plan was started.
    pub(crate) fn nothing_started(&mut self) {
        if self.state.start_wall_us.is_some() {
            return;
        }
        let aborted = self.state.invalid.iter().any(|reason| reason.starts_with("aborted"));
        let reason = if aborted { "aborted-by-operator" } else { "cannot-prepare" };
        for (procedure, n) in self.planned.clone() {
            self.state.totals.never_start(&procedure, reason, n);
        }
    }
}

/// After a drain's grace, agents have this long to report.
pub(super) const REPORT_MARGIN: Duration = Duration::from_secs(5);
/// So long before a move a shard may refuse who comes, µs.
const BEFORE_A_MOVE_US: u64 = 1_000_000;
/// Share of the planned attempts that may be lost with agents.
const MOST_LOST: f64 = 0.05;
