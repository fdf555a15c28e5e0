//! The fleet of a run: agents, supervisors, their reports, and the shards that were lost or moved.

use std::collections::BTreeMap;

use identity::Membership;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Percentiles;
use crate::measurements::counts;

/// One agent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct AgentSummary {
    /// Its name.
    pub id: String,
    /// `finished`, `lost: …`, …
    pub state: String,
    /// From where it joined.
    pub address: String,
    /// Its program's version.
    pub program: String,
    /// Worker threads.
    pub workers: u32,
    /// The pool that it belongs to, in its own words.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub pool: String,
    /// What else it is or has, likewise.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The shards it ran.
    pub shards: Vec<u32>,
    /// Attempts it started.
    pub attempts: u64,
    /// How late they left, µs.
    pub lateness_us: Percentiles,
    /// CPU time of its workers, in seconds.
    pub cpu_s: f64,
    /// Largest resident memory of its process, octets.
    pub resident_octets: u64,
    /// Most UEs held.
    pub ues: u64,
    /// Octets of the state of those UEs.
    pub ue_octets: u64,
    /// The latter over the former.
    pub octets_per_ue: f64,
    /// Octets of reports received from it.
    pub report_octets: u64,
    /// The same for each second of the run.
    pub report_octets_per_s: f64,
    /// Round trip of the link, µs.
    pub round_trip_us: u64,
    /// Its host's wall clock minus ours, µs, as exact as half the round trip; nothing for an agent on our own host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock_offset_us: Option<i64>,
    /// Reports that it had to drop; the account cannot be proven then.
    pub reports_dropped: u64,
    /// How long its process did not run, in seconds: each time of a second and more.
    pub stood_still_s: f64,
    /// Trace packets that it had to drop.
    pub trace_dropped: u64,
    /// Most octets of reports that waited on its disk.
    pub spooled_octets: u64,
}

impl AgentSummary {
    /// Where it belongs.
    pub fn belongs(&self) -> Membership {
        Membership { pool: self.pool.clone(), labels: self.labels.clone() }
    }
}

/// A process that watches over agents.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SupervisorSummary {
    /// Its name.
    pub name: String,
    /// From where it joined.
    pub address: String,
}

counts! {
    /// Registrations and PDU sessions that put the UEs of lost shards back into the state that they had.
    RecoverySummary:
    /// Registrations that began.
    registrations: Count "Registrations";
    /// PDU sessions that began.
    sessions: Count "Sessions";
    /// Of both, those that succeeded.
    succeeded: Count "Succeeded";
    /// Of both, those that did not.
    failed: Count "Failed";
}

counts! {
    /// How the interval reports were merged.
    ReportCounts:
    /// Merged, each once.
    merged: Count "Merged";
    /// Received again, and ignored.
    duplicates: Count "Duplicates";
    /// Of an old lease, and refused.
    old_epoch: Count "Of an old lease";
    /// Held or refused, because one before was missing.
    out_of_order: Count "Out of order";
    /// Merged after their second was closed: they count in the totals and in a later second.
    late: Count "Late";
}

/// A stretch of a shard that no agent has accounted for, and the account of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Gap {
    /// Shard number.
    pub shard: u32,
    /// The end of the last report, µs since the run's start.
    pub from_us: u64,
    /// The shard goes on here, or would have ended, µs since the run's start.
    pub to_us: u64,
    /// Why, for people.
    pub cause: String,
    /// Who had the shard.
    pub from_agent: String,
    /// Who has it now; `None` when nobody took it.
    pub to_agent: Option<String>,
    /// Attempts that were in flight, or may have been, by procedure.
    pub abandoned: BTreeMap<String, u64>,
    /// Attempts that nobody started, by procedure.
    pub never_started: BTreeMap<String, u64>,
    /// The reason under which the latter are counted: `agent-lost`, but where the run was ending anyway.
    pub reason: String,
    /// Of both, what came due in the gap, by procedure.
    pub due: BTreeMap<String, u64>,
    /// UEs that were registered.
    pub registered: u64,
    /// PDU sessions that were open.
    pub sessions: u64,
}

/// A shard that went from one agent to another without a gap.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ShardMove {
    /// Shard number.
    pub shard: u32,
    /// From whom.
    pub from_agent: String,
    /// To whom.
    pub to_agent: String,
    /// Why.
    pub cause: String,
    /// When the last holder had given it up, µs since the run's start.
    pub from_us: u64,
    /// When the next one was ready, µs since the run's start.
    pub to_us: u64,
}
