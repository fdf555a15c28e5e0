//! A fleet that outlives its runs: it owns the endpoint and the agents that wait, and plays any number of runs at once.

use std::net::SocketAddr;

use results::Progress;
use scenarios::Plan;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use wire::{Identity, Settings};

use super::{CoordinatorError, Run, RunConfig, RunOutcome};
use crate::admission::Roster;
use crate::control::{Order, Ordered};
use crate::core::StopRequest;

/// Where agents join, and wait for runs. Each run takes as many of them as it wants; who has played in one is dismissed at its
/// end, and joins again.
pub struct Fleet {
    roster: Roster,
}

/// A run that is under way. Dropped, the run goes on.
pub struct RunHandle {
    /// What a live view shows; changes a few times a second.
    pub progress: watch::Receiver<Progress>,
    /// What it can be told.
    pub orders: Orders,
    /// Its end. Whatever goes wrong once its agents are there is part of the outcome's verdict, not an error.
    pub done: JoinHandle<Result<RunOutcome, CoordinatorError>>,
}

/// What a run that is under way can be told.
#[derive(Clone, Debug)]
pub struct Orders {
    stop: watch::Sender<StopRequest>,
    ordering: mpsc::Sender<Ordered>,
}

impl Fleet {
    /// Opens the endpoint, so that agents can join.
    ///
    /// # Errors
    /// [`CoordinatorError::Listen`]: the address cannot be bound, or the identity is not a coordinator's.
    #[expect(clippy::unused_async, reason = "must be called in a runtime; the signature says so")]
    pub async fn open(
        address: SocketAddr,
        identity: &Identity,
        wire: Settings,
    ) -> Result<Self, CoordinatorError> {
        let listen = |source| CoordinatorError::Listen { address, source: Box::new(source) };
        Ok(Self { roster: Roster::open(address, identity, wire).map_err(listen)? })
    }

    /// Where agents join, with the real port.
    pub fn local_addr(&self) -> SocketAddr {
        self.roster.local_addr()
    }

    /// Agents that have joined and are in no run.
    pub fn idle(&self) -> usize {
        self.roster.idle()
    }

    /// Begins a run: in its folder, which has its store as well, with the agents that wait and those that come.
    ///
    /// # Errors
    /// The run folder cannot be made, or no thread can be started.
    pub fn start(&self, plan: Plan, config: RunConfig) -> Result<RunHandle, CoordinatorError> {
        let progress = watch::Sender::new(Progress::default());
        let shown = progress.subscribe();
        let run = Run::new(config, &self.roster, false, progress, plan)?;
        let (stop, stopped) = watch::channel(StopRequest::None);
        let orders = Orders { stop, ordering: run.ordering() };
        let done = tokio::spawn(run.until_the_end(stopped));
        Ok(RunHandle { progress: shown, orders, done })
    }

    /// Sends everybody home: runs that are under way lose their agents.
    pub async fn close(self, reason: &str) {
        self.roster.close(reason).await;
    }
}

impl Orders {
    /// The run is to end.
    pub fn stop(&self, request: StopRequest) {
        self.stop.send_replace(request);
    }

    /// Pauses the run, or lets it go on. What has come of it.
    ///
    /// # Errors
    /// Why it cannot be done.
    pub async fn order(&self, order: Order) -> Result<String, String> {
        let over = || "the run is over".to_owned();
        let (answer, answered) = oneshot::channel();
        self.ordering.send(Ordered { order, answer }).await.map_err(|_| over())?;
        answered.await.map_err(|_| over())?
    }
}
