//! What a live view shows while a run is under way.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Percentiles, SloResult};

/// Where a run is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Agents join.
    #[default]
    Joining,
    /// Associations and subscribers get ready.
    Preparing,
    /// Attempts are made.
    Running,
    /// Nothing new is started; what is in flight ends.
    Draining,
    /// The folder is written.
    Done,
}

impl Phase {
    /// Every one, in their order.
    pub const ALL: [Self; 5] = [Self::Joining, Self::Preparing, Self::Running, Self::Draining, Self::Done];

    /// As metrics and spans have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Joining => "joining",
            Self::Preparing => "preparing",
            Self::Running => "running",
            Self::Draining => "draining",
            Self::Done => "done",
        }
    }
}

/// A run at one moment; drawn by the live view, a few times a second.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Progress {
    /// The run's name; empty before its folder exists.
    pub run_id: String,
    /// Where the run is.
    pub phase: Phase,
    /// The fleet.
    pub agents: Vec<AgentProgress>,
    /// How many agents the run waits for.
    pub agents_wanted: usize,
    /// The run's clock stands still.
    #[serde(default)]
    pub paused: bool,
    /// Since the start of the run.
    pub elapsed: Duration,
    /// The schedule's length.
    pub total: Duration,
    /// By procedure.
    pub procedures: BTreeMap<String, ProcedureProgress>,
    /// The procedures that the scenario's loads name, in their order.
    #[serde(default)]
    pub order: Vec<String>,
    /// Attempts in flight.
    pub in_flight: u64,
    /// UEs registered.
    pub registered: u64,
    /// PDU sessions open.
    pub sessions: u64,
    /// User data in the last complete second, from and to the UEs, bits a second.
    pub user_bps: (u64, u64),
    /// 99th percentile of how late attempts left so far, µs.
    pub lateness_us_p99: u64,
    /// The SLOs as they stand.
    pub slos: Vec<SloResult>,
    /// What the operator should know; the latest 20.
    pub warnings: Vec<String>,
    /// What happened last between the RAN nodes and their core, a line each.
    #[serde(default)]
    pub events: Vec<String>,
    /// Attempts leave so late that the run will be invalid, or will be if it goes on like this.
    pub late: Option<String>,
}

/// One agent at one moment.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct AgentProgress {
    /// Its name in the report.
    pub name: String,
    /// How many shards it runs.
    pub shards: usize,
    /// Attempts started in the last second.
    pub rate_per_s: u64,
    /// False when it is lost or has left.
    pub alive: bool,
}

/// One procedure at one moment.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ProcedureProgress {
    /// What the plan holds.
    pub planned: u64,
    /// What came due.
    pub due: u64,
    /// What was started.
    pub started: u64,
    /// Ended as wanted.
    pub succeeded: u64,
    /// Refused or broken off by the network.
    pub failed: u64,
    /// Ended by a timer.
    pub timed_out: u64,
    /// Given up by us.
    pub abandoned: u64,
    /// Never started.
    pub never_started: u64,
    /// Started in the last complete second.
    pub rate_per_s: u64,
    /// Latency of what succeeded in the last five seconds, µs.
    pub latency_us: Percentiles,
}
