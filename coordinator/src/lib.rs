//! The coordinator: plan ──► leases ──► agents ──► reports ──► merge ──► time line ──► SLOs ──► verdict ──► run folder.
//!
//! A value decides everything ([`core`]); one task drives it ([`run`]); each agent has one link whose two halves only move
//! messages to and from it. Every queue between them is bounded, and nothing is locked.

mod admission;
mod compare;
pub mod control;
pub mod core;
mod drift;
mod driver;
mod folder;
mod histogram;
mod merge;
mod progress;
mod reconcile;
pub mod report;
mod store;
mod summary;
mod time;
pub mod units;
mod verdict;

pub use compare::{
    CompareError, ComparedRun, ComparedRuns, compare_runs, comparison_text, page_name, write_comparison,
};
pub use drift::{DriftSummary, DriftTrend};
pub use driver::Coordinator;
pub use driver::{CoordinatorConfig, CoordinatorError, StopRequest};
pub use folder::{RunFolder, render_report, write_search};
pub use histogram::{Histogram, HistogramFault, Samples, decode_v2};
pub use merge::UserPlaneSummary;
pub use merge::{AmfSummary, RanEvents, ShownEvent};
pub use merge::{Checked, Fault, Merge, Reception};
pub use merge::{Counts, ProcedureFigures};
pub use merge::{HandoverCells, HandoverSummary};
pub use progress::{AgentProgress, Phase, ProcedureProgress, Progress};
pub use reconcile::{BillingSummary, carried};
pub use reconcile::{NetworkClosed, NetworkEvent, NetworkEvents, NetworkSide, SharedNetwork, TimedEvent};
pub use store::{SqliteStore, Stored};
pub use summary::{
    AgentSummary, EmbeddedTargetSummary, GeneratorSummary, HostSummary, ImpairmentSummary, Percentiles,
    PhaseSummary, ProcedureSummary, ProcessorShares, RecoverySummary, RunOutcome, SloResult, Summary,
    SupervisorSummary, TraceCounts,
};
pub use verdict::Coverage;
pub use verdict::{Status, Verdict};
pub use wire::to_agent::TracePolicy;
