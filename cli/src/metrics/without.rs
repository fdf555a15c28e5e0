//! A build without metrics.

use std::sync::Arc;

use anyhow::{Error, ensure};
use wire::IdentitySlot;

use super::{Options, Seen};

/// Nothing.
pub(crate) struct Metrics;

impl Metrics {
    /// Refuses what this build does not have.
    pub(crate) fn open(
        options: &Options,
        _: &'static str,
        _: Option<&IdentitySlot>,
        _: Vec<Seen>,
    ) -> Result<Self, Error> {
        ensure!(!options.is_wanted(), "this program was built without metrics: {}", crate::exit::GET_ALL);
        Ok(Self)
    }

    /// Nobody looks on.
    #[expect(clippy::unused_self, reason = "as in the build that has them")]
    pub(crate) fn agent(&self) -> Option<Arc<dyn agent::Observer>> {
        None
    }

    /// Nobody looks.
    #[expect(clippy::unused_self, reason = "as in the build that has them")]
    pub(crate) fn close(self) {}

    /// Nobody is waited for.
    #[expect(clippy::unused_async, reason = "as in the build that has them")]
    pub(crate) async fn last_look(self) {}
}
