//! How long a lease lasts at its two ends: the holder stops before the grantor gives the shard away.
//!
//! ```text
//! agent        Alive ├────────────── holder_limit ──────────────┤ stops
//!                  ↘
//! coordinator        Alive received ├──────────────── grantor_limit ────────────────┤ gives it away
//! ```
//! The agent counts from the moment at which it asked, the coordinator from the later one at which it was asked, so no delay
//! of any message lengthens a lease. The two clocks need not agree; only their rates may differ, each by at most
//! [`DRIFT_PPM`] from true.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// How much a clock may go wrong, millionths. A quartz clock without NTP stays within 100.
pub const DRIFT_PPM: u32 = 500;

/// How long the holder keeps a lease of this length, from the moment at which it asked for it, by its own clock.
pub fn holder_limit(valid: Duration) -> Duration {
    valid.saturating_sub(slack(valid))
}

/// How long the grantor waits before it gives the shard of such a lease away, from the moment at which it was last asked to
/// extend it, by its own clock.
pub fn grantor_limit(valid: Duration) -> Duration {
    valid.saturating_add(slack(valid))
}

/// How long the machine is up, suspension included: unlike an `Instant`, it goes on while the others' clocks do.
pub fn since_boot() -> Duration {
    #[cfg(target_os = "linux")]
    const CLOCK: ClockId = ClockId::Boottime;
    #[cfg(not(target_os = "linux"))]
    const CLOCK: ClockId = ClockId::Monotonic;
    let time = clock_gettime(CLOCK);
    let nanoseconds = u32::try_from(time.tv_nsec).unwrap_or_default();
    Duration::new(u64::try_from(time.tv_sec).unwrap_or_default(), nanoseconds)
}

/// Twice what one clock may go wrong, and the time that a holder may take to stop.
fn slack(valid: Duration) -> Duration {
    valid * 2 * DRIFT_PPM / 1_000_000 + STOPPING
}

/// A holder looks at its clock at least this often, and before each message it sends.
const STOPPING: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// A slow holder and a fast grantor: the holder still stops first, in true time.
        #[test]
        fn holder_stops_first_whatever_the_drift(valid_ms in 200u64..3_600_000, holder in -500i64..=500, grantor in -500i64..=500) {
            let valid = Duration::from_millis(valid_ms);
            let true_time = |by_clock: Duration, ppm: i64| by_clock.as_secs_f64() / (1.0 + ppm as f64 / 1e6);
            let stops = true_time(holder_limit(valid), holder);
            let given_away = true_time(grantor_limit(valid), grantor);
            prop_assert!(stops + 0.05 < given_away, "{stops} {given_away}");
        }
    }
}
