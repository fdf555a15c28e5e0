//! What was made worse on purpose.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the scenario's conditions came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ImpairmentSummary {
    /// Each window that began while the run lasted: name, kind, `at_s`, `for_s`, and which part of the cells.
    pub windows: Vec<ImpairmentWindow>,
    /// Seconds in which at least one impairment was active.
    pub active_s: f64,
    /// The most of it within any hour, in seconds; the safety budget is 600.
    pub worst_hour_s: f64,
    /// Who allowed more than the budget, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overridden: Option<Override>,
}

/// A stretch of time in which an impairment was active.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ImpairmentWindow {
    /// The impairment's name in the scenario.
    pub name: String,
    /// `signal loss`, `congestion`, …
    pub kind: String,
    /// When it began, seconds since the start.
    pub at_s: f64,
    /// How long it lasts, in seconds.
    pub for_s: f64,
    /// Share of the cells, 0 to 1.
    pub cells: f64,
    /// How strong it is, in words.
    pub details: String,
}

/// Somebody allowed more impairment than the safety budget has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Override {
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// A fault that was injected into the embedded network.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Fault {
    /// `freeze`.
    pub kind: String,
    /// When it began, seconds since the start.
    pub at_s: f64,
    /// How long it lasted, in seconds.
    pub for_s: f64,
}
