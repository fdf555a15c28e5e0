//! What a live view is told, a few times a second.

use std::collections::BTreeMap;

use results::{ProcedureProgress, Progress, ShownEvent};

use super::Core;
use crate::histogram::{self, percentiles};
use crate::merge::{Counts, Second, planned, sum};
use crate::verdict::saturation;

impl Core {
    /// Where the run is, as a live view shows it.
    pub fn progress(&self) -> Progress {
        let state = self.state();
        let elapsed = self.elapsed();
        let measured = self.measured(elapsed);
        let all_over = state.shards.iter().all(super::Shard::is_over);
        let last = state.window.back();
        let gauge = |of: fn(&Second) -> u64| last.map_or(0, |second| of(second));
        let warnings = state.invalid.iter().chain(&state.broken_guardrails).chain(&state.warnings);
        let warnings: Vec<String> = warnings.rev().take(WARNINGS).cloned().collect();
        Progress {
            run_id: state.run.clone(),
            phase: state.phase,
            agents: self.agents_progress(),
            agents_wanted: self.agents_wanted(),
            paused: self.is_paused(),
            elapsed,
            total: self.plan().duration(),
            procedures: self.procedure_progress(),
            order: self.plan().scenario().order(),
            in_flight: if all_over { 0 } else { gauge(|second| second.in_flight) },
            registered: gauge(|second| second.registered),
            sessions: gauge(|second| second.sessions),
            user_bps: (
                gauge(|second| second.user_plane.uplink_octets.saturating_mul(8)),
                gauge(|second| second.user_plane.downlink_octets.saturating_mul(8)),
            ),
            late: saturation::outlook(&state.totals.lateness, &state.limits, self.planned().values().sum()),
            lateness_us_p99: percentiles(&state.totals.lateness).p99,
            slos: self.plan().scenario().slos.iter().map(|slo| measured.slo(slo)).collect(),
            warnings: warnings.into_iter().rev().collect(),
            events: state.totals.ran_events.last.iter().map(ShownEvent::line).collect(),
        }
    }

    fn procedure_progress(&self) -> BTreeMap<String, ProcedureProgress> {
        let nothing = Counts::default();
        let state = self.state();
        let mut names: Vec<&String> = self.planned().keys().chain(self.figures().keys()).collect();
        names.sort();
        names.dedup();
        let progress = |name: &String| {
            let counts = self.figures().get(name).map_or(&nothing, |figures| &figures.counts);
            let mut latency = histogram::empty();
            for figures in state.window.iter().filter_map(|second| second.procedures.get(name)) {
                latency.add(&figures.latency);
            }
            let last = state.window.back().and_then(|second| second.procedures.get(name));
            let progress = ProcedureProgress {
                planned: planned(self.planned(), name, counts),
                due: counts.due,
                started: counts.started,
                succeeded: counts.succeeded,
                failed: sum(&counts.failed),
                timed_out: sum(&counts.timed_out),
                abandoned: sum(&counts.abandoned),
                never_started: sum(&counts.never_started),
                rate_per_s: last.map_or(0, |figures| figures.counts.started),
                latency_us: percentiles(&latency),
            };
            (name.clone(), progress)
        };
        names.into_iter().map(progress).collect()
    }
}

const WARNINGS: usize = 20;
