//! Leases: who gets a shard, for how long, and what happens when nobody renews it.

use std::cmp::Ordering;
use std::time::{Duration, Instant};

use serde_json::json;
use wire::lease::{grantor_limit, holder_limit};
use wire::to_agent::{Lease, MOST_LOST, Takeover, ToAgent};

use super::record::{Fate, Leased};
use super::state::Vacancy;
use super::takeover::UNKNOWN;
use super::{Core, Record, Shard, Stage, is_supervisor, micros};
use results::Phase;

impl Core {
    /// The lease that is meant, if this agent holds it.
    pub(super) fn holds(&self, agent: usize, shard: u32, epoch: u64) -> bool {
        let held = |lease: &&Shard| lease.holder == Some(agent) && lease.epoch == epoch && !lease.is_over();
        self.state.shards.get(shard as usize).is_some_and(|lease| held(&lease))
    }

    /// An agent lives: what it holds is extended from the moment at which it asked.
    pub(super) fn renew(&mut self, agent: usize, asked_us: u64) {
        if !self.state.agents[agent].fate.takes_part() {
            if !matches!(self.state.agents[agent].fate, Fate::Lost(_)) {
                return;
            }
            self.record(Record::Fate { agent, fate: Fate::Present });
        }
        let presence = &mut self.presence[agent];
        presence.asked_us = presence.asked_us.max(asked_us);
        presence.asked_at = self.now;
        let held = self.state.agents[agent].held.iter().filter(|shard| !presence.lapsed.contains(shard));
        let leases = held.map(|shard| (*shard, self.state.shards[*shard as usize].epoch)).collect();
        let valid_us = micros(self.settings.lease);
        self.send(agent, ToAgent::Renew { asked_us, valid_us, leases });
    }

    /// Shards of agents that did not ask in time go to others.
    pub(super) fn end_leases(&mut self) {
        let limit = grantor_limit(self.settings.lease);
        for agent in 0..self.state.agents.len() {
            let member = &self.state.agents[agent];
            let expired = self.now >= self.presence[agent].asked_at + limit;
            if !expired || is_supervisor(member) || member.held.is_empty() {
                continue;
            }
            let name = self.name(agent);
            let why = match (&self.state.agents[agent].fate, self.presence[agent].link) {
                (Fate::Refused(why), _) => format!("it {why}"),
                (_, None) => "its connection was lost".to_owned(),
                (_, Some(_)) => "it did not say that it lives".to_owned(),
            };
            let held: Vec<(u32, u64)> = self.state.agents[agent]
                .held
                .iter()
                .map(|shard| (*shard, self.state.shards[*shard as usize].epoch))
                .collect();
            self.decide("leases ended", json!({"agent": name, "reason": why}));
            if self.state.agents[agent].fate.takes_part() {
                self.record(Record::Fate { agent, fate: Fate::Lost(why.clone()) });
            }
            let dead_us = self.dead_us(agent);
            self.lose_shards(agent, dead_us, &format!("leases of agent {name} ended: {why}"));
            held.into_iter().for_each(|(shard, epoch)| self.revoke(agent, shard, epoch));
        }
    }

    /// Gives what nobody holds to who has least to do.
    pub(super) fn fill_vacancies(&mut self) {
        let waiting: Vec<u32> = self.vacant.keys().copied().collect();
        if waiting.is_empty() || self.state.phase == Phase::Joining {
            return;
        }
        let mut loads = self.loads();
        if loads.is_empty() {
            return;
        }
        // Before anybody takes a lost shard up: its subscribers are at home again.
        self.tell_all_losses();
        for shard in waiting {
            let able = (0..loads.len()).filter(|place| {
                loads.get(*place).is_some_and(|(agent, ..)| !self.presence[*agent].unable.contains(&shard))
            });
            let Some(least) = able.min_by(|a, b| compare(&loads[*a], &loads[*b])) else { continue };
            loads[least].1 += 1;
            self.grant(shard, loads[least].0);
        }
    }

    /// Agents that shards can be given to, with how many they have and how many workers.
    pub(super) fn loads(&self) -> Vec<(usize, u64, u64)> {
        let able = self.connected().filter(|agent| self.can_take(*agent));
        able.map(|agent| {
            (agent, self.state.agents[agent].held.len() as u64, self.state.agents[agent].workers())
        })
        .collect()
    }

