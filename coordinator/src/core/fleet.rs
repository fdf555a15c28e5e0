//! Who is there: agents and supervisors that join, return, vanish, leave, or are sent away.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use rand::Rng;
use serde_json::json;
use wire::to_agent::{ToAgent, Welcome};
use wire::to_coordinator::{Hello, Part, Return, ToCoordinator};

use super::member::unique_name;
use super::ports::ProcessEnd;
use super::record::{Fate, Joined};
use super::{Close, Core, Dead, LinkId, Presence, Record, is_supervisor};
use crate::time::ClockOffset;
use results::Phase;

impl Core {
    pub(super) fn join(&mut self, link: LinkId, mut hello: Hello, peer: SocketAddr) {
        if let Part::Returning(returning) = &hello.part {
            let returning = returning.clone();
            if let Some(agent) = self.proven(&returning) {
                return self.welcome_back(link, agent, &hello, &returning);
            }
            let (name, run) = (hello.name.clone(), returning.run.clone());
            self.decide("did not know a returning agent", json!({"agent": name, "run": run}));
            hello.part = Part::Agent;
            self.welcome(link, hello, peer);
            // Whatever it still holds is of another run, or another's.
            if let Some(agent) = self.links.get(&link).copied() {
                returning.held.iter().for_each(|held| self.revoke(agent, held.shard, held.epoch));
            }
            return;
        }
        self.welcome(link, hello, peer);
    }

    fn welcome(&mut self, link: LinkId, hello: Hello, peer: SocketAddr) {
        let supervisor = hello.part == Part::Supervisor;
        if supervisor && let Some(known) = self.supervisor_of(hello.mark) {
            return self.reconnect(link, known);
        }
        if let Some(reason) = self.why_not(supervisor) {
            self.decide("refused an agent", json!({"agent": hello.name, "reason": reason}));
            self.out.closes.push((link, Close::Refuse(format!("{reason}; join the next one"))));
            return;
        }
        // It has the name of the agent that it watches over, which joins later.
        let wished = if supervisor { format!("{} (supervisor)", hello.name) } else { hello.name.clone() };
        let name = unique_name(&wished, &self.state.agents);
        let token = self.random.random();
        let agent = self.state.agents.len();
        let what = if supervisor { "admitted a supervisor" } else { "admitted an agent" };
        self.decide(
            what,
            json!({"agent": name, "address": peer.to_string(), "workers": hello.workers, "program": hello.program, "belongs": hello.belongs.to_string()}),
        );
        let asked_us = hello.agent_us;
        self.record(Record::Joined(Box::new(Joined { name: name.clone(), hello, peer, token })));
        self.presence.push(Presence { asked_us, asked_at: self.now, ..Presence::away(self.now) });
        self.connect(agent, link);
        let program = wire::PROGRAM.to_owned();
        self.send(agent, ToAgent::Welcome(Welcome { agent: name, program, token, returned: false }));
        if self.start.is_some() && !supervisor {
            self.ping(agent);
        }
    }

    /// The supervisor with this mark, which nobody else knows.
    fn supervisor_of(&self, mark: Option<[u8; 16]>) -> Option<usize> {
        let mark = mark?;
        let with_it = |member: &super::Member| is_supervisor(member) && member.hello.mark == Some(mark);
        self.state.agents.iter().position(with_it).filter(|known| self.state.agents[*known].fate.takes_part())
    }

    /// A supervisor calls again: it has no state that could have been lost.
    fn reconnect(&mut self, link: LinkId, supervisor: usize) {
        self.close(supervisor);
        self.connect(supervisor, link);
        let member = &self.state.agents[supervisor];
        let (agent, token) = (member.name.clone(), member.token);
        self.decide("a supervisor is back", json!({"agent": agent}));
        let program = wire::PROGRAM.to_owned();
        self.send(supervisor, ToAgent::Welcome(Welcome { agent, program, token, returned: true }));
    }

