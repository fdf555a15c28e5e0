//! Overload control: how many initial registrations are let through.

use std::time::Instant;

/// A token bucket that holds up to a quarter of a second of its rate, and one token at least.
pub(super) struct TokenBucket {
    rate_per_s: f64,
    capacity: f64,
    tokens: f64,
    filled: Option<Instant>,
}

impl TokenBucket {
    pub(super) fn new(rate_per_s: u32) -> Self {
        let rate_per_s = f64::from(rate_per_s);
        let capacity = (rate_per_s / 4.0).max(1.0);
        Self { rate_per_s, capacity, tokens: capacity, filled: None }
    }

    /// Whether one more is let through.
    pub(super) fn admit(&mut self, now: Instant) -> bool {
        let since = self.filled.map_or(0.0, |filled| now.saturating_duration_since(filled).as_secs_f64());
        self.filled = Some(now);
        self.tokens = (self.tokens + since * self.rate_per_s).min(self.capacity);
        if self.tokens < 1.0 {
            return false;
        }
        self.tokens -= 1.0;
        true
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test needs some instant to start from")]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn twice_the_rate_is_half_admitted() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(100);
        let admitted = (0..2000u32).filter(|n| bucket.admit(start + Duration::from_millis(5) * *n)).count();
        assert!((1000..=1026).contains(&admitted), "{admitted}");
    }
}
