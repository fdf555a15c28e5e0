//! A capacity search, as its `summary.json` holds it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use statistics::{Knee, ProbeOutcome, SearchEnd};

use crate::Status;

/// Where the knee of a target is, and every probe that says so.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SearchSummary {
    /// The form of the folder, as [`Summary::form`](crate::Summary::form) is.
    pub form: u32,
    /// The search's name, which is its folder's.
    pub run_id: String,
    /// The scenario's name.
    pub scenario: String,
    /// The seed: with the scenario, enough to search again.
    pub seed: u64,
    /// Whether the target holds any rate.
    pub status: Status,
    /// What was the limit: `target`, `search`, `generator` or `none`.
    pub limit: String,
    /// What was found, in a sentence.
    pub verdict: String,
    /// The highest rate that holds, with its interval; nothing where none was found.
    pub knee: Option<Knee>,
    /// How the search ended; nothing while it goes on.
    pub end: Option<SearchEnd>,
    /// The conditions that had to hold.
    #[serde(rename = "while")]
    pub conditions: String,
    /// The lowest rate of the search, per second.
    pub from_per_s: f64,
    /// The highest, per second.
    pub to_per_s: f64,
    /// How long each probe lasts, in seconds.
    pub probe_s: f64,
    /// How near the knee is to be known, relative.
    pub precision: f64,
    /// What the conditions allow the 99th percentile of the latency to be, µs.
    pub limit_us: Option<f64>,
    /// What they ask the success ratio to be, per cent.
    pub limit_percent: Option<f64>,
    /// Every probe, in their order.
    pub probes: Vec<Probe>,
}

/// One probe: a run of a fixed rate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Probe {
    /// Its run folder, below that of the search.
    pub folder: String,
    /// Its rate, per second.
    pub rate_per_s: f64,
    /// What it came to.
    pub outcome: ProbeOutcome,
    /// Why.
    #[serde(default)]
    pub reasons: Vec<String>,
    /// The 99th percentile of the latency, µs; nothing where nothing succeeded.
    #[serde(default)]
    pub latency_us_p99: Option<u64>,
    /// Attempts that succeeded, of those that the target had a part in, per cent.
    #[serde(default)]
    pub success_percent: Option<f64>,
    /// The 99th percentile of how late attempts left, µs.
    #[serde(default)]
    pub lateness_us_p99: u64,
}
