//! The run folder: the files that grow while a run lasts, and those that are written at its end.

mod attempt_log;
mod call_flows;
#[cfg(test)]
mod compared;
mod files;
mod hlog;
mod intervals;
mod journal;
mod run_folder;
mod traces;
mod usage_ledger;

pub(crate) use files::{Files, FilesSoFar, Kept};
pub use run_folder::RunFolder;
pub(crate) use traces::Traces;
