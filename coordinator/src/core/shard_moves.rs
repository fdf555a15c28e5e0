//! Shards that move while their holders live: to agents that came late, and away from agents that want to leave. No attempt
//! is lost or doubled: the last holder says how far it came, and the next one begins there.

use std::time::Duration;

use serde_json::json;
use wire::to_agent::{ToAgent, UeBatch};

use super::leases::lightest;
use super::record::Fate;
use super::{Core, Record, Stage, micros};
use results::Phase;

impl Core {
    /// An agent wants to leave.
    pub(super) fn agent_drains(&mut self, agent: usize, reason: String, within_us: Option<u64>) {
        let reason: String = reason.chars().filter(|c| !c.is_control()).take(200).collect();
        if self.state.agents[agent].fate == Fate::Present {
            let name = self.name(agent);
            self.decide("an agent drains", json!({"agent": name, "reason": reason, "within_us": within_us}));
            self.warn(format!("agent {name} leaves: {reason}"));
            self.record(Record::Fate { agent, fate: Fate::Draining(reason) });
        }
        self.presence[agent].urgent |= within_us.is_some_and(|within| within < URGENT_US);
    }

    /// Moves what should be elsewhere, a few shards at a time.
    pub(super) fn balance(&mut self) {
        if self.state.phase != Phase::Running
            || self.paused.is_some()
            || self.start.is_none_or(|start| self.now < start)
        {
            return;
        }
        let mut loads = self.loads();
        let mut under_way = 0;
        for state in &self.state.shards {
            let moving = state.vacancy.is_some() && !state.is_over();
            under_way += usize::from(moving);
            if state.stage == Stage::Releasing {
                // It leaves its holder, and will be with the one that is lightest then.
                loads
                    .iter_mut()
                    .filter(|(agent, ..)| Some(*agent) == state.holder)
                    .for_each(|load| load.1 -= 1);
                if let Some(load) = lightest(&loads).and_then(|least| loads.get_mut(least)) {
                    load.1 += 1;
                }
            }
        }
        if loads.is_empty() {
            return;
        }
        self.empty_leaving_agents(&mut under_way);
        if self.now.saturating_duration_since(self.balanced) < BETWEEN_BALANCING {
            return;
        }
        self.balanced = self.now;
        let left_us = micros(self.plan.duration()).saturating_sub(self.run_us());
        if left_us < 2 * micros(self.settings.settle) {
            return;
        }
        while under_way < MOST_MOVES {
            let Some(to) = lightest(&loads) else { return };
            let heaviest =
                (0..loads.len()).max_by(|a, b| (loads[*a].1 * loads[*b].2).cmp(&(loads[*b].1 * loads[*a].2)));
            let Some(from) = heaviest else { return };
            let ((agent, held, workers), (_, fewer, others)) = (loads[from], loads[to]);
            // Better only when the receiver is then no more loaded than the giver was.
            if held * others <= (fewer + 1) * workers {
                return;
            }
            let Some(shard) = self.movable(agent) else { return };
            self.release(shard, "rebalanced");
            (loads[from].1, loads[to].1) = (held - 1, fewer + 1);
            under_way += 1;
        }
    }

    fn empty_leaving_agents(&mut self, under_way: &mut usize) {
        let leaving = self.connected().filter_map(|agent| match &self.state.agents[agent].fate {
            Fate::Draining(why) => Some((agent, why.clone())),
            _ => None,
        });
        let leaving: Vec<_> = leaving.collect();
        for (agent, why) in leaving {
            while *under_way < MOST_DRAINING || self.presence[agent].urgent {
                let Some(shard) = self.movable(agent) else { break };
                self.release(shard, &format!("agent {} leaves: {why}", self.name(agent)));
                *under_way += 1;
            }
        }
    }

    fn movable(&self, agent: usize) -> Option<u32> {
        let held = self.state.agents[agent].held.iter().copied();
        let mut movable = held.filter(|shard| {
            let state = &self.state.shards[*shard as usize];
            state.stage == Stage::Ready && state.last_sequence.is_none()
        });
        movable.next_back()
    }

    fn release(&mut self, shard: u32, why: &str) {
        let state = &self.state.shards[shard as usize];
        let (Some(agent), epoch) = (state.holder, state.epoch) else { return };
        self.decide(
            "releases a shard",
            json!({"shard": shard, "epoch": epoch, "agent": self.name(agent), "reason": why}),
        );
        self.record(Record::Releasing { shard, why: why.to_owned() });
        self.relay.drop(shard);
        let settle_us = micros(self.settings.settle);
        self.send(agent, ToAgent::Release { shard, epoch, settle_us });
    }

