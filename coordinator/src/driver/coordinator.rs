//! The coordinator from the outside: bind, watch, run.

use std::net::SocketAddr;

use scenarios::Plan;
use tokio::sync::watch;

use super::{Interrupted, Run};
use crate::admission::Roster;
use crate::core::StopRequest;
use crate::driver::{CoordinatorConfig, CoordinatorError, RunOutcome};
use results::Progress;

/// Runs one plan with a fleet of its own, which ends with the run. See [`super::Fleet`] for one that does not.
pub struct Coordinator {
    config: CoordinatorConfig,
    roster: Roster,
    progress: watch::Sender<Progress>,
    resumed: Option<Interrupted>,
}

impl Coordinator {
    /// Opens the endpoint, so that agents can join.
    ///
    /// # Errors
    /// [`CoordinatorError::Listen`]: the address cannot be bound, or the identity is not a coordinator's.
    #[expect(clippy::unused_async, reason = "must be called in a runtime; the signature says so")]
    pub async fn bind(config: CoordinatorConfig) -> Result<Self, CoordinatorError> {
        let listen = |source| CoordinatorError::Listen { address: config.listen, source: Box::new(source) };
        let roster = Roster::open(config.listen, &config.identity, config.wire.clone()).map_err(listen)?;
        Ok(Self { config, roster, progress: watch::Sender::new(Progress::default()), resumed: None })
    }

    /// Takes up a run whose coordinator has died: `config` says where to listen and who is found there, the
    /// rest is as the run was told. Returns the plan to run as well.
    ///
    /// # Errors
    /// The scenario of the run is not understood any more, or the address cannot be bound.
    pub async fn resume(
        config: CoordinatorConfig,
        resumed: Interrupted,
    ) -> Result<(Self, Plan), CoordinatorError> {
        let plan = resumed.plan()?;
        let coordinator = Self::bind(resumed.config(config)).await?;
        Ok((Self { resumed: Some(resumed), ..coordinator }, plan))
    }

    /// Where agents join, with the real port.
    pub fn local_addr(&self) -> SocketAddr {
        self.roster.local_addr()
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
        let Self { mut config, roster, progress, resumed } = self;
        config.run.listen = Some(roster.local_addr());
        let run = match resumed {
            Some(resumed) => Run::resume(config.run, &roster, progress, plan, resumed)?,
            None => Run::new(config.run, &roster, true, progress, plan)?,
        };
        run.until_the_end(stop).await
    }
}
