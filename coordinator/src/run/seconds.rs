//! The run second by second: each is written when it is complete, and held against the guardrails.

use std::time::Instant;

use serde_json::json;

use super::Run;
use crate::slo::Measured;
use crate::timeline::MOST_OPEN;

impl Run {
    pub(crate) fn tick(&mut self) {
        let now = Instant::now();
        if now.duration_since(self.pinged) >= CLOCK_REFRESH {
            self.ping_all();
        }
        if self.start.is_some() {
            let now_s = self.run_us().saturating_sub(HEALTH_WAIT_US) / 1_000_000;
            let waiting =
                self.shards.iter().filter(|shard| !shard.over).map(|shard| shard.reported_us / 1_000_000);
            let complete = waiting.min().unwrap_or(now_s);
            self.close_before(complete.min(now_s).max(now_s.saturating_sub(MOST_OPEN)));
        }
        self.show();
    }

    /// Writes the seconds that are complete, and holds them against the guardrails.
    pub(crate) fn close_before(&mut self, second: u64) {
        let alive = self.alive() as u64;
        for second in self.timeline.close_before(second, alive) {
            let line = format!("{}\n", second.line());
            let written = self.files.timeline.append(line.as_bytes());
            let written =
                written.and_then(|()| self.files.hlog.as_mut().map_or(Ok(()), |hlog| hlog.second(&second)));
            if let Err(error) = written {
                self.folder_failure(&error.to_string());
            }
            let measured = Measured {
                procedures: &second.procedures,
                lateness: &second.lateness,
                seconds: 1.0,
                unreconciled: None,
            };
            let broken: Vec<String> =
                self.guards.iter_mut().filter_map(|guard| guard.observe(second.at_s, &measured)).collect();
            for reason in broken {
                self.decide("guardrail broke", json!({"reason": reason}));
                self.broken_guardrails.push(reason);
                self.drain("guardrail", self.plan.scenario().drain);
            }
            self.window.push_back(second);
            while self.window.len() > WINDOW {
                self.window.pop_front();
            }
        }
    }
}

const CLOCK_REFRESH: std::time::Duration = std::time::Duration::from_secs(5);
/// An agent's health of a second may come this long after its reports.
const HEALTH_WAIT_US: u64 = 300_000;
const WINDOW: usize = 5;
