//! What is lost with an agent, to the last attempt: so that the account balances, and no start is doubled.
//!
//! ```text
//! progress            dead                  resume_at
//!    ├── abandoned ─────┼──── never started ────┤── the successor's ──►
//! ```
//! Attempts below `progress` are in merged reports; those of them without an outcome were in flight. What came due until the
//! holder surely started nothing more may have been started: abandoned. What came due from then until the successor
//! begins nobody started.

use std::collections::BTreeMap;
use std::time::Duration;

use scenarios::Schedule;
use serde_json::json;

use super::state::Vacancy;
use super::{Core, Record, micros};
use results::AGENT_LOST;
use results::Gap;
use results::Phase;

impl Core {
    /// Everything that an agent holds is lost: it is known to have started nothing after `dead_us`.
    pub(super) fn lose_shards(&mut self, agent: usize, dead_us: u64, cause: &str) {
        let shards: Vec<u32> = self.state.agents[agent].held.iter().copied().collect();
        if shards.is_empty() {
            return;
        }
        self.decide("lost shards", json!({"agent": self.name(agent), "shards": shards, "reason": cause}));
        if self.start.is_some() {
            self.warn(format!("shards {shards:?} were lost: {cause}"));
        }
        for shard in shards {
            self.record(Record::Lost { shard, dead_us, cause: cause.to_owned() });
            self.relay.drop(shard);
            self.vacate(shard);
        }
    }

    /// An agent has come back and knows nothing of a shard that it should have: it never got the lease, or lost it.
    pub(super) fn came_back_without(&mut self, agent: usize, shard: u32) {
        let cause = format!("agent {} came back without it", self.name(agent));
        let dead_us = self.dead_us(agent);
        self.decide("lost a shard", json!({"shard": shard, "reason": cause}));
        self.record(Record::Lost { shard, dead_us, cause });
        self.relay.drop(shard);
        self.vacate(shard);
    }

    /// After this an agent that is lost now has started nothing.
    pub(super) fn dead_us(&self, agent: usize) -> u64 {
        match self.start {
            None => 0,
            Some(_) if self.start_is_unsure() => UNKNOWN,
            Some(_) => self.run_us_of(agent),
        }
    }

    /// The account of a shard that nobody held from its last report on, until `to_us`.
    pub(super) fn gap(&mut self, shard: u32, dead_us: u64, to_us: u64) -> Gap {
        let before = self.state.shards[shard as usize].progress.clone();
        let mut abandoned = self.state.totals.in_flight(shard);
        let dead = self.due_from(shard, dead_us);
        let until = self.due_from(shard, to_us);
        let (mut never_started, mut due) = (BTreeMap::new(), BTreeMap::new());
        let loads = self.plan.scenario().load.iter().map(|load| load.procedure.name().to_owned());
        let known = before.iter().copied().chain(std::iter::repeat(0));
        for (((name, before), dead), until) in loads.zip(known).zip(dead).zip(until) {
            *abandoned.entry(name.clone()).or_insert(0) += dead.saturating_sub(before);
            *never_started.entry(name.clone()).or_insert(0) += until.saturating_sub(dead.max(before));
            *due.entry(name).or_insert(0) += until.saturating_sub(before);
        }
        for counts in [&mut abandoned, &mut never_started, &mut due] {
            counts.retain(|_, n| *n > 0);
        }
        let state = &self.state.shards[shard as usize];
        let (from, cause, reported_us) = state.vacancy.as_ref().map_or_else(
            || (state.holder, String::new(), state.reported_us),
            |vacancy| (Some(vacancy.from), vacancy.cause.clone(), vacancy.reported_us),
        );
        Gap {
            shard,
            from_us: reported_us.min(to_us),
            to_us,
            cause,
            from_agent: from.map(|agent| self.name(agent)).unwrap_or_default(),
            to_agent: None,
            abandoned,
            never_started,
            reason: AGENT_LOST.to_owned(),
            due,
            registered: state.registered,
            sessions: state.sessions,
        }
    }

    /// For each load, the first attempt that is due at `at_us` or later, and not accounted for.
    pub(super) fn due_from(&mut self, shard: u32, at_us: u64) -> Vec<u64> {
        let plan = &self.plan;
        let cursors = self.cursors.entry(shard).or_insert_with(|| plan.shard(shard).schedules());
        let progress = self.state.shards[shard as usize].progress.iter().copied().chain(std::iter::repeat(0));
        let at = Duration::from_micros(at_us);
        cursors
            .iter_mut()
            .zip(progress)
            .map(|(cursor, progress)| cursor.skip_before(at).max(progress))
            .collect()
    }

    /// A shard ends here: what is in flight is lost, and the rest of the plan is never started.
    pub(super) fn end_shard(&mut self, shard: u32, reason: &str, cause: &str) {
        let now_us = self.run_us();
        let state = &self.state.shards[shard as usize];
        let dead_us = match (state.holder, &state.vacancy) {
            (None, Some(Vacancy { dead_us: Some(UNKNOWN), .. })) => self.most_us(),
            (Some(holder), _) => self.run_us_of(holder),
            (None, Some(vacancy)) => vacancy.dead_us.unwrap_or(0),
            (None, None) => 0,
        };
        let mut gap = self.gap(shard, dead_us, now_us.max(dead_us));
        let planned: Vec<u64> =
            self.cursors.get(&shard).into_iter().flatten().map(Schedule::planned).collect();
        let until = self.due_from(shard, now_us.max(dead_us));
        let loads = self.plan.scenario().load.iter().map(|load| load.procedure.name().to_owned());
        for ((name, planned), until) in loads.zip(planned).zip(until) {
            *gap.never_started.entry(name).or_insert(0) += planned.saturating_sub(until);
        }
        gap.never_started.retain(|_, n| *n > 0);
        gap.reason = reason.to_owned();
        if gap.cause.is_empty() {
            gap.cause = cause.to_owned();
        }
        self.decide("shard ends unfinished", json!({"shard": shard, "reason": cause}));
        self.vacant.remove(&shard);
        self.cursors.remove(&shard);
        self.relay.drop(shard);
        self.record(Record::Ended(Box::new(gap)));
    }

    /// Shards that nobody has taken for as long as a lease lasts end.
    pub(super) fn end_orphans(&mut self) {
        let limit = self.settings.lease;
        let orphans: Vec<u32> = self
            .vacant
            .iter()
            .filter(|(shard, since)| {
                self.state.shards[**shard as usize].vacancy.is_some() && self.vacant_for(**since) >= limit
            })
            .map(|(shard, _)| *shard)
            .collect();
        if orphans.is_empty() {
            return;
        }
        if self.start.is_none() {
            self.invalidate(format!(
                "fleet lost: nobody took shards {orphans:?} for {} s",
                micros(limit) / 1_000_000
            ));
            return self.drain("agent-lost", Duration::ZERO);
        }
        if self.state.phase == Phase::Running {
            self.warn(format!("shards {orphans:?} ended: nobody was there to take them"));
        }
        orphans
            .into_iter()
            .for_each(|shard| self.end_shard(shard, AGENT_LOST, "nobody was there to take it"));
    }
}

/// When an agent was lost, as long as the run's clock is not sure: the moment at which it becomes known counts.
pub(super) const UNKNOWN: u64 = u64::MAX;
