//! The coordinator from the outside: bind, watch, run.

use std::net::SocketAddr;

use scenarios::Plan;
use tokio::sync::watch;
use wire::CoordinatorEndpoint;

use crate::run::Run;
use crate::{CoordinatorConfig, CoordinatorError, Progress, RunOutcome, StopRequest};

/// Runs one plan with a fleet of agents.
pub struct Coordinator {
    config: CoordinatorConfig,
    endpoint: CoordinatorEndpoint,
    progress: watch::Sender<Progress>,
}

impl Coordinator {
    /// Opens the endpoint, so that agents can join.
    ///
    /// # Errors
    /// [`CoordinatorError::Listen`]: the address cannot be bound, or the identity is not a coordinator's.
    #[expect(clippy::unused_async, reason = "must be called in a runtime; the signature says so")]
    pub async fn bind(config: CoordinatorConfig) -> Result<Self, CoordinatorError> {
        let listen = |source| CoordinatorError::Listen { address: config.listen, source: Box::new(source) };
        let endpoint = CoordinatorEndpoint::bind_with(config.listen, &config.identity, config.wire.clone())
            .map_err(listen)?;
        Ok(Self { config, endpoint, progress: watch::Sender::new(Progress::default()) })
    }

    /// Where agents join, with the real port.
    pub fn local_addr(&self) -> SocketAddr {
        self.endpoint.local_addr()
    }

    /// What a live view shows; changes a few times a second.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// Runs the plan to its end and writes the run folder. Whatever goes wrong once the fleet is complete is part of
    /// the outcome's verdict, not an error.
    ///
    /// # Errors
    /// The run folder cannot be made, too few agents joined, or the operator stopped before the run began.
    pub async fn run(
        self,
        plan: Plan,
        stop: watch::Receiver<StopRequest>,
    ) -> Result<RunOutcome, CoordinatorError> {
        Run::new(self.config, self.endpoint, self.progress, plan)?.until_the_end(stop).await
    }
}
