//! Usage that nobody can tell any more: the agents that knew it were lost in the middle of a run.
//!
//! An agent tells a part of a session when it has ended. What was open when the agent was lost, and what had ended but was not
//! told yet, is missing in the usage ledger, though nothing is wrong with the charging. Such a session is explained by the gap
//! that it was in: there its usage may be less than what was charged, never more, and what was charged must still be what the
//! tariff gives.

use std::collections::BTreeMap;

use identity::Imsi;
use serde::{Deserialize, Serialize};

use super::compact::Compact;
use super::difference::Cause;
use super::loss::Traffic;
use super::totals::Totals;
use crate::rules::micros;
use crate::{Rules, UsageRecord};

/// A stretch of time in which the usage of a shard was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LostUsage {
    /// Whose usage, by the number of a shard ([`Losses::shard_of`]).
    pub shard: u32,
    /// The last that is known of it, UNIX time in µs.
    pub from_us: u64,
    /// From then on it is told again, UNIX time in µs.
    pub to_us: u64,
}

/// All that was lost, and whose it was.
#[derive(Clone, Copy, Default)]
pub struct Losses<'a> {
    /// In any order.
    pub gaps: &'a [LostUsage],
    /// The shard that a subscriber was in all the time; without an answer it may have been in any.
    pub shard_of: Option<&'a (dyn Fn(Imsi) -> Option<u32> + Sync)>,
    /// Whether the run has this subscriber: what is charged to others is of other runs at the same time. `None`: all are its own.
    pub has: Option<&'a (dyn Fn(Imsi) -> bool + Sync)>,
    /// What the traffic of a session can have carried: a bound on what lost packets explain.
    pub traffic: Option<&'a Traffic<'a>>,
}

impl std::fmt::Debug for Losses<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Losses").field("gaps", &self.gaps).finish_non_exhaustive()
    }
}

/// The gaps, to be asked for each session that does not agree.
pub(super) struct Gaps<'a> {
    shard_of: Option<&'a (dyn Fn(Imsi) -> Option<u32> + Sync)>,
    has: Option<&'a (dyn Fn(Imsi) -> bool + Sync)>,
    by_shard: BTreeMap<u32, Vec<(u64, u64)>>,
}

impl<'a> Gaps<'a> {
    pub(super) fn new(losses: Losses<'a>, rules: &Rules) -> Self {
        let mut by_shard: BTreeMap<u32, Vec<(u64, u64)>> = BTreeMap::new();
        // A part may have ended a while before the last report, and was to be told in the next: packets that were on their
        // way when it ended are waited for. And the two sides' clocks differ, at both ends.
        let skew = micros(rules.clock_skew);
        let before = UsageRecord::TOLD_WITHIN_US.saturating_add(skew);
        for gap in losses.gaps {
            let (from_us, to_us) = (gap.from_us.saturating_sub(before), gap.to_us.saturating_add(skew));
            by_shard.entry(gap.shard).or_default().push((from_us, to_us));
        }
        Self { shard_of: losses.shard_of, has: losses.has, by_shard }
    }

    /// Whether this charged session is of a subscriber that the run does not have.
    pub(super) fn is_of_others(&self, charging: &[Compact]) -> bool {
        let supi = charging.first().and_then(|part| Compact::imsi(part.supi));
        supi.zip(self.has).is_some_and(|(supi, has)| !has(supi))
    }

    /// Whether usage of this charged session may have been lost.
    pub(super) fn concern(&self, charging: &[Compact]) -> bool {
        if self.by_shard.is_empty() {
            return false;
        }
        let Some(supi) = charging.first().and_then(|part| Compact::imsi(part.supi)) else { return false };
        let from_us = charging.iter().map(|part| part.from_us).min().unwrap_or_default();
        let to_us = charging.iter().map(|part| part.to_us).max().unwrap_or_default();
        let overlap = |gaps: &Vec<(u64, u64)>| gaps.iter().any(|&(from, to)| from <= to_us && from_us <= to);
        match self.shard_of.and_then(|shard_of| shard_of(supi)) {
            Some(shard) => self.by_shard.get(&shard).is_some_and(overlap),
            None => self.by_shard.values().any(overlap),
        }
    }

    /// Whether what is missing of the usage is all that is wrong.
    pub(super) fn explain(usage: Totals, charged: Totals, cause: Cause, rules: &Rules) -> bool {
        let usage_is_less = usage.uplink <= charged.uplink.saturating_add(rules.volume.of(charged.uplink))
            && usage.downlink <= charged.downlink.saturating_add(rules.volume.of(charged.downlink));
        let of_usage = matches!(
            cause,
            Cause::Missing | Cause::Orphan | Cause::ServingNetwork | Cause::Volume | Cause::Duration
        );
        usage_is_less && of_usage
    }
}
