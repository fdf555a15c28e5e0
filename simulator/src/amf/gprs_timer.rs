//! Timer values of NAS messages, rounded up to what their coding has (TS 24.008 §10.5.7.4, §10.5.7.4a).

use std::time::Duration;

/// GPRS timer 2, for T3346: 62 seconds in steps of 2, 31 minutes, or 186 minutes in steps of 6 at most.
pub(super) fn timer_2(value: Duration) -> u8 {
    coded(value, &[(2, 0), (60, 1), (360, 2)])
}

/// GPRS timer 3, for T3512: from 2 seconds to 9920 hours.
pub(super) fn timer_3(value: Duration) -> u8 {
    coded(value, &[(2, 3), (30, 4), (60, 5), (600, 0), (3_600, 1), (36_000, 2), (1_152_000, 6)])
}

/// GPRS timer 3 that is deactivated.
pub(super) const TIMER_3_DEACTIVATED: u8 = 0b1110_0000;

/// The smallest unit whose 31 steps reach the value, from (seconds, code) in growing order.
fn coded(value: Duration, units: &[(u64, u8)]) -> u8 {
    let seconds = value.as_secs() + u64::from(value.subsec_nanos() > 0);
    for (unit, code) in units {
        if let Ok(steps @ 0..=31) = u8::try_from(seconds.div_ceil(*unit)) {
            return code << 5 | steps;
        }
    }
    units.last().map_or(TIMER_3_DEACTIVATED, |(_, code)| code << 5 | 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_those_of_the_specification_and_never_shorter() {
        // TS 24.008 table 10.5.172 and 10.5.163a: unit in bits 8 to 6, steps in bits 5 to 1.
        assert_eq!(timer_2(Duration::from_secs(600)), 0b0010_1010);
        assert_eq!(timer_2(Duration::from_secs(3)), 0b0000_0010);
        assert_eq!(timer_3(Duration::from_secs(54 * 60)), 0b0000_0110);
        assert_eq!(timer_3(Duration::from_secs(3_600)), 0b0000_0110);
        assert_eq!(timer_3(Duration::from_millis(500)), 0b0110_0001);
        assert_eq!(timer_3(Duration::from_secs(u64::MAX / 2)), 0b1101_1111);
    }
}
