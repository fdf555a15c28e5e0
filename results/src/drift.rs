//! Whether anything changed over the steady part of a long run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use statistics::Trend;

/// What a run says about drift.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct DriftSummary {
    /// False: the run cannot tell.
    pub judged: bool,
    /// In a sentence, or one for each figure that drifts.
    pub verdict: Vec<String>,
    /// The part that is judged, seconds since the start.
    pub from_s: f64,
    /// Its end.
    pub to_s: f64,
    /// Every figure with its trend.
    pub trends: Vec<DriftTrend>,
}

/// One figure over time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DriftTrend {
    /// `registration p99`, `memory of the fleet`, …
    pub figure: String,
    /// `us`, `%` or `octets`: of the trend's values.
    pub unit: String,
    /// Beyond chance, and by as much as matters.
    pub drifts: bool,
    /// The line.
    pub trend: Trend,
    /// What it is read from: seconds since the start, and the value of each stretch.
    pub points: Vec<(f64, f64)>,
}
