//! The run second by second: each is handed out when it is complete, and held against the guardrails.

use std::time::Duration;

use serde_json::json;

use super::{Core, Record};
use crate::merge::MOST_OPEN;
use crate::verdict::Measured;
use results::units::float;

impl Core {
    pub(super) fn tick(&mut self) {
        if self.now.saturating_duration_since(self.pinged) >= CLOCK_REFRESH {
            self.ping_all();
        }
        self.bury_the_dead();
        self.trust_the_wall_clock();
        self.resume_if_wanted();
        if self.start.is_some() {
            let now_s = self.run_us().saturating_sub(HEALTH_WAIT_US) / 1_000_000;
            let running = self.state.shards.iter().filter(|shard| !shard.is_over() && shard.holder.is_some());
            let complete = running.map(|shard| shard.reported_us / 1_000_000).min().unwrap_or(now_s);
            self.close_before(complete.min(now_s).max(now_s.saturating_sub(MOST_OPEN)));
        }
    }

    /// Hands out the seconds that are complete, and holds them against the guardrails.
    pub(super) fn close_before(&mut self, before: u64) {
        if !self.state.timeline.is_open(before) {
            return;
        }
        let broken = self.state.broken_guardrails.len();
        let agents = self.connected().count() as u64;
        self.record(Record::SecondsClosed { before, agents });
        let broken = self.state.broken_guardrails.get(broken..).unwrap_or_default().to_vec();
        for reason in broken {
            self.decide("guardrail broke", json!({"reason": reason}));
            let grace = self.plan.scenario().drain;
            self.drain("guardrail", grace);
        }
    }

    /// Hands out what is left of the time line.
    pub(crate) fn close_all(&mut self) {
        let end = self.state.timeline.end();
        while self.state.timeline.is_open(end) {
            self.close_before(end);
        }
    }

    /// The whole run until then.
    pub(crate) fn measured(&self, until: Duration) -> Measured<'_> {
        let totals = &self.state.totals;
        Measured {
            scenario: self.plan.scenario(),
            procedures: &totals.procedures,
            parts: &totals.parts,
            recovery: totals.recovery,
            lateness: &totals.lateness,
            span: (Duration::ZERO, until),
            unreconciled: None,
        }
    }

    /// How far the schedules have come: to their end, unless the run was cut short.
    pub(crate) fn played(&self) -> Duration {
        let cut = self.state.drain.is_some();
        if cut { Duration::from_micros(self.state.totals.last_us) } else { Duration::MAX }
    }

    /// Seconds since the start that anything is known of.
    pub(crate) fn measured_s(&self) -> f64 {
        float(self.state.totals.last_us) / 1e6
    }
}

const CLOCK_REFRESH: Duration = Duration::from_secs(5);
/// An agent's health of a second may come this long after its reports.
const HEALTH_WAIT_US: u64 = 300_000;