    /// What an agent may have missed while it was away.
    pub(super) fn repeat_orders(&mut self, agent: usize) {
        let settle_us = micros(self.settings.settle);
        let held: Vec<u32> = self.state.agents[agent].held.iter().copied().collect();
        for shard in held {
            let state = &self.state.shards[shard as usize];
            if state.stage == Stage::Releasing && state.reports.is_none() {
                let epoch = state.epoch;
                self.relay.drop(shard);
                self.send(agent, ToAgent::Release { shard, epoch, settle_us });
            } else if matches!(state.stage, Stage::Preparing | Stage::Ready) {
                let parts = self.relay.parts(shard, state.epoch);
                parts.into_iter().for_each(|batch| self.send(agent, ToAgent::Ues(Box::new(batch))));
            }
        }
        if let Some(drain) = self.state.drain.clone() {
            let left =
                self.drain_until.map_or(Duration::ZERO, |until| until.saturating_duration_since(self.now));
            let grace_us = micros(left).min(drain.grace_us);
            self.send(agent, ToAgent::Drain { reason: drain.reason, grace_us });
        }
    }

    /// UEs of a shard that is handed over.
    pub(super) fn ues(&mut self, agent: usize, batch: UeBatch) {
        let (shard, epoch, part) = (batch.shard, batch.epoch, batch.part);
        let state = self.state.shards.get(shard as usize);
        let expected = state.is_some_and(|state| state.stage == Stage::Releasing && state.reports.is_none());
        if !self.holds(agent, shard, epoch) || !expected {
            return self
                .decide("refused UEs", json!({"shard": shard, "epoch": epoch, "agent": self.name(agent)}));
        }
        let shards = &self.state.shards;
        let is_sent = |shard: u32| {
            let stage = shards.get(shard as usize).map(|state| state.stage);
            matches!(stage, Some(Stage::Preparing | Stage::Ready))
        };
        if !self.relay.add(batch, is_sent) {
            self.decide("dropped UEs on their way", json!({"shard": shard, "part": part}));
        }
    }

    /// The holder has given a shard up. It is vacant when every report of it is merged.
    pub(super) fn released(
        &mut self,
        agent: usize,
        shard: u32,
        epoch: u64,
        reports: u64,
        batches: u32,
        lapsed: bool,
    ) {
        if !self.holds(agent, shard, epoch) {
            return self.revoke(agent, shard, epoch);
        }
        let state = &self.state.shards[shard as usize];
        if state.reports.is_some() {
            return;
        }
        if !lapsed && state.stage != Stage::Releasing {
            return self.distrust(agent, &format!("gave up shard {shard}, which it was not asked to"));
        }
        // Who never began has changed nothing: the UEs of the last holder are as they were.
        let untouched = lapsed && reports == 0 && self.relay.holds(shard);
        if !untouched && (lapsed || !self.relay.is_whole(shard, batches)) {
            self.relay.drop(shard);
        }
        let name = self.name(agent);
        self.decide(
            "a shard was given up",
            json!({"shard": shard, "agent": name, "reports": reports, "lapsed": lapsed}),
        );
        if untouched {
            self.record(Record::Releasing { shard, why: "the lease lapsed before it began".to_owned() });
        }
        self.record(Record::Released { shard, reports, lapsed: lapsed && !untouched });
        self.vacate_when_merged(shard);
    }

    pub(super) fn vacate_when_merged(&mut self, shard: u32) {
        let state = &self.state.shards[shard as usize];
        let Some(reports) = state.reports.filter(|_| state.holder.is_some()) else { return };
        if self.state.merge.next(shard) >= reports {
            if let Some(presence) = state.holder.and_then(|agent| self.presence.get_mut(agent)) {
                presence.lapsed.remove(&shard);
            }
            let run_us = self.run_us();
            self.record(Record::Vacated { shard, run_us });
            self.vacate(shard);
        }
    }
}

/// Shards that are on their way at once, so that most of the load never notices.
const MOST_MOVES: usize = 4;
/// The same where agents want to leave.
const MOST_DRAINING: usize = 32;
/// An agent that has less time than this hands everything over at once, µs.
const URGENT_US: u64 = 150_000_000;
const BETWEEN_BALANCING: Duration = Duration::from_millis(500);
