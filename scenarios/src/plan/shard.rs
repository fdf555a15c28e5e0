//! What one agent holds of a run.

use std::sync::Arc;

use crate::curve::Curve;
use crate::schedule::Stripe;
use crate::{Node, Scenario, Schedule, Subscriber};

/// A part of a run that one agent holds at a time.
#[derive(Clone, Debug)]
pub struct Shard {
    /// Its number, from 0.
    pub number: u32,
    /// How many shards the run has.
    pub of: u32,
    /// Base station g of the scenario belongs to shard g modulo the number of shards.
    pub nodes: Vec<Node>,
    pub(super) scenario: Arc<Scenario>,
    pub(super) seed: u64,
    pub(super) curves: Vec<Arc<Curve>>,
}

impl Shard {
    /// The subscribers homed in this shard.
    pub fn subscriber_count(&self) -> u64 {
        self.stripe().part_of(self.scenario.subscriber_count())
    }

    /// Subscriber `local` of this shard, from 0: the scenario's number `local · of + number`.
    pub fn subscriber(&self, local: u64) -> Option<Subscriber> {
        let index = local.checked_mul(u64::from(self.of))?.checked_add(u64::from(self.number))?;
        self.scenario.subscriber(index)
    }

    /// What is planned here and elsewhere.
    pub fn scenario(&self) -> &Arc<Scenario> {
        &self.scenario
    }

    /// The seed of the run.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// When attempts are due: one schedule for each load of the scenario, in the same order.
    pub fn schedules(&self) -> Vec<Schedule> {
        let loads = self.scenario.load.iter().zip(&self.curves).zip(0u64..);
        loads
            .map(|((load, curve), number)| {
                Schedule::new(
                    load.procedure,
                    load.arrivals,
                    Arc::clone(curve),
                    self.seed,
                    self.stripe(),
                    number,
                )
            })
            .collect()
    }

    /// The attempts of each schedule, without making the schedules.
    pub fn planned(&self) -> Vec<u64> {
        self.curves.iter().map(|curve| self.stripe().part_of(curve.planned())).collect()
    }

    fn stripe(&self) -> Stripe {
        Stripe { shard: self.number, of: self.of }
    }
}
