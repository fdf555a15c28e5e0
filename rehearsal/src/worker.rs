//! The workers of one agent, played: they do with their shards what the agent's own do, at the same orders. The shards are the agent's
//! own campaigns, each over a [`PlayedNetwork`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agent::holder::{Command, Notice, Order};
use agent::seam::Letter;
use agent::{Campaign, Shard};
use rand::Rng;
use rand::rngs::SmallRng;
use scenarios::{Plan, Schedule};
use wire::away::{AwayEnd, AwayOutcome};
use wire::to_agent::Lease;

use crate::clock::{Clock, Time};
use crate::played_network::{Played, PlayedNetwork, PlayedUe};
use crate::target::{Start, Target};
use crate::truth::{Made, Truth};

pub(crate) struct Worker {
    agent: usize,
    plan: Arc<Plan>,
    clock: Clock,
    shards: BTreeMap<(u32, u64), Held>,
    next_report: Option<Instant>,
    /// UEs that want to go to other shards.
    pub(crate) passages: Vec<Passage>,
    rng: SmallRng,
}

/// A UE that wants to go from a shard to another.
pub(crate) struct Passage {
    pub(crate) from: (u32, u64),
    pub(crate) ue: u32,
    pub(crate) to: u32,
    pub(crate) what: PlayedUe,
}

/// A leased shard.
struct Held {
    shard: Shard<PlayedNetwork>,
    /// The end of its lease.
    until: Instant,
    ready_at: Instant,
    told_ready: bool,
    told_finished: bool,
    settles: bool,
    /// How many losses of the run it knows of.
    losses: u64,
    /// What the schedule makes due next, by load: an account of it beside the campaign's.
    schedules: Vec<Schedule>,
    /// What came due before is due then: when the shard was taken over.
    shifted_to: Option<Instant>,
    is_successor: bool,
    /// The loads of attempts that other shards were asked for.
    asked: BTreeMap<u64, usize>,
    made: Made,
}

impl Worker {
    pub(crate) fn new(agent: usize, plan: &Arc<Plan>, clock: Clock, rng: SmallRng) -> Self {
        let (plan, shards, passages) = (Arc::clone(plan), BTreeMap::new(), Vec::new());
        Self { agent, plan, clock, shards, next_report: None, passages, rng }
    }

    pub(crate) fn obey(&mut self, command: Command, at: Time, truth: &mut Truth) -> Option<Notice> {
        let now = self.clock.instant(at);
        let (shard, epoch) = (command.shard, command.epoch);
        if let Order::Take { lease, until } = command.order {
            let ready_at = now + Duration::from_micros(self.rng.random_range(1_000..80_000));
            self.shards.insert((shard, epoch), Held::new(&self.plan, &lease, until, ready_at));
            return None;
        }
        let held = self.shards.get_mut(&(shard, epoch))?;
        let runner = &mut held.shard;
        match command.order {
            Order::Take { .. } => {}
            Order::VisitorAudit { call } => {
                let visitors = runner.answer_visitor_audit(call, now)?;
                return Some(Notice::Visitors { shard, epoch, call, visitors });
            }
            Order::FoundAway { call, found } => {
                truth.audits += 1;
                runner.found_away(call, &found);
            }
            Order::DueAway(due) => runner.due_away(&due, now),
            Order::AwayEnded(end) => held.away_ended(&end, now),
            Order::ShardLost { lost, number, late } => {
                if number > held.losses + 1 {
                    let heard = held.losses;
                    truth
                        .violations
                        .push(format!("{shard} under {epoch} heard of loss {number} after loss {heard}"));
                }
                held.losses = held.losses.max(number);
                runner.shard_lost(lost, number, late, now);
            }
            Order::Renew { until } => held.until = held.until.max(until),
            Order::Start { at, wall_us, paused } => {
                runner.start(at, wall_us);
                paused.into_iter().for_each(|at| runner.pause(at));
                self.next_report.get_or_insert(now + INTERVAL);
            }
            Order::Adopt(batch) => {
                if let Err(error) = runner.adopt(&batch) {
                    truth.violations.push(format!("UEs came to {shard} under {epoch}: {error}: {batch:?}"));
                }
            }
            Order::Release { settle } => {
                runner.settle(now, now + settle);
                held.settles = true;
            }
            Order::Revoke => drop(self.shards.remove(&(shard, epoch))),
            Order::Pause { at } => runner.pause(at),
            Order::Resume { at, paused } => runner.resume(at, paused),
            Order::Drain { reason, grace } => runner.drain(&reason, now, now + grace),
        }
        None
    }

