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

/// Late attempts below which the generator never was the limit: a hiccup. In a run of 100 attempts, one is 1 %.
pub const FEWEST_LATE: u64 = 10;

impl Generator {
    /// Later than this is late, µs.
    pub fn late_us(&self) -> u64 {
        u64::try_from(self.late.as_micros()).unwrap_or(u64::MAX)
    }

    /// Whether so many late ones of so many attempts measure the generator.
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53, and a share needs no more")]
    pub fn is_limited(&self, late: u64, attempts: u64) -> bool {
        late >= FEWEST_LATE && late as f64 > self.share * attempts as f64
    }
}

impl Default for Generator {
    fn default() -> Self {
        Self { late: Duration::from_millis(10), share: 0.01 }
    }
}
