//! Handovers: between which cells, how many came through, and how long each phase of them took.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::PhaseSummary;

/// `summary.handovers`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct HandoverSummary {
    /// Handovers that succeeded, over all pairs of cells.
    pub succeeded: u64,
    /// Handovers that did not.
    pub failed: u64,
    /// By procedure, source and target cell.
    pub cells: Vec<HandoverCells>,
    /// Handovers between cells for which the list above had no room.
    pub elsewhere: u64,
    /// How long the phases took, by procedure; in the order of time.
    pub phases: BTreeMap<String, Vec<PhaseSummary>>,
}

/// Handovers from one cell to another.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct HandoverCells {
    /// `handover-n2` or `handover-xn`.
    pub procedure: String,
    /// The source cell as `gNB ID.cell`.
    pub source: String,
    /// The target cell.
    pub target: String,
    /// Handovers that succeeded.
    pub succeeded: u64,
    /// Handovers that did not.
    pub failed: u64,
}
