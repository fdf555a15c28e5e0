//! `timeline.ndjson`: one interval of the run in each line.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use crate::{Percentiles, ShownEvent, UserPlaneSummary, procedure};

/// One interval of the run: a second, or several of a long one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Interval {
    /// When it begins, seconds since the start.
    pub at_s: u64,
    /// How long it is, in seconds.
    pub for_s: u64,
    /// Agents that were connected at its end.
    pub agents: u64,
    /// UEs registered at its end.
    pub registered: u64,
    /// Attempts in flight at its end.
    pub in_flight: u64,
    /// PDU sessions open at its end.
    pub sessions: u64,
    /// What the user plane carried in it.
    pub user_plane: UserPlaneSummary,
    /// Resident memory of all agents, octets.
    pub resident_octets: u64,
    /// How late the attempts left that came due in it, µs.
    pub lateness_us: Percentiles,
    /// By procedure; one that is missing had nothing to count.
    pub procedures: BTreeMap<String, IntervalFigures>,
    /// What happened between the RAN nodes and their core; the first 64.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<ShownEvent>,
}

/// One procedure in one interval.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct IntervalFigures {
    /// What came due.
    pub due: u64,
    /// What was started.
    pub started: u64,
    /// Ended as wanted.
    pub succeeded: u64,
    /// Refused or broken off by the network, by cause.
    #[serde(deserialize_with = "by_cause")]
    pub failed: BTreeMap<String, u64>,
    /// Ended by a timer.
    #[serde(deserialize_with = "sum")]
    pub timed_out: u64,
    /// Given up by us, by reason.
    #[serde(deserialize_with = "by_cause")]
    pub abandoned: BTreeMap<String, u64>,
    /// Never started.
    #[serde(deserialize_with = "sum")]
    pub never_started: u64,
    /// From the due time, of what succeeded, µs.
    pub latency_us: Percentiles,
    /// From the first octet, of what succeeded, µs.
    pub service_us: Percentiles,
}

impl IntervalFigures {
    /// What failed, whatever the cause.
    pub fn all_failed(&self) -> u64 {
        procedure::sum(&self.failed)
    }

    /// What was given up, whatever the reason.
    pub fn all_abandoned(&self) -> u64 {
        procedure::sum(&self.abandoned)
    }
}

/// Earlier versions wrote the sum where causes stand now, and the other way round.
#[derive(Deserialize)]
#[serde(untagged)]
enum Tally {
    Sum(u64),
    ByCause(BTreeMap<String, u64>),
}

fn by_cause<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, u64>, D::Error> {
    Ok(match Tally::deserialize(deserializer)? {
        Tally::Sum(0) => BTreeMap::new(),
        Tally::Sum(n) => BTreeMap::from([("not said".to_owned(), n)]),
        Tally::ByCause(causes) => causes,
    })
}

fn sum<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    Ok(match Tally::deserialize(deserializer)? {
        Tally::Sum(n) => n,
        Tally::ByCause(causes) => causes.values().fold(0, |sum, n| sum.saturating_add(*n)),
    })
}
