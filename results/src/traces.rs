//! What was traced.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::measurements::counts;

counts! {
    /// What was traced.
    TraceCounts:
    /// Files written.
    files: Count "Files";
    /// Packets written.
    packets: Count "Packets";
    /// Failed UEs whose files went, because newer ones came.
    failed_ues_left_out: Count "Failed UEs left out";
    /// Packets left out at the limit of octets or packets.
    packets_left_out: Count "Packets left out";
    /// Packets that agents dropped at theirs.
    packets_dropped_by_agents: Count "Packets dropped by agents";
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
