//! The state of a run as octets: what a checkpoint holds in place of the records before it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Core, State};

/// The state, or a reference to it, with how each guardrail stands.
#[derive(Serialize, Deserialize)]
struct Snapshot<S> {
    state: S,
    guards: Vec<(Duration, Option<f64>)>,
}

/// Octets are not the state of this run.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// They are no state at all.
    #[error("the stored state of the run cannot be read: {0}")]
    Unreadable(#[from] postcard::Error),
    /// They are the state of another plan.
    #[error("the stored state is of a run with {stored} shards and guardrails, the plan has {planned}")]
    OtherPlan {
        /// Theirs.
        stored: usize,
        /// The plan's.
        planned: usize,
    },
}

impl Core {
    /// Everything that the records so far have brought about.
    ///
    /// # Errors
    /// Nothing that is in a state is known to fail.
    pub fn snapshot(&self) -> Result<Vec<u8>, SnapshotError> {
        let guards = self.state.guards.iter().map(crate::verdict::Guard::standing).collect();
        Ok(postcard::to_stdvec(&Snapshot { state: &self.state, guards })?)
    }

    /// Stands where another core of the same plan stood, in place of [`Self::apply`] with all its records.
    ///
    /// # Errors
    /// Each [`SnapshotError`]; then nothing has changed.
    pub fn restore(&mut self, octets: &[u8]) -> Result<(), SnapshotError> {
        let Snapshot { state, guards } = postcard::from_bytes::<Snapshot<State>>(octets)?;
        let stored = state.shards.len() + guards.len();
        let planned = self.state.shards.len() + self.state.guards.len();
        if stored != planned {
            return Err(SnapshotError::OtherPlan { stored, planned });
        }
        let mut fresh = std::mem::replace(&mut self.state, state);
        fresh.guards.iter_mut().zip(guards).for_each(|(guard, standing)| guard.stand(standing));
        (self.state.guards, self.state.limits) = (fresh.guards, fresh.limits);
        self.state.scenario = fresh.scenario;
        Ok(())
    }
}
