//! The visitor audit ([`wire::visitor_audit`]): after a loss, who was visiting the lost shard is found missing, and told home.
//!
//! ```text
//! a loss ──► QUIET without another, every shard runs ──► asked ──► every shard has answered ──► each home is told
//!               ▲                                          └── a shard moved, was lost, or did not answer ──┐
//!               └───────────────────────────────────────────────────────────────────────────────────────────┘
//! ```
//! None of it is recorded: a coordinator that is started again asks again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::json;
use wire::to_agent::ToAgent;
use wire::visitor_audit::{ANSWERED_WITHIN, AWAY_FOR, MOST_FOUND, MOST_GUESTS, NAMED_FOR};

use super::{Core, Stage};
use results::Phase;

/// What is known of visitor audits.
#[derive(Default)]
pub(super) struct Audits {
    /// Losses that were looked into.
    pub(super) settled: usize,
    last: u64,
    /// Calls in a row that came to nothing.
    void: u32,
    /// Losses, and shards in their epochs, when it was last looked at.
    seen: (usize, u64),
    not_before: Option<Instant>,
    under_way: Option<Audit>,
}

/// One audit.
struct Audit {
    call: u64,
    /// Losses, and shards in their epochs: nothing may be lost or change hands meanwhile.
    as_of: (usize, u64),
    until: Instant,
    /// Shards that have not answered.
    missing: BTreeSet<u32>,
    /// By home.
    found: BTreeMap<u32, Vec<u32>>,
}

impl Core {
    /// Asks, where there was a loss that nobody was asked about, and all is quiet.
    pub(super) fn audit_visitors(&mut self) {
        let losses = self.state.lost.len();
        if losses == self.audits.settled || !self.plan.roams() {
            return;
        }
        let rests = |stage: Stage| matches!(stage, Stage::Ready | Stage::Over);
        let quiet = self.state.phase == Phase::Running
            && self.paused.is_none()
            && self.state.shards.iter().all(|shard| rests(shard.stage));
        let as_of = (losses, self.epochs());
        if let Some(under_way) = &self.audits.under_way {
            if quiet && self.now < under_way.until && under_way.as_of == as_of {
                return;
            }
            let missing = under_way.missing.len();
            self.decide("a roll-call is void", json!({"call": under_way.call, "missing": missing}));
            (self.audits.under_way, self.audits.not_before) = (None, None);
            self.audits.void = self.audits.void.saturating_add(1);
        }
        if !quiet || self.audits.seen != as_of {
            (self.audits.not_before, self.audits.void) = (None, 0);
        }
        self.audits.seen = as_of;
        if !quiet {
            return;
        }
        // Who does not answer is not asked all the time.
        let quiet_for = QUIET * (1 << self.audits.void.min(MOST_DOUBLED));
        let not_before = *self.audits.not_before.get_or_insert(self.now + quiet_for);
        if self.now < not_before {
            return;
        }
        let shards = (0..).zip(&self.state.shards);
        let missing: BTreeSet<u32> = shards.filter(|(_, shard)| !shard.is_over()).map(|(n, _)| n).collect();
        let agents: BTreeSet<usize> =
            missing.iter().filter_map(|shard| self.state.shards[*shard as usize].holder).collect();
        // Never one of a coordinator before a restart: an answer to that may still be on its way.
        let call = crate::time::unix_us(self.wall).max(self.audits.last + 1);
        self.decide("called the roll", json!({"call": call, "losses": losses, "shards": missing.len()}));
        self.audits.last = call;
        self.audits.under_way =
            Some(Audit { call, as_of, until: self.now + ANSWERED_WITHIN, missing, found: BTreeMap::new() });
        agents.into_iter().for_each(|agent| self.send(agent, ToAgent::AuditVisitors { call }));
    }

    /// A shard has answered.
    pub(super) fn guests(&mut self, agent: usize, shard: u32, epoch: u64, call: u64, guests: &[(u32, u32)]) {
        let shards = self.plan.shards();
        if guests.len() > MOST_GUESTS || guests.iter().any(|(home, _)| *home >= shards) {
            return self.distrust(agent, "named guests that cannot be");
        }
        if !self.holds(agent, shard, epoch) {
            return;
        }
        let Some(under_way) = self.audits.under_way.as_mut().filter(|under_way| under_way.call == call)
        else {
            return;
        };
        if !under_way.missing.remove(&shard) {
            return;
        }
        for (home, ue) in guests {
            under_way.found.entry(*home).or_default().push(*ue);
        }
        if under_way.missing.is_empty() {
            self.roll_is_complete();
        }
    }

    fn roll_is_complete(&mut self) {
        let as_of = (self.state.lost.len(), self.epochs());
        let Some(complete) = self.audits.under_way.take_if(|complete| complete.as_of == as_of) else {
            return;
        };
        let mut found = complete.found;
        let guests: usize = found.values().map(Vec::len).sum();
        self.decide("the roll is complete", json!({"call": complete.call, "guests": guests}));
        (self.audits.settled, self.audits.not_before, self.audits.void) = (complete.as_of.0, None, 0);
        for shard in 0..self.plan.shards() {
            let mut found = found.remove(&shard).unwrap_or_default();
            found.sort_unstable();
            found.dedup();
            let holder = self.state.shards[shard as usize].holder;
            // Of so many nobody is told: who is missing stays away.
            if let (Some(agent), true) = (holder, found.len() <= MOST_FOUND) {
                self.send(agent, ToAgent::FoundAway { shard, call: complete.call, found });
            }
        }
    }

    fn epochs(&self) -> u64 {
        self.state.shards.iter().fold(0, |sum, shard| sum.wrapping_add(shard.epoch))
    }
}

/// How long nothing was lost and nothing moved before the roll is called. More than [`AWAY_FOR`]: whoever was lost had arrived
/// long enough before. And more than [`NAMED_FOR`]: whoever let a guest go to the lost shard no longer names it.
const QUIET: Duration = Duration::from_secs(12);
const _: () = assert!(QUIET.as_secs() > AWAY_FOR.as_secs() && QUIET.as_secs() > NAMED_FOR.as_secs());
/// So often the time is doubled, while nobody answers: up to 6 min.
const MOST_DOUBLED: u32 = 5;
