//! The run folder: the files that grow while a run lasts, and those that are written at its end.

mod files;
mod hlog;
mod intervals;
mod journal;
mod ladders;
mod run_folder;
mod traces;
mod usage_ledger;

pub(crate) use files::{Files, FilesSoFar};
#[cfg(test)]
pub(crate) use hlog::HistogramLog;
pub use run_folder::{RunFolder, render_report, write_search};
pub(crate) use run_folder::{lines_of, parse, read, write_whole};
pub(crate) use traces::Traces;
