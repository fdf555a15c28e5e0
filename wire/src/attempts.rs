//! Rows of attempts, for who wants every one of them: `attempts.ndjson.zst` of a run folder, and spans.
//!
//! They travel in the interval reports, so that each is merged once or not at all. Nothing that a verdict rests on is in them: where
//! there is no room for them they are left out, and counted.

use identity::{CellId, Imsi};
use serde::{Deserialize, Serialize};

/// Which attempts have a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum RowPolicy {
    /// None.
    #[default]
    None,
    /// Those that did not succeed.
    Failed,
    /// So many of a million, drawn by the seed, whatever becomes of them.
    Share(u32),
    /// All.
    All,
}

/// Which attempts have a row, and what for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowsWanted {
    /// For the file of rows.
    pub file: RowPolicy,
    /// For spans: those that did not succeed, and so many of a million of all, drawn by the seed. `None`: no spans are made.
    pub spans: Option<u32>,
}

/// What a row is for. A row that is for nothing is not sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowUse {
    /// A line of the file.
    pub file: bool,
    /// A span.
    pub span: bool,
}

/// How many rows had no room, by what they were for; one that was for both counts twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowsLeftOut {
    /// Lines of the file.
    pub file: u64,
    /// Spans.
    pub spans: u64,
}

impl RowsLeftOut {
    /// One more.
    pub fn count(&mut self, row: RowUse) {
        self.file = self.file.saturating_add(u64::from(row.file));
        self.spans = self.spans.saturating_add(u64::from(row.span));
    }

    /// All of these.
    pub fn add(&mut self, others: Self) {
        self.file = self.file.saturating_add(others.file);
        self.spans = self.spans.saturating_add(others.spans);
    }
}

/// A whole in the unit of [`RowPolicy::Share`].
pub const WHOLE: u32 = 1_000_000;

/// Rows of one report, each of at most [`LONGEST_ROW`] octets. What is beyond them goes into the next report.
pub const MOST_ROWS: usize = 4_096;

/// Octets of the longest row: a cause of [`crate::bounds::LONGEST_CAUSE`] octets, and every number at its largest.
pub const LONGEST_ROW: usize = 289;

/// One attempt that has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptRow {
    /// What it is for.
    pub for_what: RowUse,
    /// When it was due, µs since the run's start; where a UE began it by itself, when it did.
    pub due_us: u64,
    /// What was attempted, by its place among the scenario's procedures.
    pub procedure: u8,
    /// A UE began it by itself: it is in no plan.
    pub self_started: bool,
    /// Whose attempt it is, where that is known.
    pub supi: Option<Imsi>,
    /// How it ended.
    pub outcome: RowOutcome,
    /// The cause, timer or reason of that; empty where it succeeded.
    pub cause: String,
    /// From the due time to the end, µs. `None` where nobody answers, and where it was given up.
    pub latency_us: Option<u64>,
    /// The same from its first message.
    pub service_us: Option<u64>,
    /// How late it left, µs. `None` where a UE began it by itself.
    pub lateness_us: Option<u64>,
    /// The cell where it was made.
    pub cell: Option<CellId>,
    /// The cell that a handover went to.
    pub target: Option<CellId>,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RowOutcome {
    /// As wanted.
    Succeeded,
    /// The network refused it or broke it off.
    Failed,
    /// A timer ended it.
    TimedOut,
    /// It was given up.
    Abandoned,
}

impl RowOutcome {
    /// Its name in files and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::TimedOut => "timed-out",
            Self::Abandoned => "abandoned",
        }
    }
}