    fn can_take(&self, agent: usize) -> bool {
        let presence = &self.presence[agent];
        self.state.agents[agent].fate == Fate::Present
            && self.now < presence.asked_at + holder_limit(self.settings.lease)
            && !self.is_behind(agent)
            && (self.start.is_none() || self.clock_is_known(agent))
    }

    /// What the agent said last was said long ago by its clock, so what was held up on the way is still coming: a lease
    /// from then on would have ended before it began.
    fn is_behind(&self, agent: usize) -> bool {
        let presence = &self.presence[agent];
        let shows = presence.clock.to_agent(self.us(self.now));
        let asked = i64::try_from(presence.asked_us).unwrap_or(i64::MAX);
        let age_us = u64::try_from(shows.saturating_sub(asked)).unwrap_or_default();
        presence.clock.rounds() > 0 && age_us > micros(holder_limit(self.settings.lease)) / 2
    }

    fn grant(&mut self, shard: u32, agent: usize) {
        let epoch = self.state.shards[shard as usize].epoch + 1;
        let running = self.start.is_some();
        let parcels = self.relay.parts(shard, epoch);
        if running && parcels.is_empty() {
            self.notice_lost_ues(shard);
        }
        let state = &self.state.shards[shard as usize];
        let vacancy = state.vacancy.clone();
        let (registered, sessions) = (state.registered, state.sessions);
        let mut resume_at = state.progress.clone();
        resume_at.resize(self.plan.scenario().load.len(), 0);
        let mut gap = None;
        let mut from_us = running.then(|| self.run_us());
        if let (true, Some(Vacancy { dead_us: Some(dead_us), .. })) = (running, &vacancy) {
            let dead_us = &if *dead_us == UNKNOWN { self.most_us() } else { *dead_us };
            let from = dead_us.max(&self.run_us()).saturating_add(micros(self.lead()));
            let mut lost = self.gap(shard, *dead_us, from);
            lost.to_agent = Some(self.name(agent));
            resume_at = self.due_from(shard, from);
            (gap, from_us) = (Some(lost), Some(from));
        }
        let name = self.name(agent);
        self.decide(
            "leased a shard",
            json!({"shard": shard, "epoch": epoch, "agent": name, "resume_at": resume_at}),
        );
        self.vacant.remove(&shard);
        let takeover = from_us.map(|from_us| Takeover {
            from_us,
            registered: if parcels.is_empty() { registered } else { 0 },
            sessions: if parcels.is_empty() { sessions } else { 0 },
            batches: u32::try_from(parcels.len()).unwrap_or(u32::MAX),
            lost: self.state.lost[self.state.lost.len().saturating_sub(MOST_LOST)..].to_vec(),
            losses: self.state.lost.len() as u64,
        });
        let leased = Leased { shard, epoch, agent, resume_at: resume_at.clone(), from_us, gap };
        self.record(Record::Leased(Box::new(leased)));
        let lease = Lease {
            run: self.state.run.clone(),
            scenario: self.scenario.clone(),
            seed: self.plan.seed(),
            shard,
            shards: self.plan.shards(),
            epoch,
            asked_us: self.presence[agent].asked_us,
            valid_us: micros(self.settings.lease),
            target: self.settings.target.clone(),
            resume_at,
            trace: self.settings.trace,
            key: self.state.key,
            takeover,
            rows: self.settings.rows,
            trace_id: self.trace_id(),
        };
        self.send(agent, ToAgent::Lease(Box::new(lease)));
        parcels.into_iter().for_each(|batch| self.send(agent, ToAgent::Ues(Box::new(batch))));
        if running && (self.state.agents[agent].start_at_us.is_none() || self.presence[agent].start_due) {
            self.tell_start(agent);
        }
    }

    /// A shard that was handed over has UEs, but none has come: whoever meets one of them elsewhere has to know.
    fn notice_lost_ues(&mut self, shard: u32) {
        let state = &self.state.shards[shard as usize];
        let moved = state.vacancy.as_ref().is_some_and(|vacancy| vacancy.dead_us.is_none());
        if moved && (state.registered > 0 || state.sessions > 0 || self.plan.roams()) {
            self.record(Record::UesLost { shard });
            self.tell_all_losses();
        }
    }

