//! How long somebody who joins is waited for: only as long as this process gets on.
//!
//! A process that is stopped, or waits for a processor or for a disk, hears nothing. When it gets on its timers are due before what
//! came meanwhile is looked at: with one timer for the whole time, it would blame who joined. So the time is cut into slices, and a
//! standstill costs one of them, however long it is.

use std::pin::pin;
use std::time::Duration;

use tokio::time::timeout;

/// What is left of the time for a join.
pub(crate) struct Patience {
    slice: Duration,
    left: u32,
}

impl Patience {
    pub(crate) fn of(time: Duration) -> Self {
        Self { slice: time / SLICES, left: SLICES }
    }

    /// Waits for it. `None`: it did not come in time.
    pub(crate) async fn wait_for<F: Future>(&mut self, what: F) -> Option<F::Output> {
        let mut what = pin!(what);
        while self.left > 0 {
            if let Ok(came) = timeout(self.slice, &mut what).await {
                return Some(came);
            }
            self.left -= 1;
        }
        None
    }
}

const SLICES: u32 = 10;
