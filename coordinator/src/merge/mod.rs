//! Interval reports checked, merged exactly once, and added up: by run, by shard, by second.

mod accounting;
mod checks;
mod counts;
mod exactly_once;
mod failed_into;
mod figures;
mod handovers;
mod ran_events;
mod timeline;
mod totals;

pub(crate) use accounting::{planned, unproven};
pub use exactly_once::{Checked, Fault, Merge, Reception};
pub(crate) use failed_into::Away;
pub use figures::{Counts, ProcedureFigures};
pub(crate) use figures::{Parts, Procedures, sum, tally};
pub use timeline::Second;
pub(crate) use timeline::{MOST_OPEN, Timeline};
pub(crate) use totals::Totals;
