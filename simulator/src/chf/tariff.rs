//! When other rates may hold.

use billing::Tariff;

/// Whether a time of day at which a rate begins or ends lies after minute `before` and no later than minute `after`,
/// both counted since 1970.
pub(super) fn changes(tariff: &Tariff, before: u64, after: u64) -> bool {
    let passed = |minute_of_day: u16| {
        // The first such minute after `before`.
        let ahead = (u64::from(minute_of_day) + DAY - 1 - before % DAY) % DAY;
        before + 1 + ahead <= after
    };
    let mut hours = tariff.rates.iter().filter_map(|rate| rate.hours);
    hours.any(|hours| passed(hours.from_min) || passed(hours.to_min))
}

const DAY: u64 = 24 * 60;

#[cfg(test)]
mod tests {
    use billing::Hours;

    use super::*;

    #[test]
    fn a_minute_of_the_day_is_passed_once_a_day() {
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
    }
}
