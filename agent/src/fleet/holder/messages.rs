//! What goes in and out of a [`super::Holder`].

use std::time::Duration;

use wire::to_agent::{ToAgent, Welcome};
use wire::to_coordinator::{IntervalReport, ToCoordinator};

use crate::worker::{Command, Notice};

/// Something happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// The coordinator answered our `Hello`.
    Connected(Welcome),
    /// The connection is lost, or the coordinator closed it.
    Disconnected,
    /// The coordinator says something.
    Message(ToAgent),
    /// A worker says something.
    Notice(Notice),
    /// The agent has to go: its operator wants it, or its host is taken away.
    Interrupted {
        /// For the log and the coordinator: `SIGTERM`, `spot interruption at 2026-11-25T10:00:00Z`, …
        reason: String,
        /// When its host goes; `None` when there is no hurry.
        within: Option<Duration>,
    },
    /// A report was written to disk; or it was not, and here it is again.
    Spooled {
        /// Which one.
        id: ReportId,
        /// The report, when the disk did not take it.
        returned: Option<Box<IntervalReport>>,
    },
    /// A report was read from disk; `None` when it could not be.
    Fetched {
        /// Which one.
        id: ReportId,
        /// The report.
        report: Option<Box<IntervalReport>>,
    },
    /// [`super::Holder::next_deadline`] has come.
    Tick,
}

/// Something has to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// To the coordinator, in order. Never without a connection.
    Send(ToCoordinator),
    /// To this worker, in order.
    Tell {
        /// Number of the worker, from 0.
        worker: usize,
        /// What it has to do.
        command: Command,
    },
    /// Write this report to disk: [`Input::Spooled`] answers.
    Spool {
        /// Which one.
        id: ReportId,
        /// The report.
        report: Box<IntervalReport>,
    },
    /// Read this report from disk: [`Input::Fetched`] answers.
    Fetch(ReportId),
    /// This report is not needed any more: free its place on disk.
    Forget(ReportId),
    /// The agent's part is over. Nothing follows; what was to be sent before is to be sent still.
    Leave(Left),
}

/// Why an agent leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// The coordinator said that the run is over.
    RunOver,
    /// It was interrupted, and everything is handed over and acknowledged.
    HandedOver,
    /// It was interrupted, and the time that it was given is over.
    OutOfTime,
    /// The coordinator is away for too long.
    NobodyAnswers,
}

/// Names one report of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReportId {
    /// Shard number.
    pub shard: u32,
    /// The lease that it was made under.
    pub epoch: u64,
    /// Its number under that lease.
    pub sequence: u64,
}
