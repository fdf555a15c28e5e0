//! When other rates may hold.

use billing::Tariff;

/// Whether a time at which a rate begins or ends lies after minute `before` and no later than minute `after`, both counted
/// since 1970.
pub(super) fn changes(tariff: &Tariff, before: u64, after: u64) -> bool {
    tariff
        .next_change_us(before.saturating_mul(MINUTE_US))
        .is_some_and(|next_us| next_us / MINUTE_US <= after)
}

const MINUTE_US: u64 = 60_000_000;

#[cfg(test)]
mod tests {
    use billing::Hours;

    use super::*;

    #[test]
    fn a_minute_of_the_day_is_passed_once_a_day() {
        const DAY: u64 = 24 * 60;
        let mut tariff = Tariff::default();
        assert!(!changes(&tariff, 0, 10 * DAY));
        tariff.rates[0].hours = Some(Hours { from_min: 0, to_min: 480 });
        for (before, after, passed) in [
            (478, 479, false),
            (479, 480, true),
            (480, 481, false),
            (1_439, 1_440, true),
            (481, 1_439, false),
        ] {
            assert_eq!(changes(&tariff, before, after), passed, "{before} to {after}");
        }
        tariff.zone = Some("Asia/Kolkata".parse().unwrap());
        // 08:00 there is 02:30 UTC.
        assert!(changes(&tariff, 149, 150) && !changes(&tariff, 150, 151) && !changes(&tariff, 479, 480));
    }
}
