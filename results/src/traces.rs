//! What was traced.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What was traced.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct TraceCounts {
    /// Files written.
    pub files: u64,
    /// Packets written.
    pub packets: u64,
    /// Failed UEs whose files went, because newer ones came.
    pub failed_ues_left_out: u64,
    /// Packets left out at the limit of octets or packets.
    pub packets_left_out: u64,
    /// Packets that agents dropped at theirs.
    pub packets_dropped_by_agents: u64,
}

/// One trace file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct TraceFileSummary {
    /// Its path within the run folder.
    pub file: String,
    /// The UE that failed; nothing where it is of several UEs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub imsi: Option<String>,
    /// Why that UE is traced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// How many packets it has.
    pub packets: u64,
}
