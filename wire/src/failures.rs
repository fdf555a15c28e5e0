//! Failed joins, told one by one while they are few and counted when they are many: a flood fills no log.

use std::time::{Duration, Instant};

use crate::WireError;

/// Which failures are told.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    /// Since when it is counted; `None` while there is nothing to count.
    since: Option<Instant>,
    told: u32,
    untold: u64,
    last: String,
}

impl Failures {
    /// A join failed. `Some` when it is to be told.
    pub(crate) fn failed(&mut self, error: WireError, now: Instant) -> Option<WireError> {
        self.since.get_or_insert(now);
        if self.told < TOLD {
            self.told += 1;
            return Some(error);
        }
        self.refused(&error, now);
        None
    }

    /// A join failed, or was refused before it began; it is counted only.
    pub(crate) fn refused(&mut self, why: &impl ToString, now: Instant) {
        self.since.get_or_insert(now);
        self.untold = self.untold.saturating_add(1);
        self.last = why.to_string();
    }

    /// At the end of each period: what was counted in it and not told.
    pub(crate) fn summary(&mut self, now: Instant) -> Option<WireError> {
        let within = now.saturating_duration_since(self.since?);
        if within < PERIOD {
            return None;
        }
        let Self { untold: more, last, .. } = std::mem::take(self);
        (more > 0).then_some(WireError::JoinsFailed { more, within: PERIOD, last })
    }
}

/// Failures that are told one by one in each period.
const TOLD: u32 = 8;
const PERIOD: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flood_of_failures_is_told_in_a_few_lines_and_counted() {
        let now = Instant::now();
        let mut failures = Failures::default();
        let told = (0..1_000).filter_map(|_| failures.failed(WireError::EndpointClosed, now)).count();
        assert_eq!((told, failures.summary(now + PERIOD / 2).is_some()), (8, false));
        let summary = failures.summary(now + PERIOD).unwrap().to_string();
        assert_eq!(
            summary,
            "992 more joins failed or were refused within 10 s; the last: the endpoint is closed"
        );
        assert!(failures.summary(now + 3 * PERIOD).is_none());
        assert!(failures.failed(WireError::EndpointClosed, now + 3 * PERIOD).is_some());
    }
}
