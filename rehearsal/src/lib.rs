//! A rehearsal of the whole fleet in virtual time: the coordinator's core, the agents' holders, supervisors, network, disks
//! and clocks under one seed, with what goes wrong; and after it, the account held against what really happened
//! (docs/adr/0017-rehearsal.md).
//!
//! ```text
//! seed ──► drill (fleet, scenario, faults) ──► world: coordinator::Core ⇄ network ⇄ agent::Holder ⇄ worker ⇄ agent::Campaign ──► target
//!                                                │ committed records                                          │ starts
//!                                                └─────────────────────────► check ◄──────────────────────────┘
//! ```
//! The core, the holders and the campaigns are the program's own. The rest is played: workers, the radio networks under the campaigns,
//! in which procedures only begin and end and UEs go from shard to shard, a target that remembers every start, a store that
//! forgets what was not committed.

mod check;
mod clock;
mod coordinator_process;
mod drill;
mod generator;
mod host;
mod network;
mod played_network;
mod queue;
mod target;
mod truth;
mod worker;
mod world;

use drill::Drill;
use world::World;

/// How a drill came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Its seed.
    pub seed: u64,
    /// What must not have happened, in words; none when all is well.
    pub violations: Vec<String>,
    /// Faults that were injected.
    pub faults: usize,
    /// Attempts that the target saw.
    pub starts: usize,
    /// Attempts that were lost with their agents.
    pub lost: u64,
    /// Attempts that left more than 10 ms after they were due.
    pub late: u64,
    /// Whether that is more than a valid run may have.
    pub limited: bool,
    /// Whether an agent stood still, and not too many attempts were late for it.
    pub stood_still: bool,
    /// Shards that went from one agent to another.
    pub moves: usize,
    /// UEs that were handed over from shard to shard.
    pub handovers: u64,
    /// Attempts that other shards were asked for.
    pub asked: u64,
    /// Results of visitor audits that reached a shard.
    pub audits: u64,
    /// Events of virtual time.
    pub events: u64,
}

/// Plays the drill of a seed. With `tell`, every event is written to standard error.
pub fn rehearse(seed: u64, tell: bool) -> Outcome {
    World::new(Drill::from_seed(seed), tell).play()
}
