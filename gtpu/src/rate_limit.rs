//! How many answers a flood of messages may cause.

use std::time::{Duration, Instant};

/// So many a second, and as many at once.
#[derive(Clone, Debug)]
pub struct RateLimit {
    per_s: u32,
    left: u32,
    since: Option<Instant>,
}

impl RateLimit {
    /// Allows `per_s` in each second; 0 allows none.
    pub fn new(per_s: u32) -> Self {
        Self { per_s, left: per_s, since: None }
    }

    /// Whether one more is allowed now.
    pub fn allow(&mut self, now: Instant) -> bool {
        if self.since.is_none_or(|since| now.saturating_duration_since(since) >= Duration::from_secs(1)) {
            self.since = Some(now);
            self.left = self.per_s;
        }
        let allowed = self.left > 0;
        self.left = self.left.saturating_sub(1);
        allowed
    }
}