    /// Nothing of the process ran for so long, until now.
    pub(crate) fn stood_still(&mut self, at: Time, lasted: Duration) {
        let now = self.clock.instant(at);
        for held in self.shards.values_mut() {
            held.shard.stood_still(now, lasted);
            held.shard.drive(now, &mut Vec::new(), |ran, _| ran.stood_still());
        }
    }

    /// Everything that is due by now.
    pub(crate) fn advance(&mut self, at: Time, target: &mut Target, truth: &mut Truth) -> Vec<Notice> {
        let now = self.clock.instant(at);
        let due = self.next_report.is_some_and(|next| next <= now);
        let mut turn = Turn {
            at,
            now,
            clock: self.clock,
            agent: self.agent,
            target,
            truth,
            passages: &mut self.passages,
            notices: Vec::new(),
        };
        self.shards.retain(|&key, held| held.goes_on(key, due, &mut turn));
        let notices = turn.notices;
        if let (true, Some(next)) = (due, &mut self.next_report) {
            while *next <= now {
                *next += INTERVAL;
            }
        }
        notices
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.shards.values().filter_map(Held::next_deadline).chain(self.next_report).min()
    }

    // Handovers between shards.

    /// Under which lease it has the shard, where its nodes are up.
    pub(crate) fn plays(&self, shard: u32) -> Option<u64> {
        let leases = self.shards.range((shard, 0)..=(shard, u64::MAX));
        leases.filter(|(_, held)| held.told_ready && !held.told_finished).map(|((_, epoch), _)| *epoch).max()
    }

    /// A UE wants to come to the shard. Whether it has.
    pub(crate) fn admit(&mut self, key: (u32, u64), what: PlayedUe, at: Time) -> bool {
        let now = self.clock.instant(at);
        let Some(held) = self.shards.get_mut(&key).filter(|held| held.until > now) else { return false };
        let mut is_here = false;
        held.shard.drive(now, &mut Vec::new(), |ran, _| is_here = ran.admit(what, now));
        is_here
    }

    /// What came of a passage: the UE has gone, or stays; or it has arrived.
    pub(crate) fn passed(&mut self, from: (u32, u64), ue: u32, came_of: Passed, at: Time) {
        let now = self.clock.instant(at);
        if let Some(held) = self.shards.get_mut(&from) {
            held.shard.drive(now, &mut Vec::new(), |ran, _| match came_of {
                Passed::Taken => ran.is_answered(ue, true, now),
                Passed::Refused => ran.is_answered(ue, false, now),
                Passed::Arrived => ran.has_arrived(ue, now),
            });
        }
    }

    /// Whose subscribers are in its shards: the shard and its lease, and home and number there.
    pub(crate) fn present(&self) -> impl Iterator<Item = ((u32, u64), (u32, u32))> + '_ {
        let ready = self.shards.iter().filter(|(_, held)| held.told_ready);
        ready.flat_map(|(key, held)| held.shard.ran().present().map(|who| (*key, who)))
    }
}

/// What came of a passage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passed {
    Taken,
    Refused,
    Arrived,
}

/// One time that a worker goes around its shards.
struct Turn<'a> {
    at: Time,
    now: Instant,
    clock: Clock,
    agent: usize,
    target: &'a mut Target,
    truth: &'a mut Truth,
    passages: &'a mut Vec<Passage>,
    notices: Vec<Notice>,
}

impl Held {
    fn new(plan: &Arc<Plan>, lease: &Lease, until: Instant, ready_at: Instant) -> Self {
        let resumed = |(load, mut schedule): (usize, Schedule)| {
            schedule.skip_to(lease.resume_at.get(load).copied().unwrap_or(0));
            schedule
        };
        Self {
            shard: Shard::over(Campaign::new(plan, lease), PlayedNetwork::new(plan, lease)),
            until,
            ready_at,
            told_ready: false,
            told_finished: false,
            settles: false,
            losses: lease.takeover.as_ref().map_or(0, |takeover| takeover.losses),
            schedules: plan.shard(lease.shard).schedules().into_iter().enumerate().map(resumed).collect(),
            shifted_to: None,
            is_successor: lease.takeover.is_some(),
            asked: BTreeMap::new(),
            made: Made::default(),
        }
    }

    fn away_ended(&mut self, end: &AwayEnd, now: Instant) {
        let load = self.asked.remove(&end.number).filter(|_| end.epoch == self.shard.epoch());
        if let Some(load) = load.filter(|_| end.outcome == AwayOutcome::Succeeded) {
            *self.made.away_succeeded.entry(load).or_default() += 1;
        }
        self.shard.away_ended(end, now);
    }

