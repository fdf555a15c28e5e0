//! A build without traces.

use std::sync::Arc;

use anyhow::{Error, ensure};
use coordinator::SpanSink;

use super::Collector;

/// Nothing.
pub(crate) struct Spans;

impl Spans {
    /// Refuses what this build does not have.
    pub(crate) fn open(options: &Collector) -> Result<Self, Error> {
        ensure!(options.otlp.is_none(), "this program was built without traces: {}", crate::exit::GET_ALL);
        Ok(Self)
    }

    /// Nobody is told.
    #[expect(clippy::unused_self, reason = "as in the build that has them")]
    pub(crate) fn sink(&self) -> Option<Arc<dyn SpanSink>> {
        None
    }

    /// Nothing waits.
    #[expect(clippy::unused_async, reason = "as in the build that has them")]
    pub(crate) async fn finish(self) {}
}
