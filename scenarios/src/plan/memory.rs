//! About how much memory a plan needs, where: what is known of a UE by measurement (docs/performance.md), times their number.

use identity::Procedure;

use super::{Plan, Shard};
use crate::Scenario;

/// Octets, about, at the most that a plan needs at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// At all agents together.
    pub agents: u64,
    /// At the simulator, where the target is ours.
    pub simulator: u64,
}

impl Plan {
    /// What the run needs beside what its processes take at rest.
    pub fn memory(&self) -> Memory {
        let scenario = self.scenario();
        let subscribers = scenario.subscriber_count();
        let sessions = sessions(scenario, subscribers);
        let nodes = u64::from(scenario.cells.nodes).saturating_mul(NODE);
        let of = |ue: u64, session: u64| {
            subscribers
                .saturating_mul(ue)
                .saturating_add(sessions.saturating_mul(session))
                .saturating_add(nodes)
        };
        Memory { agents: of(UE, SESSION), simulator: of(UE_OF_THE_CORE, SESSION_OF_THE_CORE) }
    }
}

impl Shard {
    /// What an agent needs for this shard.
    pub fn memory(&self) -> u64 {
        let subscribers = self.subscriber_count();
        let nodes = (self.nodes.len() as u64).saturating_mul(NODE);
        let sessions = sessions(self.scenario(), subscribers);
        subscribers.saturating_mul(UE).saturating_add(sessions.saturating_mul(SESSION)).saturating_add(nodes)
    }
}

/// Of so many subscribers, how many have a session at most.
fn sessions(scenario: &Scenario, subscribers: u64) -> u64 {
    let starts = |load: &&crate::Load| load.procedure == Procedure::PduSession;
    let planned =
        scenario.load.iter().filter(starts).fold(0u64, |sum, load| sum.saturating_add(load.planned()));
    planned.min(subscribers)
}

/// Octets of a registered UE at its agent.
const UE: u64 = 670;
/// Octets that a session adds there.
const SESSION: u64 = 1_056;
/// Octets of a base station with its association, at either end.
const NODE: u64 = 64 << 10;
/// Octets of a registered UE at the simulator.
const UE_OF_THE_CORE: u64 = 1_024;
/// Octets that a session adds there.
const SESSION_OF_THE_CORE: u64 = 1_024;
