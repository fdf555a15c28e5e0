//! The coordinator: plan ──► leases ──► agents ──► reports ──► merge ──► time line ──► SLOs ──► verdict ──► run folder.
//!
//! One task owns all state ([`run`]); each agent has one link whose two halves only move messages to and from it. Every
//! queue between them is bounded, and nothing is locked.

mod accounting;
mod clock;
mod conclude;
mod config;
mod coordinator;
mod evidence;
mod figures;
mod fleet;
mod generator;
mod histogram;
mod hlog;
mod journal;
mod junit;
mod link;
mod live;
mod merge;
mod progress;
pub mod report;
mod report_log;
mod run;
mod run_folder;
mod slo;
mod summary;
mod timeline;
mod traces;
mod verdict;
mod wall_clock;

pub use config::{CoordinatorConfig, CoordinatorError, StopRequest};
pub use coordinator::Coordinator;
pub use figures::{Counts, ProcedureFigures};
pub use histogram::{HistogramFault, decode_v2};
pub use merge::{Checked, Fault, Merge, Reception};
pub use progress::{AgentProgress, Phase, ProcedureProgress, Progress};
pub use run_folder::render_report;
pub use summary::{
    AgentSummary, GeneratorSummary, Percentiles, ProcedureSummary, RunOutcome, SloResult, Summary,
    TraceCounts,
};
pub use verdict::{Status, Verdict};
pub use wire::to_agent::TracePolicy;
