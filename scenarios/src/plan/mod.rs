//! The plan of a run: which shard has which base stations, subscribers and arrivals. A pure function of scenario and seed.

mod description;
mod memory;
mod shard;

use std::sync::Arc;
use std::time::Duration;

use identity::Procedure;

use crate::curve::Curve;
use crate::{Path, Scenario, ScenarioError};

pub use description::{Description, LoadDescription, ShardDescription};
pub use memory::Memory;
pub use shard::Shard;

/// A scenario cut into shards. Cheap to make and to clone, whatever the number of subscribers.
#[derive(Clone, Debug)]
pub struct Plan {
    scenario: Arc<Scenario>,
    seed: u64,
    shards: u32,
    /// One for each load.
    curves: Vec<Arc<Curve>>,
}

impl Plan {
    /// A shard for each gNB, at most 64 for each agent, and never one without subscribers. Where UEs are handed over
    /// within a shard, each has two gNBs or more.
    pub fn new(scenario: Arc<Scenario>, seed: u64, agents: u32) -> Result<Self, ScenarioError> {
        let shards = most_shards(&scenario).min(agents.max(1).saturating_mul(SHARDS_OF_AN_AGENT));
        Self::with_shards(scenario, seed, shards)
    }

    /// This many shards. Refused when some shard would be left without a gNB or without subscribers, or without a
    /// neighbour for its gNB where the scenario hands UEs over within a shard.
    pub fn with_shards(scenario: Arc<Scenario>, seed: u64, shards: u32) -> Result<Self, ScenarioError> {
        let most = most_shards(&scenario);
        if !(1..=most).contains(&shards) {
            let needs = if within_shards(&scenario) { "two gNBs, for handovers within it," } else { "a gNB" };
            return Err(ScenarioError::Plan(format!(
                "{shards} shards are not possible: each needs {needs} and a subscriber, so 1 to {most} are accepted \
                 ({} gNBs, {} subscribers)",
                scenario.cells.nodes,
                scenario.subscriber_count(),
            )));
        }
        let curves = scenario.load.iter().map(|load| Arc::new(Curve::new(load))).collect();
        Ok(Self { scenario, seed, shards, curves })
    }

    /// How many shards there are.
    pub fn shards(&self) -> u32 {
        self.shards
    }

    /// Shard `n`, which must be below `shards()`.
    pub fn shard(&self, n: u32) -> Shard {
        assert!(n < self.shards, "the plan has {} shards, not a shard {n}", self.shards);
        let step = usize::try_from(self.shards).unwrap_or(usize::MAX);
        let nodes = (n..self.scenario.cells.nodes)
            .step_by(step)
            .map(|index| self.scenario.cells.node(index))
            .collect();
        Shard {
            number: n,
            of: self.shards,
            nodes,
            scenario: Arc::clone(&self.scenario),
            seed: self.seed,
            curves: self.curves.clone(),
        }
    }

    /// The shard that gNB `index` of the scenario belongs to.
    pub fn shard_of_node(&self, index: u32) -> u32 {
        index % self.shards
    }

    /// The shard that a subscriber is in during the whole run. `None`: they may be handed over to any, or are none of ours.
    pub fn shard_of_subscriber(&self, imsi: identity::Imsi) -> Option<u32> {
        let subscriber = self.scenario.find_subscriber(imsi).filter(|_| !self.roams())?;
        u32::try_from(subscriber.index % u64::from(self.shards)).ok()
    }

    /// Whether UEs are handed over from shard to shard.
    pub fn roams(&self) -> bool {
        let moves = |load: &crate::Load| load.procedure == Procedure::HandoverN2;
        let elsewhere = self.shards > 1 && self.scenario.mobility.path != Path::WithinShard;
        elsewhere && self.scenario.load.iter().any(moves)
    }

    /// Where a UE goes from gNB `from` of the scenario. `draw` decides where the path leaves a choice: the same one
    /// gives the same gNB. `None`: there is nowhere to go, or no such gNB.
    pub fn next_node(&self, from: u32, path: Path, draw: u64) -> Option<u32> {
        let cells = &self.scenario.cells;
        if from >= cells.nodes {
            return None;
        }
        let chosen = |among: u32| {
            let place = (u128::from(draw) * u128::from(among)) >> 64;
            u32::try_from(place).unwrap_or_default()
        };
        match path {
            Path::Ring => Some((from + 1) % cells.nodes).filter(|next| *next != from),
            Path::Random => {
                let others = cells.nodes - 1;
                let next = chosen(others);
                (others > 0).then_some(if next < from { next } else { next + 1 })
            }
            Path::Border => {
                let own = cells.nodes_of_network_with(from);
                let abroad = cells.nodes - (own.end - own.start);
                let next = chosen(abroad);
                (abroad > 0).then_some(if next < own.start { next } else { next + (own.end - own.start) })
            }
            Path::WithinShard => {
                let next = from.checked_add(self.shards).filter(|next| *next < cells.nodes);
                Some(next.unwrap_or_else(|| self.shard_of_node(from))).filter(|next| *next != from)
            }
        }
    }

    /// The attempts of each procedure that some load starts, in the order of [`Procedure::ALL`].
    pub fn planned(&self) -> Vec<(Procedure, u64)> {
        let of = |procedure| {
            let loads =
                self.scenario.load.iter().zip(&self.curves).filter(|(load, _)| load.procedure == procedure);
            loads.map(|(_, curve)| curve.planned()).reduce(u64::saturating_add)
        };
        Procedure::of_scenarios().filter_map(|procedure| Some((procedure, of(procedure)?))).collect()
    }

    /// From the start to the end of the last phase of any load; what is in flight then may take `drain` longer.
    pub fn duration(&self) -> Duration {
        self.scenario.load.iter().map(crate::Load::ends_after).max().unwrap_or_default()
    }

    /// What is planned.
    pub fn scenario(&self) -> &Arc<Scenario> {
        &self.scenario
    }

    /// The seed of every random stream of the run.
    pub fn seed(&self) -> u64 {
        self.seed
    }
}

fn most_shards(scenario: &Scenario) -> u32 {
    let subscribers = u32::try_from(scenario.subscriber_count()).unwrap_or(u32::MAX);
    let nodes = scenario.cells.nodes;
    // A single gNB has no neighbour anyway: a path within its shard leads nowhere, which is a warning.
    let shards = if within_shards(scenario) { (nodes / 2).max(1) } else { nodes };
    shards.min(subscribers)
}

/// Whether UEs are handed over between gNBs of one shard: Xn is an interface within a shard here.
fn within_shards(scenario: &Scenario) -> bool {
    let starts = |procedure| scenario.load.iter().any(|load| load.procedure == procedure);
    starts(Procedure::HandoverXn)
        || (starts(Procedure::HandoverN2) && scenario.mobility.path == Path::WithinShard)
}

/// Small enough that what one agent leaves behind spreads over the others; more would only make the leases smaller than what
/// one core does.
const SHARDS_OF_AN_AGENT: u32 = 64;
