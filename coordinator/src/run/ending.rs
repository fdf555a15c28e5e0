//! How a run, or an agent's part in it, ends; and what is noted on the way.

use std::time::{Duration, Instant};

use serde_json::json;
use wire::to_agent::ToAgent;

use super::{Drain, Run, micros, planned_of};
use crate::{Phase, StopRequest};

impl Run {
    pub(crate) fn stop(&mut self, request: StopRequest) {
        let reason = "aborted by the operator";
        if !self.invalid.iter().any(|known| known == reason) {
            self.invalidate(reason.to_owned());
        }
        let grace = if request == StopRequest::Now { Duration::ZERO } else { self.plan.scenario().drain };
        self.drain("aborted-by-operator", grace);
    }

    /// Nothing more is started. A later call can only shorten the grace.
    pub(crate) fn drain(&mut self, reason: &str, grace: Duration) {
        let until = Instant::now() + grace + REPORT_MARGIN;
        let now = grace.is_zero();
        if self.drain.is_some_and(|drain| drain.now || !now) {
            return;
        }
        self.drain = Some(Drain { until, now });
        self.decide("drain", json!({"reason": reason, "grace_us": micros(grace)}));
        if self.phase == Phase::Running {
            self.phase = Phase::Draining;
        }
        for agent in 0..self.agents.len() {
            self.send(agent, ToAgent::Drain { reason: reason.to_owned(), grace_us: micros(grace) });
        }
    }

    /// An agent is gone. What its shards have not reported is accounted for as lost.
    pub(crate) fn lose(&mut self, agent: usize, why: &str) {
        let Some(lost) = self.agents.get_mut(agent) else { return };
        let Some(outbox) = lost.outbox.take() else { return };
        outbox.close();
        let name = lost.name.clone();
        if self.phase == Phase::Joining {
            lost.lost = Some(why.to_owned());
            return self.decide("an agent left before the run", json!({"agent": name, "reason": why}));
        }
        let unfinished: Vec<u32> = (0..)
            .zip(&self.shards)
            .filter(|(_, s)| s.agent == agent && s.epoch > 0 && !s.over)
            .map(|(n, _)| n)
            .collect();
        self.decide("lost an agent", json!({"agent": name, "reason": why, "unfinished_shards": unfinished}));
        if unfinished.is_empty() {
            // It had done all it was there for.
            return self.warn(format!(
                "agent {name} was gone before the end of the run, its shards were over: {why}"
            ));
        }
        self.agents[agent].lost = Some(why.to_owned());
        self.invalidate(format!(
            "fleet lost: agent {name} ({}) with shards {unfinished:?}: {why}",
            self.agents[agent].peer
        ));
        for shard in unfinished {
            self.shards[shard as usize].over = true;
            self.timeline.forget(shard);
            if self.start.is_some() {
                self.evidence.lose_shard(shard, &planned_of(&self.plan, shard));
            }
        }
        if self.start.is_none() {
            self.drain("agent-lost", Duration::ZERO);
        }
    }

    /// An agent that sends what cannot be true is sent away: nothing more of it counts.
    pub(crate) fn distrust(&mut self, agent: usize, why: &str) {
        self.decide("distrusts an agent", json!({"agent": self.agents[agent].name, "reason": why}));
        self.send(agent, ToAgent::Drain { reason: "refused".to_owned(), grace_us: 0 });
        self.lose(agent, why);
    }

    /// Sends everybody home.
    pub(crate) async fn dismiss(&mut self) {
        let run = self.folder.run_id.clone();
        let mut goodbyes = Vec::new();
        for agent in &mut self.agents {
            if let Some(outbox) = agent.outbox.take() {
                outbox.send(ToAgent::RunOver { run: run.clone() });
                goodbyes.push(outbox.close());
            }
        }
        let all = async {
            for goodbye in goodbyes {
                let _ = goodbye.await;
            }
        };
        let _ = tokio::time::timeout(GOODBYE_TIMEOUT, all).await;
        self.acceptor.abort();
        self.endpoint.close("the run is over").await;
    }

    /// The folder cannot be written any more: the run cannot be proven, so it ends.
    pub(crate) fn folder_failure(&mut self, what: &str) {
        if !self.folder_failed {
            self.folder_failed = true;
            self.invalidate(format!("the run folder cannot be written: {what}"));
            self.drain("run-folder-failed", Duration::ZERO);
        }
    }

    pub(crate) fn invalidate(&mut self, reason: String) {
        tracing::info!(reason, "the run is invalid");
        self.invalid.push(reason);
    }

    pub(crate) fn warn(&mut self, text: String) {
        tracing::info!("{text}");
        if self.warnings.len() < MOST_WARNINGS && !self.warnings.contains(&text) {
            self.warnings.push(text);
        }
    }

    pub(crate) fn decide(&mut self, decision: &str, details: serde_json::Value) {
        let run_us = self.start.is_some().then(|| self.run_us());
        if let Err(error) = self.files.journal.write(decision, run_us, details) {
            self.folder_failure(&error.to_string());
        }
    }
}

/// After a drain's grace, agents have this long to report.
const REPORT_MARGIN: Duration = Duration::from_secs(5);
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(3);
const MOST_WARNINGS: usize = 100;
