//! What a run will do, for people.

use std::time::Duration;

use identity::Procedure;

use super::{Plan, within_shards};
use crate::conditions::MOST_IMPAIRED;
use crate::schedule::Stripe;

/// What a run will do, for people: printed by `roamstorm check`.
#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    /// The scenario's name.
    pub scenario: String,
    /// The seed.
    pub seed: u64,
    /// Subscribers of all groups.
    pub subscribers: u64,
    /// Base stations.
    pub nodes: u32,
    /// Cells of all base stations.
    pub cells: u64,
    /// Until the end of the last phase: the run's length when nothing is in flight at its end.
    pub duration: Duration,
    /// With the whole of the drain.
    pub longest: Duration,
    /// One for each load.
    pub loads: Vec<LoadDescription>,
    /// One for each shard.
    pub shards: Vec<ShardDescription>,
    /// Impairment in the worst hour, to be held against the safety budget.
    pub impaired: Duration,
    /// The safety budget: no hour may have more, unless the scenario says who allowed it.
    pub impaired_at_most: Duration,
    /// How many base stations a shard must have: two where UEs are handed over within a shard.
    pub nodes_of_a_shard: u32,
    /// What is allowed but probably not meant.
    pub warnings: Vec<String>,
}

/// One load, for people.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadDescription {
    /// What is attempted.
    pub procedure: Procedure,
    /// How often.
    pub planned: u64,
    /// When its first phase begins.
    pub starts_after: Duration,
    /// When its last phase ends.
    pub ends_after: Duration,
    /// Its highest rate, attempts per second over all shards.
    pub peak_rate_per_s: f64,
}

/// One shard, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardDescription {
    /// Its number.
    pub number: u32,
    /// Its base stations.
    pub nodes: u64,
    /// Its subscribers.
    pub subscribers: u64,
    /// Its attempts, over all loads.
    pub planned: u64,
}

impl Plan {
    /// What `check` prints.
    pub fn describe(&self) -> Description {
        let loads = self.scenario.load.iter().zip(&self.curves);
        Description {
            scenario: self.scenario.name.clone(),
            seed: self.seed,
            subscribers: self.scenario.subscriber_count(),
            nodes: self.scenario.cells.nodes,
            cells: u64::from(self.scenario.cells.nodes) * u64::from(self.scenario.cells.cells_per_node),
            duration: self.duration(),
            longest: self.duration().saturating_add(self.scenario.drain),
            loads: loads
                .map(|(load, curve)| LoadDescription {
                    procedure: load.procedure,
                    planned: curve.planned(),
                    starts_after: load.starts_after,
                    ends_after: load.ends_after(),
                    peak_rate_per_s: load.peak_rate_per_s(),
                })
                .collect(),
            shards: (0..self.shards).map(|number| self.describe_shard(number)).collect(),
            impaired: self
                .scenario
                .conditions
                .busiest_hour(self.duration().saturating_add(self.scenario.drain)),
            impaired_at_most: MOST_IMPAIRED,
            nodes_of_a_shard: if within_shards(&self.scenario) { 2 } else { 1 },
            warnings: self.scenario.warnings(),
        }
    }

    fn describe_shard(&self, number: u32) -> ShardDescription {
        let stripe = Stripe { shard: number, of: self.shards };
        let planned = self.curves.iter().map(|curve| stripe.part_of(curve.planned()));
        ShardDescription {
            number,
            nodes: stripe.part_of(u64::from(self.scenario.cells.nodes)),
            subscribers: stripe.part_of(self.scenario.subscriber_count()),
            planned: planned.fold(0, u64::saturating_add),
        }
    }
}
