//! Where a process keeps its identity, which may be renewed while it works.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use super::Identity;

/// The identity of a process, as it is now. Clones share it.
#[derive(Clone)]
pub struct IdentitySlot {
    identity: Arc<RwLock<Identity>>,
    follows: Option<Arc<dyn Fn() -> Option<Identity> + Send + Sync>>,
}

impl IdentitySlot {
    /// Begins with this one.
    pub fn new(identity: Identity) -> Self {
        Self { identity: Arc::new(RwLock::new(identity)), follows: None }
    }

    /// Begins with this one; whenever it is looked at, another process may have left a newer one.
    pub fn following(
        identity: Identity,
        newer: impl Fn() -> Option<Identity> + Send + Sync + 'static,
    ) -> Self {
        Self { follows: Some(Arc::new(newer)), ..Self::new(identity) }
    }

    /// The one to be used for a new connection.
    pub fn current(&self) -> Identity {
        if let Some(newer) = self.follows.as_ref().and_then(|newer| newer()) {
            self.set(newer);
        }
        self.identity.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on this one.
    pub fn set(&self, identity: Identity) {
        *self.identity.write().unwrap_or_else(PoisonError::into_inner) = identity;
    }
}

impl From<Identity> for IdentitySlot {
    fn from(identity: Identity) -> Self {
        Self::new(identity)
    }
}

impl fmt::Debug for IdentitySlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdentitySlot").finish_non_exhaustive()
    }
}
