//! Refusals in the journal: one by one while they are few, and counted when they are many. A flood fills no disk.

use std::time::{Duration, Instant};

/// Which refusals are written.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    since: Option<Instant>,
    written: u32,
    counted: u64,
    last: String,
}

impl Throttle {
    /// Whether this one is written; else it is counted.
    pub(crate) fn admits(&mut self, why: &str, now: Instant) -> bool {
        self.since.get_or_insert(now);
        if self.written < WRITTEN {
            self.written += 1;
            return true;
        }
        self.counted = self.counted.saturating_add(1);
        why.clone_into(&mut self.last);
        false
    }

    /// At the end of each period: what was counted in it.
    pub(crate) fn summary(&mut self, now: Instant) -> Option<String> {
        if now.saturating_duration_since(self.since?) < PERIOD {
            return None;
        }
        let Self { counted, last, .. } = std::mem::take(self);
        (counted > 0)
            .then(|| format!("{counted} more were refused within {} s; the last: {last}", PERIOD.as_secs()))
    }
}

/// Refusals that are written one by one in each period.
const WRITTEN: u32 = 8;
const PERIOD: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flood_is_a_few_lines_and_a_count() {
        let now = Instant::now();
        let mut throttle = Throttle::default();
        let written = (0..1_000).filter(|_| throttle.admits("no such token", now)).count();
        assert_eq!((written, throttle.summary(now)), (8, None));
        let summary = throttle.summary(now + PERIOD).unwrap();
        assert_eq!(summary, "992 more were refused within 10 s; the last: no such token");
        assert_eq!(throttle.summary(now + 2 * PERIOD), None);
        assert!(throttle.admits("again", now + 2 * PERIOD));
    }
}