    pub(super) fn shard_ready(&mut self, agent: usize, shard: u32, epoch: u64) {
        if self.holds(agent, shard, epoch) && self.state.shards[shard as usize].stage == Stage::Preparing {
            let run_us = self.run_us();
            self.record(Record::Ready { shard, run_us });
            self.decide("shard is ready", json!({"shard": shard, "agent": self.name(agent)}));
        }
    }

    /// The core makes a shard wait before it is ready: so does the run, within a bound.
    pub(super) fn shard_waits(&mut self, agent: usize, shard: u32, epoch: u64, why: &str) {
        if !self.holds(agent, shard, epoch) || self.state.shards[shard as usize].stage != Stage::Preparing {
            return;
        }
        let why: String =
            why.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST_WHY).collect();
        self.decide(
            "shard waits for the core",
            json!({"shard": shard, "agent": self.name(agent), "why": why}),
        );
        self.warn(why);
        // The time for preparing counts from here, as often as an agent's own patience allows.
        if self.waits < MOST_WAITS {
            self.waits += 1;
            self.phase_since = self.now;
        }
    }

    /// Before the run, the scenario cannot be played, but where this agent lacks something that another one may have. Later it is
    /// this agent that cannot, whatever it says: another one may.
    pub(super) fn cannot_prepare(&mut self, agent: usize, shard: u32, epoch: u64, error: &str, own: bool) {
        if !self.holds(agent, shard, epoch) {
            return;
        }
        let name = self.name(agent);
        self.decide("shard cannot be prepared", json!({"shard": shard, "agent": name, "error": error}));
        let what = format!("agent {name} cannot prepare shard {shard}: {error}");
        self.presence[agent].unable.insert(shard);
        let another = own
            && self
                .connected()
                .any(|other| !self.presence[other].unable.contains(&shard) && self.can_take(other));
        if self.start.is_none() && !another {
            self.invalidate(what.clone());
            self.record(Record::Lost { shard, dead_us: 0, cause: what });
            return self.drain("cannot-prepare", Duration::ZERO);
        }
        self.warn(what.clone());
        let dead_us = self.state.shards[shard as usize].reported_us;
        self.record(Record::Lost { shard, dead_us, cause: what });
        self.relay.drop(shard);
        self.vacate(shard);
    }

    /// From now on nobody holds it.
    pub(super) fn vacate(&mut self, shard: u32) {
        self.vacant.insert(shard, self.now);
    }

    pub(super) fn vacant_for(&self, since: Instant) -> Duration {
        self.now.saturating_duration_since(since)
    }
}

/// The place of who has the most workers for each shard that it would have.
pub(super) fn lightest(loads: &[(usize, u64, u64)]) -> Option<usize> {
    (0..loads.len()).min_by(|a, b| compare(&loads[*a], &loads[*b]))
}

/// By shards for each worker with one shard more; crosswise, so without fractions.
fn compare(
    (_, held_a, workers_a): &(usize, u64, u64),
    (_, held_b, workers_b): &(usize, u64, u64),
) -> Ordering {
    ((held_a + 1) * workers_b).cmp(&((held_b + 1) * workers_a))
}

/// Letters of what a shard waits for.
const LONGEST_WHY: usize = 500;
/// How often shards that wait for the core lengthen the time for preparing.
const MOST_WAITS: u32 = 20;

#[cfg(test)]
mod tests {
    use super::lightest;

    fn deal(workers: &[u64], shards: usize) -> Vec<usize> {
        let mut loads: Vec<(usize, u64, u64)> = workers.iter().enumerate().map(|(n, w)| (n, 0, *w)).collect();
        let mut give = || {
            let least = lightest(&loads).unwrap();
            loads[least].1 += 1;
            least
        };
        (0..shards).map(|_| give()).collect()
    }

    #[test]
    fn shards_are_dealt_in_proportion_to_workers() {
        let dealt = deal(&[1, 3], 8);
        assert_eq!(dealt.iter().filter(|agent| **agent == 0).count(), 2);
        assert_eq!(dealt.iter().filter(|agent| **agent == 1).count(), 6);
    }

    #[test]
    fn fewer_shards_than_agents_leave_some_idle() {
        assert_eq!(deal(&[2, 2, 2], 1), [0]);
    }
}
