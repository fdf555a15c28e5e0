//! The workers of one agent, played: they do with their shards what the agent's own do, at the same orders.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agent::holder::{Command, Notice, Order};
use rand::Rng;
use rand::rngs::SmallRng;
use scenarios::Plan;
use wire::to_agent::UeBatch;

use crate::clock::{Clock, Time};
use crate::shard::Shard;
use crate::target::Target;
use crate::truth::Truth;

pub(crate) struct Worker {
    agent: usize,
    plan: Arc<Plan>,
    clock: Clock,
    shards: BTreeMap<(u32, u64), Shard>,
    next_report: Option<Instant>,
    rng: SmallRng,
}

impl Worker {
    pub(crate) fn new(agent: usize, plan: &Arc<Plan>, clock: Clock, rng: SmallRng) -> Self {
        Self { agent, plan: Arc::clone(plan), clock, shards: BTreeMap::new(), next_report: None, rng }
    }

    pub(crate) fn obey(&mut self, command: Command, at: Time, truth: &mut Truth) {
        let now = self.clock.instant(at);
        let key = (command.shard, command.epoch);
        if let Order::Take { lease, until } = command.order {
            let ready_at = now + Duration::from_micros(self.rng.random_range(1_000..80_000));
            self.shards.insert(key, Shard::new(&self.plan, &lease, self.agent, until, ready_at));
            return;
        }
        let Some(shard) = self.shards.get_mut(&key) else { return };
        match command.order {
            Order::Take { .. } | Order::VisitorAudit { .. } | Order::FoundAway { .. } => {}
            // Its UEs stay at home.
            Order::DueAway(_) | Order::AwayEnded(_) => {}
            Order::ShardLost { number, .. } => {
                if number > shard.losses + 1 {
                    let heard = shard.losses;
                    truth.violations.push(format!("{key:?} heard of loss {number} after loss {heard}"));
                }
                shard.losses = shard.losses.max(number);
            }
            Order::Renew { until } => shard.until = shard.until.max(until),
            Order::Start { at, paused, .. } => {
                shard.start(at, paused.is_some());
                self.next_report.get_or_insert(now + INTERVAL);
            }
            Order::Adopt(batch) => match truth.ues(&batch.sealed) {
                Some((number, ues)) if number == shard.number && !shard.is_started() => shard.adopt(ues),
                _ => truth
                    .violations
                    .push(format!("UEs of {key:?} came to the wrong place or time: {batch:?}")),
            },
            Order::Release { settle } => shard.settle(now + settle),
            Order::Revoke => drop(self.shards.remove(&key)),
            Order::Pause { .. } => shard.pause(),
            Order::Resume { paused, .. } => shard.resume(paused),
            Order::Drain { reason, grace } => shard.drain(&reason, now + grace),
        }
    }

    /// Nothing of the process ran for so long, until now.
    pub(crate) fn stood_still(&mut self, at: Time, lasted: Duration) {
        let now = self.clock.instant(at);
        self.shards.values_mut().for_each(|shard| shard.stood_still(now, lasted));
    }

    /// Everything that is due by now.
    pub(crate) fn advance(&mut self, at: Time, target: &mut Target, truth: &mut Truth) -> Vec<Notice> {
        let now = self.clock.instant(at);
        let clock = self.clock;
        let due = self.next_report.is_some_and(|next| next <= now);
        let mut notices = Vec::new();
        self.shards.retain(|&(shard, epoch), held| {
            let lapsed = held.until <= now;
            if lapsed {
                if held.told_finished {
                    return false;
                }
                held.give_up("lease-lapsed");
                notices.extend(report(held, now, truth));
                notices.push(Notice::Released { shard, epoch, lapsed });
                return false;
            }
            held.advance(now, at, clock, target);
            if !held.told_ready && held.ready_at <= now {
                held.told_ready = true;
                notices.push(Notice::Ready { shard, epoch });
            }
            if held.is_settled() && held.is_moving() {
                notices.extend(report(held, now, truth));
                notices.extend(truth.export(held).into_iter().map(|batch| Notice::Ues(Box::new(batch))));
                notices.push(Notice::Released { shard, epoch, lapsed });
                return false;
            }
            let finishes = !held.told_finished && held.is_finished();
            if finishes || (due && !held.told_finished) {
                notices.extend(report(held, now, truth));
            }
            if finishes {
                held.told_finished = true;
                notices.push(Notice::Finished { shard, epoch });
            }
            true
        });
        if let (true, Some(next)) = (due, &mut self.next_report) {
            while *next <= now {
                *next += INTERVAL;
            }
        }
        notices
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.shards.values().filter_map(Shard::next_deadline).chain(self.next_report).min()
    }
}

fn report(shard: &mut Shard, now: Instant, truth: &mut Truth) -> Option<Notice> {
    let (report, made) = shard.report(now)?;
    Some(Notice::Report(Box::new(truth.made(report, made))))
}

/// UEs of a shard that moves, as the truth seals them.
pub(crate) fn batch(shard: u32, epoch: u64, part: u32, parts: u32, sealed: Vec<u8>) -> UeBatch {
    UeBatch { shard, epoch, part, parts, sealed }
}

const INTERVAL: Duration = Duration::from_secs(1);
