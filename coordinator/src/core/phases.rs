//! How a run goes on by itself, whatever just happened.
//!
//! ```text
//! joining ──► (clocks) ──► preparing ──► running ──► draining ──► done
//!    └───────────┴─────────────┴── stop, CannotPrepare, fleet lost ─┘
//! ```

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::json;
use wire::lease::grantor_limit;

use super::record::Fate;
use super::run_clock::CLOCK_ROUNDS;
use super::{Core, End, Record, Stage, is_supervisor, micros};
use results::AGENT_LOST;
use results::Phase;

impl Core {
    /// `whole` is false after a single message: then only what it may have made urgent is looked at.
    pub(super) fn advance(&mut self, whole: bool) {
        if self.end.is_some() {
            return;
        }
        match self.state.phase {
            Phase::Joining if self.state.drain.is_some() => self.over(),
            Phase::Preparing if self.state.drain.is_some() => self.end_unbegun(),
            Phase::Joining if whole => self.wait_for_agents(),
            Phase::Preparing if whole => {
                self.end_leases();
                self.end_orphans();
                self.fill_vacancies();
                self.wait_until_ready();
            }
            Phase::Running | Phase::Draining => {
                if whole {
                    self.end_leases();
                }
                self.settle_vacancies();
                if whole {
                    self.play();
                }
            }
            Phase::Joining | Phase::Preparing | Phase::Done => {}
        }
    }

    fn wait_for_agents(&mut self) {
        let connected: BTreeSet<usize> = self.connected().collect();
        if connected.len() < self.settings.agents_wanted {
            self.clocks_since = None;
            if self.now.saturating_duration_since(self.phase_since) >= self.settings.join_timeout {
                let (joined, wanted) = (connected.len(), self.settings.agents_wanted);
                self.decide("gave up waiting for agents", json!({"joined": joined, "wanted": wanted}));
                self.end = Some(End::TooFewAgents);
            }
            return;
        }
        let Some(since) = self.clocks_since else {
            self.clocks_since = Some(self.now);
            return self.ping_all();
        };
        let known = connected.iter().all(|agent| self.presence[*agent].clock.rounds() >= CLOCK_ROUNDS);
        if known || self.now.saturating_duration_since(since) >= CLOCKS_TIMEOUT {
            self.record(Record::Phase(Phase::Preparing));
            self.phase_since = self.now;
            (0..self.plan.shards()).for_each(|shard| self.vacate(shard));
            self.fill_vacancies();
        }
    }

    fn wait_until_ready(&mut self) {
        let ready = |stage: Stage| stage == Stage::Ready;
        if self.state.shards.iter().all(|shard| ready(shard.stage)) {
            return self.begin();
        }
        if self.now.saturating_duration_since(self.phase_since) >= self.settings.prepare_timeout {
            self.invalidate(self.never_ready());
            self.drain("cannot-prepare", Duration::ZERO);
        }
    }

    /// The run ends before its start, when the agents have reported what they have said with the core until then.
    fn end_unbegun(&mut self) {
        let reports = |shard: &super::Shard| shard.holder.is_some() && !shard.is_over();
        let late = self.drain_until.is_some_and(|until| self.now >= until);
        if late || !self.state.shards.iter().any(reports) {
            self.over();
        }
    }

    /// Which shards were never ready, and whose they were: an agent that says nothing more is named, too.
    fn never_ready(&self) -> String {
        let mut waiting: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (number, shard) in self.state.shards.iter().enumerate() {
            if shard.stage != Stage::Ready {
                let holder = shard.holder.map_or_else(|| "nobody".to_owned(), |agent| self.name(agent));
                waiting.entry(holder).or_default().push(number);
            }
        }
        let of = |(agent, shards): (&String, &Vec<usize>)| match shards.get(..MOST_NAMED) {
            Some(first) if shards.len() > MOST_NAMED => {
                format!("{first:?} and {} more of agent {agent}", shards.len() - MOST_NAMED)
            }
            _ => format!("{shards:?} of agent {agent}"),
        };
        let mut named: Vec<String> = waiting.iter().take(MOST_NAMED).map(of).collect();
        if waiting.len() > MOST_NAMED {
            named.push(format!("those of {} more agents", waiting.len() - MOST_NAMED));
        }
        format!(
            "shards {} were not ready within {} s: is the target reachable from there, and does the agent still work?",
            named.join(", "),
            self.settings.prepare_timeout.as_secs()
        )
    }

    /// Shards that nobody holds go to who can take them, or end when nothing more is started.
    fn settle_vacancies(&mut self) {
        if self.vacant.is_empty() || self.start_is_unsure() {
            return;
        }
        if let Some(drain) = self.state.drain.clone() {
            // Nothing more is started, so nobody needs to take it.
            let vacant: Vec<u32> = self.vacant.keys().copied().collect();
            vacant
                .into_iter()
                .for_each(|shard| self.end_shard(shard, &drain.reason, "nobody has it any more"));
        } else {
            self.end_orphans();
            self.fill_vacancies();
        }
    }

