//! What goes into a [`super::Core`], and what comes out.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use wire::attempts::RowsWanted;
use wire::standstill::StoodStill;
use wire::to_agent::{ToAgent, TracePolicy};
use wire::to_coordinator::{Hello, ToCoordinator, Trace};
use wire::trace_context::TraceParent;

use super::Record;
use crate::merge::Second;

/// One connection, as the driver numbers it. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);

/// Something happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// Time has passed. Comes several times a second.
    Tick,
    /// A peer with a certificate of the fleet has said hello.
    Joined {
        /// Its link.
        link: LinkId,
        /// What it said.
        hello: Box<Hello>,
        /// From where.
        peer: SocketAddr,
    },
    /// A peer could not join: no certificate, another version.
    JoinFailed(String),
    /// A message.
    Message {
        /// From whom.
        link: LinkId,
        /// What.
        message: Box<ToCoordinator>,
    },
    /// The process that runs all of the run, agents and network too, stood still until now.
    StoodStill(StoodStill),
    /// A process has ended that a supervisor of another run watches over.
    ProcessEnded(ProcessEnd),
    /// A link has ended, or what is sent to it is not read.
    Gone {
        /// Which.
        link: LinkId,
        /// Why.
        why: String,
    },
    /// The operator wants the run to end.
    Stop(StopRequest),
    /// The operator wants the run's clock to stand still.
    Pause,
    /// The operator wants it to go on.
    Resume,
    /// The run folder, or the store, cannot be written.
    FolderFailed(String),
    /// The coordinator was started again, and every record is applied.
    Restarted,
}

/// The end of a process, as its supervisor tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessEnd {
    /// The mark that the supervisor gave to it.
    pub mark: [u8; 16],
    /// How it ended, for people.
    pub status: String,
    /// The supervisor's name.
    pub supervisor: String,
}

/// What is to be done, in this order: records are committed, files written, then messages sent and links closed.
#[derive(Debug, Default)]
pub struct Output {
    /// To be made durable first.
    pub records: Vec<Record>,
    /// Seconds that are complete, for the files.
    pub seconds: Vec<Arc<Second>>,
    /// For the trace files.
    pub traces: Vec<Trace>,
    /// In order for each link. To a link that is gone: dropped.
    pub sends: Vec<(LinkId, ToAgent)>,
    /// After what was sent.
    pub closes: Vec<(LinkId, Close)>,
}

impl Output {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
            && self.seconds.is_empty()
            && self.traces.is_empty()
            && self.sends.is_empty()
            && self.closes.is_empty()
    }
}

/// How a link ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Close {
    /// It was never accepted: the reason is said.
    Refuse(String),
    /// What was sent is delivered first.
    Goodbye,
}

/// What a run is told before it begins, beside its plan.
#[derive(Clone, Debug)]
pub struct CoreSettings {
    /// The run's name.
    pub run: String,
    /// The run begins when this many agents have joined.
    pub agents_wanted: usize,
    /// What the agents signal to: a target URL, never `sim:`.
    pub target: String,
    /// Which UEs' messages are kept.
    pub trace: TracePolicy,
    /// Which attempts have a row, and what for.
    pub rows: RowsWanted,
    /// The trace of the pipeline that began the run; without, the run has one of its own.
    pub trace_parent: Option<TraceParent>,
    /// How long a lease lasts when it is not renewed.
    pub lease: Duration,
    /// How long to wait for the agents.
    pub join_timeout: Duration,
    /// How long associations and subscribers may take to be ready.
    pub prepare_timeout: Duration,
    /// How long what is in flight may take when a shard moves.
    pub settle: Duration,
    /// Agents and supervisors that may join in all: each that ever did is remembered.
    pub most_joins: usize,
}

impl CoreSettings {
    /// One agent, and the usual times.
    pub fn new(run: &str, target: &str) -> Self {
        Self {
            run: run.to_owned(),
            agents_wanted: 1,
            target: target.to_owned(),
            trace: TracePolicy::Failed,
            rows: RowsWanted::default(),
            trace_parent: None,
            lease: Duration::from_secs(30),
            join_timeout: Duration::from_secs(30),
            prepare_timeout: Duration::from_secs(60),
            settle: Duration::from_secs(2),
            most_joins: 20_000,
        }
    }
}

/// What the operator wants of a run that is under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StopRequest {
    /// Go on.
    #[default]
    None,
    /// Start nothing more, let what is in flight end, write the folder.
    Drain,
    /// End at once: what is in flight is abandoned; the folder is still written.
    Now,
}

/// Why there is nothing more to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The run is over, and the account can be drawn up.
    Over,
    /// It never began: too few agents came.
    TooFewAgents,
}
