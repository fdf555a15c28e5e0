//! A leased shard in its worker, from the moment it is expected until its associations are closed.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use sctp::{AssociationId, Endpoint, Targets};
use wire::away::NOBODY_HAS_IT;
use wire::to_agent::UeBatch;

use super::Expected;
use super::messages::{Notice, Order};
use crate::shard::ShardRunner;
use crate::time::lease_clock;

/// A shard with what its driver needs to know.
pub(super) struct LeasedShard {
    pub(super) shard: u32,
    pub(super) epoch: u64,
    pub(super) targets: Targets,
    pub(super) slot: Option<u32>,
    /// The end of the lease, by [`lease_clock`].
    until: Instant,
    pub(super) associations: HashMap<u16, AssociationId>,
    pub(super) stage: Stage,
    /// Why it cannot be run here: told after its last report.
    pub(super) unprepared: Option<String>,
}

/// How far a shard is.
pub(super) enum Stage {
    /// It is being built; what it is told meanwhile.
    Expected(Vec<Order>),
    Runs(Box<ShardRunner>),
    /// It is to be exported, and comes to rest.
    Settles(Box<ShardRunner>),
    /// All has ended, and its associations are being closed: what still comes belongs into its account.
    Parts {
        runner: Box<ShardRunner>,
        until: Instant,
    },
    /// Its last report is made, after its associations were closed.
    Finished(Box<ShardRunner>),
    /// It cannot be run here, and nothing of it is to be reported any more.
    Unprepared(String),
    /// Its last report is out; its associations are being closed.
    Closes {
        until: Instant,
        ues: Vec<UeBatch>,
    },
}

impl LeasedShard {
    pub(super) fn new(expected: Expected) -> Self {
        Self {
            shard: expected.shard,
            epoch: expected.epoch,
            targets: expected.targets,
            slot: expected.user_plane.map(|(_, slot)| slot),
            until: expected.until,
            associations: HashMap::new(),
            stage: Stage::Expected(Vec::new()),
            unprepared: None,
        }
    }

    /// Opens the association of an NG interface, with the target that it is with.
    pub(super) fn connect(&self, interface: u16, endpoint: &mut Endpoint) -> Result<AssociationId, String> {
        let place = self.runner_ref().map_or(0, |runner| runner.target_of(interface));
        let target = self.targets.addresses().get(place).ok_or("the lease names no such target")?;
        endpoint.connect(target, Instant::now()).map_err(|error| format!("{target}: {error}"))
    }

    /// Whether no message of it may leave any more.
    pub(super) fn has_lapsed(&self) -> bool {
        self.until <= lease_clock::now()
    }

    /// What has ended is not renewed.
    pub(super) fn renew(&mut self, until: Instant) {
        if !self.has_lapsed() {
            self.until = self.until.max(until);
        }
    }

    /// The shard, while it does anything.
    pub(super) fn runner(&mut self) -> Option<&mut ShardRunner> {
        match &mut self.stage {
            Stage::Runs(runner)
            | Stage::Settles(runner)
            | Stage::Parts { runner, .. }
            | Stage::Finished(runner) => Some(runner),
            Stage::Expected(_) | Stage::Unprepared(_) | Stage::Closes { .. } => None,
        }
    }

    pub(super) fn runner_ref(&self) -> Option<&ShardRunner> {
        match &self.stage {
            Stage::Runs(runner)
            | Stage::Settles(runner)
            | Stage::Parts { runner, .. }
            | Stage::Finished(runner) => Some(runner),
            Stage::Expected(_) | Stage::Unprepared(_) | Stage::Closes { .. } => None,
        }
    }

    /// The shard, while there is something to report of it.
    pub(super) fn reporting(&self) -> Option<&ShardRunner> {
        self.runner_ref().filter(|_| !matches!(self.stage, Stage::Finished(_)))
    }

    /// Carries an order out, or keeps it until the shard is built. Returns what is to be answered.
    pub(super) fn handle(&mut self, order: Order, now: Instant) -> Option<Notice> {
        if let Stage::Expected(later) = &mut self.stage {
            later.push(order);
            return None;
        }
        match order {
            Order::Release { settle } => self.settle(now, settle),
            Order::Renew { until } => self.renew(until),
            _ => {}
        }
        let (shard, epoch) = (self.shard, self.epoch);
        let Some(runner) = self.runner() else {
            // Whoever asks for an attempt waits for a word.
            let Order::DueAway(due) = order else { return None };
            return Some(Notice::Answer(due.not_begun(NOBODY_HAS_IT)));
        };
        match order {
            Order::Start { at, wall_us, paused } => {
                runner.start(lease_clock::monotonic(at), wall_us);
                paused.into_iter().for_each(|at| runner.pause(lease_clock::monotonic(at)));
            }
            Order::Adopt(batch) => match runner.adopt(&batch) {
                Ok(ues) => tracing::debug!(shard = batch.shard, part = batch.part, ues, "adopted"),
                // They are as UEs that were never registered.
                Err(error) => tracing::warn!(shard = batch.shard, part = batch.part, %error, "not adopted"),
            },
            Order::Pause { at } => runner.pause(lease_clock::monotonic(at)),
            Order::Resume { at, paused } => runner.resume(lease_clock::monotonic(at), paused),
            Order::ShardLost { lost, number, late } => runner.shard_lost(lost, number, late, now),
            Order::VisitorAudit { call } => {
                let visitors = runner.answer_visitor_audit(call, now)?;
                return Some(Notice::Visitors { shard, epoch, call, visitors });
            }
            Order::FoundAway { call, found } => runner.found_away(call, &found),
            Order::DueAway(due) => runner.due_away(&due, now),
            Order::AwayEnded(end) => runner.away_ended(&end, now),
            Order::Drain { reason, grace } => runner.drain(&reason, now, now + grace),
            Order::Take { .. } | Order::Renew { .. } | Order::Release { .. } | Order::Revoke => {}
        }
        None
    }

    fn settle(&mut self, now: Instant, settle: Duration) {
        // A stage without a shard is left as it is; so is one that has nothing to export.
        let stage = std::mem::replace(&mut self.stage, Stage::Expected(Vec::new()));
        self.stage = match stage {
            Stage::Runs(mut runner) => {
                runner.settle(now, now + settle);
                Stage::Settles(runner)
            }
            other => other,
        };
    }

    /// When something is to be done, beside what the shard itself wants.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let ends = match &self.stage {
            Stage::Closes { until, .. } | Stage::Parts { until, .. } => Some(*until),
            _ => None,
        };
        let runner = self.runner_ref().filter(|_| !matches!(self.stage, Stage::Finished(_)));
        // Nobody else says when a lease has lapsed.
        let lapses = Some(lease_clock::monotonic(self.until));
        [ends, runner.and_then(ShardRunner::next_deadline), lapses].into_iter().flatten().min()
    }
}
