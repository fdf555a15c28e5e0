//! `summary.json`: the verdict and every figure of the report. Keys are stable; additions are fine.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    AgentSummary, AmfSummary, AttemptRows, BillingSummary, DriftSummary, EmbeddedTargetSummary, Fault, Gap,
    GeneratorSummary, GuardrailResult, HandoverSummary, ImpairmentSummary, NetworkEvents, ProcedureSummary,
    RanEvents, RecoverySummary, ReportCounts, RunCounts, ShardMove, SloResult, SupervisorSummary,
    TraceCounts, TraceFileSummary, UserPlaneSummary, Verdict,
};

/// The verdict and every figure of the report.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Summary {
    /// The form of the run folder. It grows when an earlier program would misread a later folder; additions do not make it grow.
    /// A folder of before there were forms has 0.
    pub form: u32,
    /// The run's name, which is its folder's.
    pub run_id: String,
    /// The trace that spans and logs of the run belong to, in hexadecimal; empty in folders of before there were traces.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub trace_id: String,
    /// The scenario's name.
    pub scenario: String,
    /// The scenario's own description.
    pub description: String,
    /// The seed: with the scenario, enough to run it again.
    pub seed: u64,
    /// pass, fail or invalid, and why.
    pub verdict: Verdict,
    /// When the run started, RFC 3339, UTC.
    pub started_at: String,
    /// From the start to the last interval, in seconds.
    pub duration_s: f64,
    /// The length of the plan's schedule, in seconds.
    pub planned_s: f64,
    /// The target's URL.
    pub target: String,
    /// How SCTP was carried: the URL's scheme.
    pub transport: String,
    /// The program's version.
    pub version: String,
    /// The versions of the parts.
    pub versions: BTreeMap<String, String>,
    /// The command that started the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// The SLOs and what was measured.
    pub slos: Vec<SloResult>,
    /// The guardrails and whether one broke.
    pub guardrails: Vec<GuardrailResult>,
    /// What failed the run without any SLO, one sentence each: a procedure that never once succeeded, or one that did where
    /// the scenario expects none to.
    pub unexpected_outcomes: Vec<String>,
    /// The account and the latencies of each procedure.
    pub procedures: BTreeMap<String, ProcedureSummary>,
    /// The difference between the two ledgers.
    pub billing: BillingSummary,
    /// Handovers by cells, and their phases.
    pub handovers: HandoverSummary,
    /// What the user plane carried.
    pub user_plane: UserPlaneSummary,
    /// Most PDU sessions at once.
    pub sessions_at_once: u64,
    /// What the network noticed.
    pub network_events: NetworkEvents,
    /// What happened between the RAN nodes and their core: associations lost and restored, overloads, …
    pub ran_events: RanEvents,
    /// What each AMF was to the run, in the order of the targets.
    pub amfs: Vec<AmfSummary>,
    /// What was made worse on purpose.
    pub impairments: ImpairmentSummary,
    /// Whether the generator was the bottleneck.
    pub generator: GeneratorSummary,
    /// How the embedded simulator fared on the machine that it shares with the agents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embedded_target: Option<EmbeddedTargetSummary>,
    /// The fleet.
    pub agents: Vec<AgentSummary>,
    /// Messages that were not expected or not understood, by kind.
    pub unexpected: BTreeMap<String, u64>,
    /// What is counted of the run as a whole.
    #[serde(flatten)]
    pub counts: RunCounts,
    /// The radio profile's name.
    pub radio: String,
    /// Faults that were injected, with their times.
    pub faults: Vec<Fault>,
    /// The trace files.
    pub traces: Vec<TraceFileSummary>,
    /// What was traced, and what was not kept because of a limit.
    pub trace_counts: TraceCounts,
    /// The attempts one by one, where they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt_rows: Option<AttemptRows>,
    /// Whether anything changed over the run.
    pub drift: DriftSummary,
    /// How the interval reports were merged.
    pub reports: ReportCounts,
    /// Stretches of shards that no agent has accounted for: what was lost with agents.
    pub gaps: Vec<Gap>,
    /// Gaps that are not listed; they count all the same.
    pub gaps_left_out: u64,
    /// Shards that one agent handed over to another.
    pub moves: Vec<ShardMove>,
    /// Moves that are not listed.
    pub moves_left_out: u64,
    /// What takeovers made agents do, outside every statistic.
    pub recovery: RecoverySummary,
    /// How long the run's clock stood still, in seconds.
    pub paused_s: f64,
    /// Supervisors of agents' processes.
    pub supervisors: Vec<SupervisorSummary>,
    /// What the operator should know.
    pub warnings: Vec<String>,
}

/// The form of the run folders that this program writes, and the newest that it reads.
pub const FORM: u32 = 1;
