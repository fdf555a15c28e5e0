//! How late the load generator itself may be.

use std::time::Duration;

/// What makes a run say nothing about its target: more than `share` of its attempts left later than `late` after they were
/// due.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Generator {
    /// Later than this is late.
    pub late: Duration,
    /// The part of all attempts that may be late, 0 to 1.
    pub share: f64,
}

impl Default for Generator {
    fn default() -> Self {
        Self { late: Duration::from_millis(10), share: 0.01 }
    }
}
