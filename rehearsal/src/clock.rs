//! True time, and the clocks of machines, which run at their own rate.

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// True time, µs since the beginning of the rehearsal.
pub(crate) type Time = u64;

/// The clocks of one machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    /// What the monotonic clock says at the beginning, µs.
    offset_us: u64,
    /// How much faster than true it runs, millionths.
    ppm: i64,
}

impl Clock {
    pub(crate) fn new(offset_us: u64, ppm: i64) -> Self {
        Self { offset_us, ppm }
    }

    /// The monotonic clock.
    pub(crate) fn instant(&self, at: Time) -> Instant {
        base() + Duration::from_micros(self.micros(at))
    }

    /// The run's wall clock: its driver counts it from the machine's start, so that nobody can set it.
    pub(crate) fn wall(&self, at: Time) -> SystemTime {
        UNIX_EPOCH + Duration::from_micros(WALL_BEGINNING_US + self.micros(at) - self.offset_us)
    }

    /// The first true time at which the monotonic clock has come to this instant.
    pub(crate) fn when(&self, instant: Instant) -> Time {
        let wanted = instant.saturating_duration_since(base()).as_nanos().div_ceil(1_000);
        let wanted = u64::try_from(wanted).unwrap_or(u64::MAX);
        let elapsed = i128::from(wanted.saturating_sub(self.offset_us));
        let guess = elapsed * 1_000_000 / (1_000_000 + i128::from(self.ppm));
        let mut at = u64::try_from(guess).unwrap_or(0).saturating_sub(2);
        while self.micros(at) < wanted {
            at += 1;
        }
        at
    }

    fn micros(&self, at: Time) -> u64 {
        let drift = i128::from(at) * i128::from(self.ppm) / 1_000_000;
        (self.offset_us + at).saturating_add_signed(i64::try_from(drift).unwrap_or_default())
    }
}

/// What instants are counted from: `Instant` has no zero.
fn base() -> Instant {
    static BASE: OnceLock<Instant> = OnceLock::new();
    *BASE.get_or_init(Instant::now)
}

/// 2026-11-25 00:00 UTC.
const WALL_BEGINNING_US: u64 = 1_795_564_800_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_comes_to_an_instant_when_it_says_so() {
        for ppm in [-500, -1, 0, 7, 500] {
            let clock = Clock::new(123_456_789, ppm);
            for at in [0, 1, 999, 1_000_000, 123_456_789_012] {
                let then = clock.when(clock.instant(at));
                assert!(clock.instant(then) >= clock.instant(at) && then <= at, "{ppm} {at} {then}");
            }
        }
    }
}
