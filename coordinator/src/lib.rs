//! The coordinator: plan ──► leases ──► agents ──► reports ──► merge ──► time line ──► SLOs ──► verdict ──► run folder.
//!
//! A value decides everything ([`core`]); one task drives it (`driver/`); each agent has one link whose two halves only move
//! messages to and from it. Every queue between them is bounded. Several runs may share one fleet.
//!
//! A folder for each station. Imports go down this list: a folder knows those below it, and none above.
//!
//! ```text
//! driver/     a run around its core: links, files, store; the account at its end
//! admission/  who has joined, of which run they are, and their connections
//! control/    the operator's: watch, pause, resume, stop
//! store/      records made durable
//! folder/     the run folder: what is written while a run lasts
//! spans/      who makes spans of a run is told what happens
//! core/       decides: leases, takeovers, shard moves, the account
//! verdict/    conditions, coverage, whether the generator was the limit
//! reconcile/  the network's side, and the two ledgers at the end
//! merge/      reports checked, merged exactly once, added up
//! histogram/  what is measured
//! time/       clocks
//! ```

mod admission;
pub mod control;
pub mod core;
mod driver;
mod folder;
mod histogram;
mod merge;
mod reconcile;
mod spans;
mod store;
mod time;
mod verdict;

pub use core::{Observed, StopRequest};
pub use driver::{
    Coordinator, CoordinatorConfig, CoordinatorError, Fleet, Interrupted, Orders, RunConfig, RunHandle,
    RunOutcome,
};
pub use folder::RunFolder;
pub use histogram::{Histogram, HistogramFault, Samples, decode_v2};
pub use merge::{Checked, Counts, Fault, Merge, ProcedureFigures, Reception};
pub use reconcile::{NetworkClosed, NetworkEvent, NetworkServed, NetworkSide, SharedNetwork, carried};
pub use spans::{AttemptsTold, RunTold, SpanSink, Told};
pub use store::{SqliteStore, Stored};
pub use wire::to_agent::TracePolicy;
