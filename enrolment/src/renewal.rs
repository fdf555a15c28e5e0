//! When a certificate is renewed. By a clock that nobody sets: a wall clock that jumps neither forgets a renewal nor repeats it.

use std::time::{Duration, Instant};

/// When one certificate is renewed: somewhere between half and two thirds of its life, so that a fleet that joined at once does
/// not renew at once; after a failure soon again, more often the nearer the end is.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    life: Duration,
    end: Instant,
    next: Instant,
    failures: u32,
}

impl Schedule {
    /// Of a certificate of such a life, of which this much is left; `chance` between 0 and 1.
    pub fn new(life: Duration, left: Duration, now: Instant, chance: f64) -> Self {
        let chance = chance.clamp(0.0, 1.0);
        let at = life.mul_f64(0.5 + chance / 6.0);
        let lived = life.saturating_sub(left);
        Self { life, end: now + left, next: now + at.saturating_sub(lived), failures: 0 }
    }

    /// When the next attempt is due.
    pub fn next(&self) -> Instant {
        self.next
    }

    /// Whether the certificate has ended: it cannot be renewed any more.
    pub fn is_over(&self, now: Instant) -> bool {
        now >= self.end
    }

    /// An attempt has failed.
    pub fn failed(&mut self, now: Instant, chance: f64) {
        let first = (self.life / 60).clamp(SHORTEST, LONGEST_FIRST);
        let grown = first.saturating_mul(1 << self.failures.min(6));
        let left = self.end.saturating_duration_since(now);
        let wait = grown.min(left / 4).max(SHORTEST);
        self.failures = self.failures.saturating_add(1);
        self.next = now + wait.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0);
    }
}

const SHORTEST: Duration = Duration::from_millis(200);
const LONGEST_FIRST: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    #[test]
    fn renewal_is_due_between_half_and_two_thirds_of_a_life() {
        let now = Instant::now();
        let due = |chance| Schedule::new(12 * HOUR, 12 * HOUR, now, chance).next() - now;
        assert_eq!(due(0.0), 6 * HOUR);
        assert_eq!(due(1.0), 8 * HOUR);
        let late = Schedule::new(12 * HOUR, HOUR, now, 0.5);
        assert_eq!(late.next(), now, "one that was kept over a restart is renewed at once");
    }

    proptest! {
        /// An authority that is away is asked at least ten times before the certificate ends, and never in a tight loop.
        #[test]
        fn failures_are_repeated_until_the_end(life_s in 10u64..100_000, chances in proptest::collection::vec(0.0f64..1.0, 20)) {
            let start = Instant::now();
            let life = Duration::from_secs(life_s);
            let mut schedule = Schedule::new(life, life, start, chances[0]);
            let (mut attempts, mut now) = (0, start);
            while !schedule.is_over(schedule.next()) {
                let next = schedule.next();
                prop_assert!(attempts == 0 || next >= now + SHORTEST / 2);
                now = next;
                attempts += 1;
                schedule.failed(now, chances[attempts % 20]);
                prop_assert!(attempts < 1_000);
            }
            prop_assert!(attempts >= 10, "{}", attempts);
        }
    }
}