    /// Does what is due. `false` when the shard is no longer here.
    fn goes_on(&mut self, (shard, epoch): (u32, u64), due: bool, turn: &mut Turn<'_>) -> bool {
        let now = turn.now;
        let lapsed = self.until <= now;
        if lapsed {
            if !self.told_finished {
                self.shard.give_up("lease-lapsed", now);
                self.report(turn);
                turn.notices.push(Notice::Released { shard, epoch, lapsed });
            }
            return false;
        }
        self.advance(turn);
        if !self.told_ready && self.ready_at <= now {
            self.told_ready = true;
            turn.notices.push(Notice::Ready { shard, epoch });
        }
        if self.settles && self.shard.is_settled(now) {
            let ues = self.shard.export(now);
            self.report(turn);
            turn.notices.extend(ues.into_iter().map(|batch| Notice::Ues(Box::new(batch))));
            turn.notices.push(Notice::Released { shard, epoch, lapsed });
            return false;
        }
        let finishes = !self.told_finished && self.shard.is_finished(now);
        if finishes || (due && !self.told_finished) {
            self.report(turn);
        }
        if finishes {
            self.told_finished = true;
            turn.notices.push(Notice::Finished { shard, epoch });
        }
        true
    }

    fn advance(&mut self, turn: &mut Turn<'_>) {
        let now = turn.now;
        let mut out = Vec::new();
        for _ in 0..MOST_ADVANCES {
            if self.shifted_to.is_none() && self.shard.run_start().is_some_and(|start| start <= now) {
                self.shifted_to = if self.is_successor { Some(now) } else { self.shard.run_start() };
            }
            let before = self.shard.progress();
            self.shard.advance(now, &mut out);
            self.note_due(&before, turn);
            for played in out.drain(..) {
                self.carry_out(played, turn);
            }
            if self.shard.next_deadline().is_none_or(|deadline| deadline > now) {
                break;
            }
        }
    }

    /// What the campaign has taken from its schedules by now, and how late that was.
    fn note_due(&mut self, before: &[u64], turn: &Turn<'_>) {
        let Some(start) = self.shard.run_start() else { return };
        let number = self.shard.number();
        let after = self.shard.progress();
        for (load, (before, after)) in before.iter().zip(after).enumerate() {
            let Some(schedule) = self.schedules.get_mut(load) else { continue };
            for due in schedule.take(usize::try_from(after - before).unwrap_or(0)) {
                let at = start + due.at;
                let at = self.shifted_to.map_or(at, |to| at.max(to));
                let late_us = turn.at.saturating_sub(turn.clock.when(at));
                self.made.due.push(((number, load, due.index), late_us));
            }
        }
    }

    fn carry_out(&mut self, played: Played, turn: &mut Turn<'_>) {
        let (number, epoch) = (self.shard.number(), self.shard.epoch());
        match played {
            Played::Started { attempt, due } => {
                let due = turn.clock.when(due).min(turn.at);
                turn.target.start(attempt, Start { at: turn.at, due, epoch, agent: turn.agent });
            }
            Played::Letter(Letter::Ask { to, due }) => {
                let mut loads = self.schedules.iter().map(|schedule| schedule.procedure().place());
                if let Some(load) = loads.position(|procedure| procedure == due.procedure) {
                    self.asked.insert(due.number, load);
                    *turn.truth.asked.entry(load).or_default() += 1;
                }
                turn.notices.push(Notice::Ask { to, due });
            }
            Played::Letter(Letter::Answer(end)) => {
                turn.truth.answered(&end);
                turn.notices.push(Notice::Answer(end));
            }
            Played::Letter(Letter::CannotPrepare(why)) => {
                turn.truth.violations.push(format!("shard {number} cannot be prepared: {why}"));
            }
            Played::HandOver { ue, to, what } => {
                turn.passages.push(Passage { from: (number, epoch), ue, to, what });
            }
        }
    }

    fn report(&mut self, turn: &mut Turn<'_>) {
        let Some(report) = self.shard.report(turn.now) else { return };
        let mut made = std::mem::take(&mut self.made);
        let mut of_network = Made::default();
        self.shard.drive(turn.now, &mut Vec::new(), |ran, _| of_network = ran.take_made());
        (made.started, made.ended, made.lost) = (of_network.started, of_network.ended, of_network.lost);
        (made.latencies, made.violations) = (of_network.latencies, of_network.violations);
        made.stood_still = !report.standstills.is_empty();
        let report = turn.truth.made(report, made);
        turn.notices.push(Notice::Report(Box::new(report)));
    }

    fn next_deadline(&self) -> Option<Instant> {
        let ready = (!self.told_ready).then_some(self.ready_at);
        let shard = (!self.told_finished).then(|| self.shard.next_deadline()).flatten();
        shard.into_iter().chain(ready).chain(std::iter::once(self.until)).min()
    }
}

const INTERVAL: Duration = Duration::from_secs(1);
/// How often a shard may go on at once.
const MOST_ADVANCES: usize = 1000;
