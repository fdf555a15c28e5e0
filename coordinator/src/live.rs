//! What the live view is told, a few times a second.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::accounting::planned;
use crate::figures::{Counts, sum};
use crate::run::Run;
use crate::slo::float;
use crate::{AgentProgress, Percentiles, ProcedureProgress, Progress, histogram};

impl Run {
    /// Publishes where the run is.
    pub(crate) fn show(&self) {
        let elapsed_us = self.run_us();
        let measured = self.measured(float(elapsed_us) / 1e6);
        let latest = self.shards.iter().filter(|shard| !shard.over).count();
        let last = self.window.back();
        let gauge = |of: fn(&crate::timeline::Second) -> u64| last.map_or(0, of);
        let warnings =
            self.invalid.iter().chain(&self.broken_guardrails).chain(&self.warnings).rev().take(WARNINGS);
        let progress = Progress {
            run_id: self.folder.run_id.clone(),
            phase: self.phase,
            agents: (0..self.agents.len()).map(|agent| self.agent_progress(agent)).collect(),
            agents_wanted: self.config.agents_wanted,
            elapsed: self
                .start
                .map_or(Duration::ZERO, |(start, _)| Instant::now().saturating_duration_since(start)),
            total: self.plan.duration(),
            procedures: self.procedure_progress(),
            in_flight: if latest == 0 { 0 } else { gauge(|second| second.in_flight) },
            registered: gauge(|second| second.registered),
            sessions: gauge(|second| second.sessions),
            user_bps: (
                gauge(|second| second.user_plane.uplink_octets.saturating_mul(8)),
                gauge(|second| second.user_plane.downlink_octets.saturating_mul(8)),
            ),
            lateness_us_p99: Percentiles::of(&self.evidence.lateness).p99,
            slos: self.plan.scenario().slos.iter().map(|slo| measured.slo(slo)).collect(),
            warnings: warnings.cloned().collect::<Vec<_>>().into_iter().rev().collect(),
        };
        self.progress.send_replace(progress);
    }

    fn agent_progress(&self, number: usize) -> AgentProgress {
        let agent = &self.agents[number];
        AgentProgress {
            name: agent.name.clone(),
            shards: self.shards.iter().filter(|shard| shard.epoch > 0 && shard.agent == number).count(),
            rate_per_s: agent.recent.iter().fold(0, |sum, (_, started)| sum.saturating_add(*started)),
            alive: agent.is_alive(),
        }
    }

    fn procedure_progress(&self) -> BTreeMap<String, ProcedureProgress> {
        let nothing = Counts::default();
        let mut names: Vec<&String> = self.planned.keys().chain(self.evidence.procedures.keys()).collect();
        names.sort();
        names.dedup();
        let progress = |name: &String| {
            let counts = self.evidence.procedures.get(name).map_or(&nothing, |figures| &figures.counts);
            let mut latency = histogram::empty();
            for figures in self.window.iter().filter_map(|second| second.procedures.get(name)) {
                latency.add(&figures.latency);
            }
            let last = self.window.back().and_then(|second| second.procedures.get(name));
            let progress = ProcedureProgress {
                planned: planned(&self.planned, name, counts),
                due: counts.due,
                started: counts.started,
                succeeded: counts.succeeded,
                failed: sum(&counts.failed),
                timed_out: sum(&counts.timed_out),
                abandoned: sum(&counts.abandoned),
                never_started: sum(&counts.never_started),
                rate_per_s: last.map_or(0, |figures| figures.counts.started),
                latency_us: Percentiles::of(&latency),
            };
            (name.clone(), progress)
        };
        names.into_iter().map(progress).collect()
    }
}

const WARNINGS: usize = 20;
