//! What a run came to, as `summary.json` and `timeline.ndjson` hold it: typed, written and read by whoever has to do with it.

mod attempt_rows;
mod billing;
mod call_flow;
mod coverage;
mod drift;
mod events;
mod fleet;
pub mod folder;
mod generator;
mod handovers;
mod impairments;
mod interval;
mod measurements;
mod procedure;
mod progress;
mod reasons;
mod run_counts;
pub mod schema;
mod search;
mod slo;
mod stops;
mod summary;
mod traces;
pub mod units;
mod user_plane;
mod verdict;

pub use attempt_rows::AttemptRows;
pub use billing::BillingSummary;
pub use call_flow::{CallFlow, CallFlowMessage, SlowAttempt};
pub use coverage::Coverage;
pub use drift::{DriftSummary, DriftTrend};
pub use events::{AmfSummary, NetworkEvents, RanEvents, ShownEvent, TimedEvent};
pub use fleet::{AgentSummary, Gap, RecoverySummary, ReportCounts, ShardMove, SupervisorSummary};
pub use folder::FolderError;
pub use generator::{EmbeddedTargetSummary, GeneratorSummary, HELD_BACK, HostSummary, ProcessorShares};
pub use handovers::{HandoverCells, HandoverSummary};
pub use impairments::{Fault, ImpairmentSummary, ImpairmentWindow, Override};
pub use interval::{Interval, IntervalFigures};
pub use measurements::{CountUnit, Counts, Measurement};
pub use procedure::{
    Outcome, OutcomeCount, PercentileRow, Percentiles, PhaseSummary, ProcedureSummary, in_order,
};
pub use progress::{AgentProgress, Phase, ProcedureProgress, Progress};
pub use reasons::{
    AGENT_LOST, AGENT_STOOD_STILL, KEPT_BACK, LEASE_LAPSED, OTHER_SHARD_AWAY, OTHER_SHARD_SILENT,
    OWN_REASONS, is_own_reason,
};
pub use run_counts::RunCounts;
pub use search::{Probe, SearchSummary};
pub use slo::{GuardrailResult, SloResult};
pub use stops::{Stop, StopKind};
pub use summary::{FORM, Summary};
pub use traces::{TraceCounts, TraceFileSummary};
pub use user_plane::UserPlaneSummary;
pub use verdict::{NOTHING_JUDGED, Status, Verdict};
