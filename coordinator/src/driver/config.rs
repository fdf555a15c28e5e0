//! What a run is given before it begins, and what can stop it from running at all.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use identity::Membership;
use results::FolderError;
use tokio::sync::watch;
use wire::attempts::RowPolicy;
use wire::to_agent::TracePolicy;
use wire::trace_context::TraceParent;

use crate::core::Observed;
use crate::folder::{Kept, RunFolder};
use crate::reconcile::SharedNetwork;
use crate::spans::SpanSink;

/// What a coordinator of one run is given: where its fleet joins, and the run.
#[derive(Clone)]
pub struct CoordinatorConfig {
    /// Where agents join, UDP; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Whom agents must find here.
    pub identity: wire::Identity,
    /// Times and limits of the agents' connections.
    pub wire: wire::Settings,
    /// The run.
    pub run: RunConfig,
}

/// What a run is given beside its plan.
#[derive(Clone)]
pub struct RunConfig {
    /// The run begins when this many agents have joined.
    pub agents_wanted: usize,
    /// Agents that belong there alone; empty for all.
    pub agents_like: Membership,
    /// What the agents signal to: a target URL, never `sim:`.
    pub target: String,
    /// The folder of all runs.
    pub out: PathBuf,
    /// The name of this run's folder; made of time and scenario when absent.
    pub run_id: Option<String>,
    /// The run's folder, where it is made already; then `out` and `run_id` are not used.
    pub folder: Option<RunFolder>,
    /// The network side, where it is run beside the agents; it is closed when they have gone.
    pub network: Option<SharedNetwork>,
    /// The agents run in this process: when it stands still, nothing that the run measured is of the target alone.
    pub agents_inside: bool,
    /// The ledger of a charging function elsewhere, read at the end of the run.
    pub charging: Option<PathBuf>,
    /// Which UEs' messages are kept.
    pub trace: TracePolicy,
    /// Which attempts have a row in the run folder.
    pub rows: RowPolicy,
    /// Who makes spans of the run.
    pub spans: Option<Arc<dyn SpanSink>>,
    /// The span of a pipeline that began the run.
    pub trace_parent: Option<TraceParent>,
    /// How long a lease lasts when it is not renewed. 30 s.
    pub lease: Duration,
    /// How long to wait for the agents. 30 s.
    pub join_timeout: Duration,
    /// How long associations and subscribers may take to be ready. 60 s.
    pub prepare_timeout: Duration,
    /// The command that started the run, for the report.
    pub command: Option<String>,
    /// Where the coordinator's certificates are, for a coordinator that takes the run up.
    pub certs: Option<PathBuf>,
    /// Where agents join, likewise.
    pub listen: Option<SocketAddr>,
    /// Who is told once a second what can be seen of the run, and at its end.
    pub observers: Option<watch::Sender<Arc<Observed>>>,
}

impl CoordinatorConfig {
    /// One agent, no traces but of failed UEs, and the usual times.
    pub fn new(listen: SocketAddr, identity: wire::Identity, target: &str, out: &Path) -> Self {
        Self { listen, identity, wire: wire::Settings::default(), run: RunConfig::new(target, out) }
    }
}

impl RunConfig {
    /// One agent, no traces but of failed UEs, and the usual times.
    pub fn new(target: &str, out: &Path) -> Self {
        Self {
            agents_wanted: 1,
            agents_like: Membership::default(),
            target: target.to_owned(),
            out: out.to_owned(),
            run_id: None,
            folder: None,
            network: None,
            agents_inside: false,
            charging: None,
            trace: TracePolicy::Failed,
            rows: RowPolicy::None,
            spans: None,
            trace_parent: None,
            lease: Duration::from_secs(30),
            join_timeout: Duration::from_secs(30),
            prepare_timeout: Duration::from_secs(60),
            command: None,
            certs: None,
            listen: None,
            observers: None,
        }
    }

    /// How many of a million attempts have a span, where anybody makes some.
    pub(super) fn spans_share(&self) -> Option<u32> {
        self.spans.as_ref().map(|spans| spans.share())
    }

    pub(super) fn kept(&self) -> Kept {
        Kept { trace: self.trace, rows: self.rows, spans: self.spans.clone() }
    }
}

/// Why there is no run at all. What goes wrong later ends in the verdict instead.
#[derive(Debug, thiserror::Error)]
pub enum CoordinatorError {
    /// The endpoint for agents cannot be opened.
    #[error("cannot listen for agents on {address}")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// What was wrong with it.
        #[source]
        source: Box<wire::WireError>,
    },
    /// The run folder, or a file of it, cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// What a restart needs cannot be written or read.
    #[error("{0}")]
    Store(crate::core::StoreError),
    /// The run cannot be taken up again.
    #[error("{folder}: {why}", folder = .folder.display())]
    CannotResume {
        /// The run's folder.
        folder: PathBuf,
        /// The reason, and what to do instead.
        why: String,
    },
    /// The system gives no thread.
    #[error(
        "no thread can be started: {source}: allow this user more processes (ulimit -u), or this one more memory (ulimit -v)"
    )]
    Thread {
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// Too few agents came.
    #[error(
        "{joined} of {wanted} agents joined within {waited_s} s at {address}{hints}; start more agents there, or ask for fewer with --agents"
    )]
    TooFewAgents {
        /// How many came.
        joined: usize,
        /// How many were wanted.
        wanted: usize,
        /// How long they had, in seconds.
        waited_s: u64,
        /// Where they were expected.
        address: SocketAddr,
        /// Joins that failed, with their reasons.
        hints: String,
    },
}
