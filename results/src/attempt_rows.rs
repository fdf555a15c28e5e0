//! The attempts one by one, where a run was asked for them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The file of attempts, and what is not in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct AttemptRows {
    /// Its path within the run folder.
    pub file: String,
    /// Which attempts were asked for: `all`, `failed`, or a share such as `1%`.
    pub kept: String,
    /// Rows that it has.
    pub rows: u64,
    /// Rows that agents had no room for.
    pub left_out_by_agents: u64,
    /// Rows that came when the file had reached its limit.
    pub left_out_at_limit: u64,
    /// Attempts that were counted, and whose rows were lost with their agents. Known where all attempts were asked for.
    pub lost_with_agents: u64,
}

impl AttemptRows {
    /// Attempts that were asked for and have no row.
    pub fn missing(&self) -> u64 {
        self.left_out_by_agents.saturating_add(self.left_out_at_limit).saturating_add(self.lost_with_agents)
    }
}