    /// Why nobody new is let in.
    fn why_not(&self, supervisor: bool) -> Option<&'static str> {
        let ending = self.state.drain.is_some() || matches!(self.state.phase, Phase::Draining | Phase::Done);
        if ending && !supervisor {
            Some("the run is ending")
        } else if self.state.agents.len() >= self.settings.most_joins {
            Some("too many agents have joined this run")
        } else {
            None
        }
    }

    /// The agent that somebody claims to be, when it proves to be it.
    fn proven(&self, returning: &Return) -> Option<usize> {
        let known =
            |member: &super::Member| member.name == returning.agent && member.token == returning.token;
        let agent = self.state.agents.iter().position(known)?;
        let member = &self.state.agents[agent];
        let allowed = returning.run == self.state.run && member.fate.may_return() && !is_supervisor(member);
        allowed.then_some(agent)
    }

    /// An agent is back. It goes on with what it has, hands in what was not acknowledged, and learns what it has missed.
    fn welcome_back(&mut self, link: LinkId, agent: usize, hello: &Hello, returning: &Return) {
        if let Some(old) = self.presence[agent].link.take() {
            self.links.remove(&old);
            self.out.closes.push((old, Close::Goodbye));
        }
        if matches!(self.state.agents[agent].fate, Fate::Lost(_)) {
            self.record(Record::Fate { agent, fate: Fate::Present });
        }
        let Presence { knows_start, .. } = self.presence[agent];
        self.presence[agent] = Presence {
            asked_us: hello.agent_us,
            asked_at: self.now,
            knows_start,
            start_due: self.start.is_some(),
            ..Presence::away(self.now)
        };
        self.connect(agent, link);
        let name = self.name(agent);
        let held: Vec<(u32, u64)> = returning.held.iter().map(|held| (held.shard, held.epoch)).collect();
        self.decide("welcomed an agent back", json!({"agent": name, "holds": held}));
        let (program, token) = (wire::PROGRAM.to_owned(), self.state.agents[agent].token);
        self.send(agent, ToAgent::Welcome(Welcome { agent: name, program, token, returned: true }));
        self.ping(agent);
        // What it was told last may have been lost with its connection.
        let member = &self.state.agents[agent];
        let heard_us = member.stood_us.saturating_add(returning.paused_us);
        if heard_us < member.paused_us {
            self.record(Record::PausesHeard { agent, paused_us: heard_us });
        }
        let heard = usize::try_from(returning.losses).unwrap_or(usize::MAX);
        if heard < self.state.agents[agent].losses_told {
            self.record(Record::LossesTold { agent, count: heard });
        }
        self.tell_losses(agent, true);
        for held in &returning.held {
            if self.holds(agent, held.shard, held.epoch) {
                if held.lapsed {
                    self.presence[agent].lapsed.insert(held.shard);
                }
            } else {
                self.revoke(agent, held.shard, held.epoch);
            }
        }
        let missing: Vec<u32> = self.state.agents[agent]
            .held
            .iter()
            .copied()
            .filter(|shard| !returning.held.iter().any(|held| held.shard == *shard))
            .collect();
        missing.into_iter().for_each(|shard| self.came_back_without(agent, shard));
        self.repeat_orders(agent);
        // What a roll-call had found may have been lost with its connection.
        self.audits.settled = 0;
    }

    fn connect(&mut self, agent: usize, link: LinkId) {
        self.links.insert(link, agent);
        self.presence[agent].link = Some(link);
    }

    pub(super) fn revoke(&mut self, agent: usize, shard: u32, epoch: u64) {
        self.decide("revoked a lease", json!({"shard": shard, "epoch": epoch, "agent": self.name(agent)}));
        self.send(agent, ToAgent::Revoke { shard, epoch });
    }

    pub(super) fn join_failed(&mut self, reason: String) {
        self.decide("refused a join", json!({"reason": reason}));
        self.warn(format!("an agent could not join: {reason}"));
        if self.failed_joins.len() < 3 {
            self.failed_joins.push(reason);
        }
    }

    /// A link has ended. Before the run an agent is gone with it; later it may go on and come back.
    pub(super) fn gone(&mut self, link: LinkId, why: &str) {
        let Some(agent) = self.links.remove(&link) else { return };
        self.presence[agent].link = None;
        self.out.closes.push((link, Close::Goodbye));
        let name = self.name(agent);
        if is_supervisor(&self.state.agents[agent]) {
            return self.decide("a supervisor is gone", json!({"agent": name, "reason": why}));
        }
        if self.state.phase == Phase::Joining {
            self.record(Record::Fate { agent, fate: Fate::Lost(why.to_owned()) });
            return self.decide("an agent left before the run", json!({"agent": name, "reason": why}));
        }
        if !self.state.agents[agent].fate.takes_part() {
            return self.bury_the_dead();
        }
        let shards = self.state.agents[agent].held.clone();
        self.decide(
            "lost the connection of an agent",
            json!({"agent": name, "reason": why, "shards": shards}),
        );
        if shards.is_empty() {
            // It had done all it was there for.
            self.warn(format!(
                "agent {name} was gone before the end of the run, its shards were over: {why}"
            ));
        }
    }

    /// An agent goes, and says so.
    pub(super) fn leave(&mut self, agent: usize, reason: String) {
        let name = self.name(agent);
        self.decide("an agent left", json!({"agent": name, "reason": reason}));
        self.record(Record::Fate { agent, fate: Fate::Left(reason.clone()) });
        let dead_us = self.dead_us(agent);
        self.lose_shards(agent, dead_us, &format!("agent {name} left: {reason}"));
        self.close(agent);
    }

    /// From a supervisor: a process has ended. Only who started it knows its mark.
    pub(super) fn child_exited(&mut self, supervisor: usize, mark: &[u8; 16], status: &str) {
        let name = self.name(supervisor);
        if !is_supervisor(&self.state.agents[supervisor]) {
            return self.distrust(supervisor, "claimed to be a supervisor");
        }
        match self.process_of(mark) {
            Some(agent) => self.process_ended(agent, &name, status),
            None => {
                let status = process_status(status);
                self.decide("an unknown process ended", json!({"supervisor": name, "status": status}));
            }
        }
    }

    /// What a supervisor of this run tells of a process that is none of this run's: another's, in a fleet of several runs.
    pub(crate) fn process_of_another_run(&self, link: LinkId, message: &ToCoordinator) -> Option<ProcessEnd> {
        let ToCoordinator::ChildExited { mark, status } = message else { return None };
        let supervisor = *self.links.get(&link)?;
        let is_ours = !is_supervisor(&self.state.agents[supervisor]) || self.process_of(mark).is_some();
        (!is_ours).then(|| ProcessEnd {
            mark: *mark,
            status: process_status(status),
            supervisor: self.name(supervisor),
        })
    }

    /// A supervisor of another run tells of a process: it may be one of this run's.
    pub(super) fn process_ended_elsewhere(&mut self, end: &ProcessEnd) {
        if let Some(agent) = self.process_of(&end.mark) {
            self.process_ended(agent, &end.supervisor, &end.status);
        }
    }

    /// The agent whose process has this mark, and has not ended.
    fn process_of(&self, mark: &[u8; 16]) -> Option<usize> {
        self.state.agents.iter().position(|member| {
            member.hello.mark == Some(*mark)
                && !is_supervisor(member)
                && !matches!(member.fate, Fate::Dead(_))
        })
    }

    fn process_ended(&mut self, agent: usize, supervisor: &str, status: &str) {
        let (child, status) = (self.name(agent), process_status(status));
        let cause = format!("process of agent {child} ended: {status}");
        self.decide("a process ended", json!({"agent": child, "supervisor": supervisor, "status": status}));
        if !matches!(self.state.agents[agent].fate, Fate::Left(_) | Fate::Refused(_)) {
            self.record(Record::Fate { agent, fate: Fate::Dead(status) });
        }
        let dead = Dead { until: self.now + LAST_WORDS, dead_us: self.dead_us(agent), cause };
        if self.presence[agent].link.is_none() || self.state.agents[agent].held.is_empty() {
            return self.bury(agent, &dead);
        }
        self.presence[agent].dead = Some(dead);
    }

    /// What an ended process had said before is on another connection than the word that it has ended: a shard that it
    /// had handed over is not lost. Once its own connection has ended, or has had time enough, nothing more comes.
    pub(super) fn bury_the_dead(&mut self) {
        for agent in 0..self.presence.len() {
            let presence = &mut self.presence[agent];
            let over = |dead: &mut Dead| self.now >= dead.until || presence.link.is_none();
            if let Some(dead) = presence.dead.take_if(over) {
                self.bury(agent, &dead);
            }
        }
    }

    fn bury(&mut self, agent: usize, dead: &Dead) {
        self.lose_shards(agent, dead.dead_us, &dead.cause);
        self.close(agent);
    }

    pub(super) fn supervisor_says(&mut self, supervisor: usize, message: &ToCoordinator) {
        match message {
            ToCoordinator::Pong { .. } | ToCoordinator::Alive { .. } => {}
            ToCoordinator::Leaving { reason } => {
                self.record(Record::Fate { agent: supervisor, fate: Fate::Left(reason.clone()) });
                self.close(supervisor);
            }
            _ => self.distrust(supervisor, "sent what a supervisor does not send"),
        }
    }

    /// A peer that sends what cannot be true is sent away: nothing more of it counts. Its shards are not given away
    /// before its leases have ended: it may be running them.
    pub(super) fn distrust(&mut self, agent: usize, why: &str) {
        let name = self.name(agent);
        self.decide("distrusts an agent", json!({"agent": name, "reason": why}));
        self.record(Record::Fate { agent, fate: Fate::Refused(why.to_owned()) });
        self.warn(format!("agent {name} was sent away: it {why}"));
        let held: Vec<u32> = self.state.agents[agent].held.iter().copied().collect();
        for shard in held {
            let epoch = self.state.shards[shard as usize].epoch;
            self.revoke(agent, shard, epoch);
        }
        self.send(agent, ToAgent::Drain { reason: "refused".to_owned(), grace_us: 0 });
        self.close(agent);
    }

    /// Ends a link, once everything is sent.
    pub(super) fn close(&mut self, agent: usize) {
        if let Some(link) = self.presence[agent].link.take() {
            self.links.remove(&link);
            self.out.closes.push((link, Close::Goodbye));
        }
    }

    pub(super) fn tell_all_losses(&mut self) {
        let told: Vec<usize> = self.connected().collect();
        told.into_iter().for_each(|agent| self.tell_losses(agent, false));
    }

    /// Subscribers of shards that were lost are at home again: each agent is told once, before anybody takes them up; one that was
    /// away, late.
    fn tell_losses(&mut self, agent: usize, late: bool) {
        let (told, count) = (self.state.agents[agent].losses_told, self.state.lost.len());
        if told >= count {
            return;
        }
        self.record(Record::LossesTold { agent, count });
        let lost = self.state.lost.iter().copied().zip(1u64..).skip(told);
        let news: Vec<_> = lost.map(|(shard, number)| ToAgent::ShardLost { shard, number, late }).collect();
        news.into_iter().for_each(|loss| self.send(agent, loss));
    }
}

impl Presence {
    pub(super) fn away(now: std::time::Instant) -> Self {
        Self {
            link: None,
            clock: ClockOffset::default(),
            asked_us: 0,
            asked_at: now,
            lapsed: BTreeSet::new(),
            unable: BTreeSet::new(),
            start_due: false,
            urgent: false,
            knows_start: false,
            pause_told_us: None,
            pause_known: None,
            unheard_us: 0,
            resume_told_us: None,
            dead: None,
        }
    }
}

/// As it is shown: bounded, and without what a terminal would take for orders.
fn process_status(status: &str) -> String {
    status.chars().filter(|c| !c.is_control()).take(200).collect()
}

/// How long the last words of a process may take that has ended. They had left before: only the order is unsure.
const LAST_WORDS: Duration = Duration::from_millis(100);
