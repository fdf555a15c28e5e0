//! The wall clock as text: RFC 3339 in UTC.

use std::time::{SystemTime, UNIX_EPOCH};

/// Such as `2026-11-22T23:06:40.125Z`.
pub(crate) fn rfc3339(time: SystemTime) -> String {
    let subsec_millis = time.duration_since(UNIX_EPOCH).unwrap_or_default().subsec_millis();
    format!("{}.{subsec_millis:03}Z", to_the_second(time))
}

/// Such as `2026-11-22T23:06:40.123456Z`.
pub(crate) fn rfc3339_us(time: SystemTime) -> String {
    let subsec_micros = time.duration_since(UNIX_EPOCH).unwrap_or_default().subsec_micros();
    format!("{}.{subsec_micros:06}Z", to_the_second(time))
}

fn to_the_second(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, seconds) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
}

/// UNIX time in µs.
pub(crate) fn unix_us(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// Such as `20261122-230640`, for names of folders.
pub(crate) fn compact(time: SystemTime) -> String {
    let digits: String = rfc3339(time).chars().filter(char::is_ascii_digit).collect();
    let (date, rest) = digits.split_at(8);
    format!("{date}-{}", rest.get(..6).unwrap_or(rest))
}

/// Year, month and day of a day since 1970, in the proleptic Gregorian calendar, by eras of 400 years.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn known_instants_are_written_as_rfc_3339() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (1_795_388_800, "2026-11-22T23:06:40.000Z"),
            (4_107_542_399, "2100-02-28T23:59:59.000Z"),
        ] {
            assert_eq!(rfc3339(UNIX_EPOCH + Duration::from_secs(seconds)), text);
        }
        assert_eq!(compact(UNIX_EPOCH + Duration::from_secs(1_795_388_800)), "20261122-230640");
    }
}
