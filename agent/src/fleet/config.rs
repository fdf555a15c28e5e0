//! How an agent is set up, what interrupts it, and why it ends early.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use identity::Membership;
use wire::{IdentitySlot, WireError};

use super::holder::HolderSettings;
use super::observer::Observer;

/// How an agent is set up.
pub struct AgentConfig {
    /// The name it wishes for.
    pub name: String,
    /// Worker threads; one for each core is best.
    pub workers: usize,
    /// The place in the queue for a processor that the workers' threads ask for.
    pub priority: host::Priority,
    /// Its certificate, which may be renewed meanwhile: a new connection shows the one that is there then.
    pub identity: IdentitySlot,
    /// `host:port` of the coordinator.
    pub coordinator: String,
    /// The program's version, for the other side's errors and the report.
    pub program: String,
    /// The address of its end of N3. `None`: the one that reaches the target; on loopback one of its own.
    pub gtpu_address: Option<IpAddr>,
    /// The mark that a supervisor gave to this process.
    pub mark: Option<[u8; 16]>,
    /// Its pool, and its labels: runs may ask for them.
    pub belongs: Membership,
    /// Where reports wait that memory does not hold. `None`: the system's folder for temporary files, if it can be used.
    pub spool: Option<PathBuf>,
    /// Octets of reports on disk; 0 for none.
    pub spool_octets: u64,
    /// How long nobody may answer before the agent gives up, once no lease is valid any more.
    pub patience: Duration,
    /// Who looks on.
    pub observer: Option<Arc<dyn Observer>>,
    /// After a run the agent joins for the next one, and it waits for a coordinator that is not there yet.
    pub stay: bool,
}

impl AgentConfig {
    /// The usual settings for everything else.
    pub fn new(name: String, identity: impl Into<IdentitySlot>, coordinator: String) -> Self {
        let usual = HolderSettings::default();
        Self {
            name,
            workers: 1,
            priority: host::Priority::None,
            identity: identity.into(),
            coordinator,
            program: usual.program,
            gtpu_address: None,
            mark: None,
            belongs: Membership::default(),
            spool: None,
            spool_octets: usual.disk,
            patience: usual.patience,
            observer: None,
            stay: false,
        }
    }
}

/// The agent has to go.
#[derive(Clone, Debug)]
pub struct Interruption {
    /// For the log and the coordinator: `SIGTERM`, `spot interruption at 2026-11-25T10:00:00Z`, …
    pub reason: String,
    /// When its host goes; `None` when there is no hurry.
    pub deadline: Option<Instant>,
}

/// Why an agent ended early.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The coordinator could not be joined.
    #[error(transparent)]
    Join(WireError),
    /// The coordinator sent us away, or is another one now.
    #[error(transparent)]
    Lost(#[from] WireError),
    /// The coordinator did not come back.
    #[error("the coordinator is away for {} s, and no lease is valid any more: {last}", .after.as_secs())]
    NobodyAnswers {
        /// How long.
        after: Duration,
        /// What came of the last attempt.
        last: String,
    },
    /// A worker could not go on.
    #[error("{0}")]
    Worker(String),
    /// A thread could not be started.
    #[error("cannot start a worker thread")]
    Thread(#[source] std::io::Error),
    /// The folder for reports cannot be used.
    #[error("reports cannot wait in {}: {source}; give another folder", .folder.display())]
    Spool {
        /// The folder.
        folder: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}
