//! UEs on their way from one holder of a shard to the next: those that have come, until the shard begins, and those that will go.

use std::collections::HashMap;

use crate::transfer::SessionContext;

/// What is known of such UEs beside their own state.
#[derive(Default)]
pub(crate) struct Transferred {
    /// Those that are in their slots already.
    pub(crate) newcomers: Vec<Newcomer>,
    /// What the sessions of a shard at rest take along, by their UEs.
    pub(crate) session_contexts: Option<HashMap<u32, Vec<SessionContext>>>,
}

/// A UE that is in its slot already, and what is still to be done for it at the start.
pub(crate) struct Newcomer {
    pub(crate) ue: u32,
    pub(crate) timers: Vec<(u8, u64)>,
    pub(crate) session_contexts: Vec<SessionContext>,
}

impl Transferred {
    /// How many sessions go along.
    pub(crate) fn sessions(&self) -> Option<u64> {
        let of_ues = self.session_contexts.as_ref()?;
        Some(of_ues.values().map(|of_ue| of_ue.len() as u64).sum())
    }
}