    fn play(&mut self) {
        if self.start_is_unsure() {
            return;
        }
        if self.state.drain.is_none() {
            self.balance();
            self.audit_visitors();
        }
        let end = self.plan.duration() + self.plan.scenario().drain + OVERDUE_MARGIN + self.settings.lease;
        if self.state.drain.is_none() && self.run_us() >= micros(end) && self.paused.is_none() {
            self.warn("some shards did not finish in time and were told to".to_owned());
            self.drain("overdue", Duration::ZERO);
        }
        if self.drain_until.is_some_and(|until| self.now >= until) {
            let shards = (0..).zip(&self.state.shards);
            let late: Vec<u32> = shards.filter(|(_, shard)| !shard.is_over()).map(|(n, _)| n).collect();
            if !late.is_empty() {
                self.warn(format!("shards {late:?} did not finish in time"));
            }
            late.into_iter().for_each(|shard| self.end_shard(shard, AGENT_LOST, "did not finish in time"));
        }
        if self.state.shards.iter().all(super::Shard::is_over) {
            self.over();
        }
    }

    fn over(&mut self) {
        if self.state.phase != Phase::Done && self.end.is_none() {
            self.record(Record::Phase(Phase::Done));
        }
        self.end = Some(End::Over);
    }

    /// Every record is applied, in a new process: all agents are away, and every lease may have been renewed just now.
    pub(super) fn restarted(&mut self) {
        let now = self.now;
        self.presence = self.state.agents.iter().map(|_| super::Presence::away(now)).collect();
        if self.state.phase == Phase::Joining {
            // Before it has a lease an agent has nothing to prove itself by, and joins anew.
            let left = |member: &super::Member| !is_supervisor(member) && member.fate == Fate::Present;
            let left: Vec<usize> =
                (0..).zip(&self.state.agents).filter(|(_, m)| left(m)).map(|(n, _)| n).collect();
            for agent in left {
                let why = "the coordinator was started again".to_owned();
                self.record(Record::Fate { agent, fate: Fate::Lost(why) });
            }
        }
        (self.phase_since, self.pinged, self.balanced) = (now, now, now);
        if let Some(start_wall_us) = self.state.start_wall_us {
            let start = UNIX_EPOCH + Duration::from_micros(start_wall_us);
            let paused_at =
                self.state.paused_at_us.map(|at| Duration::from_micros(at + self.state.paused_us));
            let elapsed = self.wall.duration_since(start).unwrap_or_default();
            let reported = Duration::from_micros(self.state.totals.last_us + self.state.paused_us);
            self.floor_us = self.state.totals.last_us;
            self.start = now.checked_sub(elapsed.max(reported));
            for (presence, member) in self.presence.iter_mut().zip(&self.state.agents) {
                presence.knows_start = member.start_at_us.is_some() && member.fate.may_return();
                presence.unheard_us = member.paused_us.saturating_sub(member.stood_us);
            }
            let awaited = self.presence.iter().any(|presence| presence.knows_start);
            self.unsure_until = awaited.then(|| now + grantor_limit(self.settings.lease));
            self.paused = self.start.zip(paused_at).map(|(start, at)| start + at);
        }
        if self.state.phase != Phase::Joining {
            let shards = (0..).zip(&self.state.shards).filter(|(_, shard)| shard.stage == Stage::Vacant);
            self.vacant = shards.map(|(shard, _)| (shard, now)).collect();
        }
        self.drain_until = self
            .state
            .drain
            .as_ref()
            .map(|drain| now + Duration::from_micros(drain.grace_us) + super::ending::REPORT_MARGIN);
        if self.state.phase == Phase::Done {
            self.end = Some(End::Over);
        }
        // Whose end was known, and whose last words were waited for.
        let is_dead =
            |member: &super::Member| matches!(member.fate, Fate::Dead(_)) && !member.held.is_empty();
        let dead: Vec<usize> =
            (0..).zip(&self.state.agents).filter(|(_, member)| is_dead(member)).map(|(n, _)| n).collect();
        for agent in dead {
            let dead_us = self.dead_us(agent);
            self.lose_shards(agent, dead_us, &format!("process of agent {} had ended", self.name(agent)));
        }
        let agents = self.state.agents.iter().filter(|member| !is_supervisor(member)).count();
        self.decide("the coordinator was started again", json!({"agents": agents}));
    }
}

const CLOCKS_TIMEOUT: Duration = Duration::from_secs(5);
/// Shards of an agent, and agents, in one text.
const MOST_NAMED: usize = 8;
/// After the schedule and its grace, agents have this long to say that they have finished.
const OVERDUE_MARGIN: Duration = Duration::from_secs(10);
