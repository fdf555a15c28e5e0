//! Leases, clocks and the start: what the coordinator tells its agents.

use std::time::{Duration, Instant, SystemTime};

use serde_json::json;
use wire::to_agent::{Lease, ToAgent};

use super::{Run, micros};
use crate::Phase;
use crate::fleet::{ShardLease, deal};
use crate::hlog::HistogramLog;
use crate::traces::Traces;

impl Run {
    pub(crate) fn lease_all(&mut self) {
        let living: Vec<usize> =
            (0..self.agents.len()).filter(|agent| self.agents[*agent].is_alive()).collect();
        let workers: Vec<u32> = living.iter().map(|agent| self.agents[*agent].hello.workers).collect();
        let scenario = self.plan.scenario().to_yaml();
        let (seed, shards, loads) = (self.plan.seed(), self.plan.shards(), self.plan.scenario().load.len());
        for (shard, dealt) in (0..shards).zip(deal(&workers, shards)) {
            let Some(agent) = living.get(dealt).copied() else { return };
            let epoch = 1;
            let resume_at = vec![0; loads];
            self.merge.lease(shard, epoch);
            self.shards[shard as usize] =
                ShardLease { agent, epoch, progress: resume_at.clone(), ..ShardLease::default() };
            self.decide(
                "leased a shard",
                json!({"shard": shard, "epoch": epoch, "agent": self.agents[agent].name}),
            );
            let lease = Lease {
                run: self.folder.run_id.clone(),
                scenario: scenario.clone(),
                seed,
                shard,
                shards,
                epoch,
                asked_us: self.agents[agent].asked_us,
                valid_us: micros(self.config.lease),
                target: self.config.target.clone(),
                resume_at,
                trace: self.config.trace,
                key: self.key,
                takeover: None,
            };
            self.send(agent, ToAgent::Lease(Box::new(lease)));
        }
    }

    /// Everybody begins at one instant, each by its own clock.
    pub(crate) fn begin(&mut self) {
        let longest = self.agents.iter().map(|agent| agent.clock.round_trip_us()).max().unwrap_or_default();
        let lead = START_LEAD + Duration::from_micros(longest);
        let (start, wall) = (Instant::now() + lead, SystemTime::now() + lead);
        self.start = Some((start, wall));
        self.phase = Phase::Running;
        let at_us = self.us(start);
        let wall_us = crate::wall_clock::unix_us(wall);
        self.merge.begins(wall_us);
        for agent in 0..self.agents.len() {
            let at_us = self.agents[agent].clock.to_agent(at_us);
            self.send(agent, ToAgent::Start { run: self.folder.run_id.clone(), at_us, wall_us });
        }
        self.decide(
            "agreed on the start",
            json!({"start": crate::wall_clock::rfc3339(wall), "lead_us": micros(lead)}),
        );
        let hlog = self.folder.appender("histograms.hlog").map_err(|error| error.to_string());
        match hlog.and_then(|file| HistogramLog::begin(file, wall).map_err(|error| error.to_string())) {
            Ok(hlog) => self.files.hlog = Some(hlog),
            Err(error) => self.folder_failure(&error),
        }
        match Traces::create(&self.folder.path, self.config.trace, wall) {
            Ok(traces) => self.files.traces = Some(traces),
            Err(error) => {
                self.folder_failure(&format!("{}: {error}", self.folder.path.join("traces").display()))
            }
        }
    }

    /// An agent lives: what it holds is extended from the moment at which it asked.
    pub(crate) fn renew(&mut self, agent: usize, asked_us: u64) {
        let Some(known) = self.agents.get_mut(agent) else { return };
        known.asked_us = known.asked_us.max(asked_us);
        let valid_us = micros(self.config.lease);
        let held = (0..).zip(&self.shards).filter(|(_, s)| s.agent == agent && s.epoch > 0 && !s.over);
        let leases = held.map(|(shard, lease)| (shard, lease.epoch)).collect();
        self.send(agent, ToAgent::Renew { asked_us, valid_us, leases });
    }

    /// The lease that is meant, if this agent holds it.
    pub(crate) fn held(&mut self, agent: usize, shard: u32, epoch: u64) -> Option<&mut ShardLease> {
        self.shards
            .get_mut(shard as usize)
            .filter(|lease| lease.agent == agent && lease.epoch == epoch && epoch > 0)
    }

    pub(crate) fn ping_all(&mut self) {
        self.pinged = Instant::now();
        (0..self.agents.len()).for_each(|agent| self.ping(agent));
    }

    pub(crate) fn ping(&mut self, agent: usize) {
        let sent_us = self.us(Instant::now());
        self.send(agent, ToAgent::Ping { sent_us });
    }

    pub(crate) fn send(&mut self, agent: usize, message: ToAgent) {
        let outbox = self.agents.get(agent).and_then(|agent| agent.outbox.as_ref());
        if outbox.is_some_and(|outbox| !outbox.send(message)) {
            self.lose(agent, "does not read what is sent to it");
        }
    }
}

/// Between `Start` and the start, beside the longest round trip.
const START_LEAD: Duration = Duration::from_millis(300);
