//! What this host's wall clock says at an instant, read so that a thread which is put aside between two clocks tells no lie.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Both clocks at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WallClock {
    instant: Instant,
    wall: Duration,
}

impl WallClock {
    /// Reads both. Whoever loses the processor between them has read two moments: the closest of a few readings counts.
    pub(crate) fn read() -> Self {
        let reading = || {
            let before = Instant::now();
            let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let apart = before.elapsed();
            (apart, Self { instant: before + apart / 2, wall })
        };
        let mut best = reading();
        for _ in 0..READINGS {
            if best.0 < CLOSE {
                break;
            }
            best = std::cmp::min_by_key(best, reading(), |(apart, _)| *apart);
        }
        best.1
    }

    /// UNIX time at an instant, µs.
    pub(crate) fn at(self, at: Instant) -> u64 {
        let before = self.instant.saturating_duration_since(at);
        let after = at.saturating_duration_since(self.instant);
        let wall = (self.wall + after).saturating_sub(before);
        super::micros(wall)
    }
}

const READINGS: u32 = 16;
/// Clocks that were read within so much are one moment.
const CLOSE: Duration = Duration::from_micros(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_around_a_reading_are_as_far_apart_as_their_instants() {
        let clock = WallClock { instant: Instant::now(), wall: Duration::from_secs(1_000) };
        let second = Duration::from_secs(1);
        assert_eq!(clock.at(clock.instant + 2 * second), 1_002_000_000);
        assert_eq!(clock.at(clock.instant - second / 2), 999_500_000);
        assert_eq!(WallClock { wall: Duration::ZERO, ..clock }.at(clock.instant - second), 0);
    }
}
