//! What happened to a run: the only thing that changes its state, and all that a restart needs.

use std::net::SocketAddr;

use results::Gap;
use serde::{Deserialize, Serialize};
use wire::to_coordinator::{AgentHealth, Hello, IntervalReport};

use results::Phase;

/// One change of a run. Postcard numbers variants by position: append, never reorder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Record {
    /// The run exists. The first record.
    Created {
        /// The run's name.
        run: String,
        /// The key of the run ([`wire::to_agent::Lease::key`]).
        key: [u8; 32],
    },
    /// Something was decided, for people: a line of `journal.ndjson`.
    Decision {
        /// When, UNIX time in µs.
        wall_us: u64,
        /// The same since the run's start, µs; `None` before it.
        run_us: Option<u64>,
        /// What.
        decision: String,
        /// A JSON object.
        details: String,
    },
    /// An agent or a supervisor is part of the fleet; they are numbered in this order, from 0.
    Joined(Box<Joined>),
    /// What has become of an agent.
    Fate {
        /// Its number.
        agent: usize,
        /// From now on.
        fate: Fate,
    },
    /// The run goes on to its next phase.
    Phase(Phase),
    /// A shard is leased.
    Leased(Box<Leased>),
    /// The holder of a shard is ready to run it.
    Ready {
        /// Shard number.
        shard: u32,
        /// When, µs since the run's start; 0 before it.
        run_us: u64,
    },
    /// The start is agreed on.
    Started {
        /// UNIX time in µs.
        wall_us: u64,
    },
    /// An agent is told the start.
    StartTold {
        /// Its number.
        agent: usize,
        /// The start by the agent's own clock, µs; negative where the agent began later.
        at_us: i64,
        /// How long the run's clock had stood still before it came, µs: for it, the run began so much later.
        stood_us: u64,
    },
    /// A report is merged.
    Report(Box<IntervalReport>),
    /// An agent said how it is doing.
    Health {
        /// Its number.
        agent: usize,
        /// What it said.
        health: Box<AgentHealth>,
    },
    /// The holder of a shard says that there are no more reports of it.
    Finished {
        /// Shard number.
        shard: u32,
        /// The number of the last report.
        last_sequence: u64,
    },
    /// The holder of a shard is asked to hand it over.
    Releasing {
        /// Shard number.
        shard: u32,
        /// Why, for people.
        why: String,
    },
    /// The holder of a shard has given it up, orderly.
    Released {
        /// Shard number.
        shard: u32,
        /// How many reports there are.
        reports: u64,
        /// It was not asked to: its lease had lapsed.
        lapsed: bool,
    },
    /// Every report of a shard that was given up is merged: nobody holds it now.
    Vacated {
        /// Shard number.
        shard: u32,
        /// When, µs since the run's start.
        run_us: u64,
    },
    /// The holder of a shard is gone, or has lost it.
    Lost {
        /// Shard number.
        shard: u32,
        /// Nothing was started later than this, µs since the run's start.
        dead_us: u64,
        /// Why, for people.
        cause: String,
    },
    /// A shard ends here: what is left of it is accounted for in the gap.
    Ended(Box<Gap>),
    /// Seconds before this one are complete.
    SecondsClosed {
        /// The first that is still open.
        before: u64,
        /// Agents alive.
        agents: u64,
    },
    /// For the operator and the report.
    Warned(String),
    /// The run proves nothing, for this reason.
    Invalidated(String),
    /// Nothing more is started.
    Drain {
        /// Why.
        reason: String,
        /// How long what is in flight may take, µs.
        grace_us: u64,
    },
    /// The run's clock stands still.
    Paused {
        /// From this moment of it on, µs since the run's start.
        run_us: u64,
    },
    /// The run's clock goes on.
    Resumed {
        /// It stood still for so long, µs.
        paused_us: u64,
    },
    /// Agents are told how long the run's clock stood still.
    PausesTold {
        /// Their numbers.
        agents: Vec<usize>,
        /// For so long, µs.
        paused_us: u64,
    },
    /// A shard was given up with an exact account, but its UEs did not reach us: its next holder begins without them.
    UesLost {
        /// Shard number.
        shard: u32,
    },
    /// An agent is told which shards were lost.
    LossesTold {
        /// Its number.
        agent: usize,
        /// So many of them, from the first.
        count: usize,
    },
    /// An agent has come back and said how long the run's clock stood still as far as it has heard.
    PausesHeard {
        /// Its number.
        agent: usize,
        /// In all, µs.
        paused_us: u64,
    },
}

/// An agent or a supervisor that has joined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joined {
    /// Its name in the report.
    pub name: String,
    /// As it introduced itself.
    pub hello: Hello,
    /// From where.
    pub peer: SocketAddr,
    /// What it will prove itself with.
    pub token: [u8; 16],
}

/// What has become of an agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fate {
    /// It takes part, connected or not.
    #[default]
    Present,
    /// It wants to leave: its shards go to others.
    Draining(String),
    /// It has left, having drained.
    Left(String),
    /// Its leases have ended without a word from it. It may come back, with nothing.
    Lost(String),
    /// Its process is known to have ended. It cannot come back.
    Dead(String),
    /// It sent what cannot be true. Nothing of it counts any more.
    Refused(String),
}

impl Fate {
    /// Whether shards may be with it.
    pub fn takes_part(&self) -> bool {
        matches!(self, Self::Present | Self::Draining(_))
    }

    /// Whether whoever proves to be it is let in again.
    pub fn may_return(&self) -> bool {
        matches!(self, Self::Present | Self::Draining(_) | Self::Lost(_))
    }
}

/// A shard is leased to an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leased {
    /// Shard number.
    pub shard: u32,
    /// The new epoch.
    pub epoch: u64,
    /// Whose it is now.
    pub agent: usize,
    /// Attempts below are not the new holder's.
    pub resume_at: Vec<u64>,
    /// When, µs since the run's start; `None` before it.
    pub from_us: Option<u64>,
    /// It was lost before: what nobody will start.
    pub gap: Option<Gap>,
}
