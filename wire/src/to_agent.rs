//! Every message from the coordinator to an agent.

use serde::{Deserialize, Serialize};

/// One message to an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToAgent {
    /// The agent is accepted. Answers `Hello`.
    Welcome(Welcome),
    /// Answer at once with `Pong`: measures the offset between the two clocks.
    Ping {
        /// The coordinator's clock, µs; returned as it is.
        sent_us: u64,
    },
    /// Prepare this shard (associations, subscribers) and answer `Ready` or `CannotPrepare`.
    Lease(Box<Lease>),
    /// Begin every shard leased for this run at this instant of the agent's own clock.
    Start {
        /// Which run.
        run: String,
        /// The agent's own clock, µs: the coordinator has applied the offset that it measured.
        at_us: u64,
        /// The same instant by the coordinator's wall clock, UNIX time in µs.
        wall_us: u64,
    },
    /// The lease of a shard is extended.
    Renew {
        /// Shard number.
        shard: u32,
        /// The lease that is meant.
        epoch: u64,
        /// How long from receipt the lease is valid, µs.
        valid_us: u64,
    },
    /// This interval report is merged and durable: forget it.
    Ack {
        /// Shard number.
        shard: u32,
        /// The lease that it was sent under.
        epoch: u64,
        /// The report's number.
        sequence: u64,
    },
    /// Start nothing more; let what is in flight end until the deadline, abandon the rest, report, `Finished`.
    Drain {
        /// For the log and for `abandoned(reason)`.
        reason: String,
        /// How long what is in flight may still take, µs.
        grace_us: u64,
    },
    /// The run is over and everything is acknowledged. The agent may take another run or leave.
    RunOver {
        /// Which run.
        run: String,
    },
}

/// The agent is part of the fleet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The name under which the agent appears in the report.
    pub agent: String,
    /// The program version of the coordinator.
    pub program: String,
}

/// The right to run one shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Which run.
    pub run: String,
    /// The whole scenario as YAML, with every `--set` applied.
    pub scenario: String,
    /// The run's seed.
    pub seed: u64,
    /// Shard number.
    pub shard: u32,
    /// How many shards the run has.
    pub shards: u32,
    /// Fencing token; only grows.
    pub epoch: u64,
    /// How long from receipt the lease is valid, µs.
    pub valid_us: u64,
    /// What to signal to: a target URL, never `sim:`.
    pub target: String,
    /// Attempts below this index of the shard's schedules are done already (one entry for each load).
    pub resume_at: Vec<u64>,
    /// Which UEs to trace.
    pub trace: TracePolicy,
    /// The key of the run, drawn by the coordinator: with it agents seal what a UE takes along to another agent.
    pub key: [u8; 32],
}

/// Which UEs' messages are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TracePolicy {
    /// Failed ones only.
    Failed,
    /// Failed ones, and this many sampled UEs of the shard.
    Sampled(u32),
    /// Every UE.
    All,
}
