//! One procedure of a run: its account and how long it took.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Coverage;

/// One procedure: `planned = succeeded + failed + timed_out + abandoned + never_started`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ProcedureSummary {
    /// What the plan holds; for what UEs start by themselves, what came due.
    pub planned: u64,
    /// What came due.
    pub due: u64,
    /// What was started.
    pub started: u64,
    /// Ended as wanted.
    pub succeeded: u64,
    /// Of these, those that nobody answers (a UE that is switched off): they have no latency.
    pub unanswered: u64,
    /// Refused or broken off by the network, by cause.
    pub failed: BTreeMap<String, u64>,
    /// Ended by a timer.
    pub timed_out: u64,
    /// The same by timer.
    pub timed_out_by_timer: BTreeMap<String, u64>,
    /// Given up by us, by reason.
    pub abandoned: BTreeMap<String, u64>,
    /// Never started.
    pub never_started: u64,
    /// The same by reason.
    pub never_started_by_reason: BTreeMap<String, u64>,
    /// From the due time, of what succeeded, µs.
    pub latency_us: Percentiles,
    /// From the first octet, of what succeeded, µs.
    pub service_us: Percentiles,
    /// How late the attempts left that the schedule made due, µs.
    pub lateness_us: Percentiles,
    /// Of how many attempts it is known how they ended.
    pub coverage: Coverage,
    /// The distribution of the latency: percentile and µs.
    pub percentiles: Vec<(f64, u64)>,
    /// The distribution of the service time.
    pub service_percentiles: Vec<(f64, u64)>,
}

/// Percentiles of one merged histogram, µs. Zeros when it is empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Percentiles {
    /// Median.
    pub p50: u64,
    /// 90 %.
    pub p90: u64,
    /// 95 %.
    pub p95: u64,
    /// 99 %.
    pub p99: u64,
    /// 99.9 %.
    pub p999: u64,
    /// The largest.
    pub max: u64,
    /// How many attempts they are of.
    #[serde(default)]
    pub samples: u64,
}

/// One phase of a procedure.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct PhaseSummary {
    /// `preparation`, `execution`, `completion`.
    pub phase: String,
    /// How many times it was measured.
    pub samples: u64,
    /// How long it took, µs.
    pub latency_us: Percentiles,
}
