//! Times of options, as scenarios write them.

use std::time::Duration;

/// Reads a time such as `30s` or `2m`; a number alone is of seconds, as these options took it before.
pub(crate) fn time(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse::<u32>()
        && seconds > 0
    {
        return Ok(Duration::from_secs(seconds.into()));
    }
    scenarios::parse_duration(text)
}

/// A length as people say it: `59 s`, `12 min 5 s`, `7 h 59 min`, `3 d 4 h`.
pub(crate) fn for_people(length: Duration) -> String {
    let seconds = length.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    let parts = match (days, hours, minutes) {
        (0, 0, 0) => return format!("{seconds} s"),
        (0, 0, minutes) => [(minutes, "min"), (seconds % 60, "s")],
        (0, hours, minutes) => [(hours, "h"), (minutes, "min")],
        (days, hours, _) => [(days, "d"), (hours, "h")],
    };
    let said = parts.iter().enumerate().filter(|(place, (count, _))| *place == 0 || *count > 0);
    said.map(|(_, (count, unit))| format!("{count} {unit}")).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_told_in_the_units_that_people_use() {
        for (seconds, said) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (725, "12 min 5 s"),
            (3_600, "1 h"),
            (28_740, "7 h 59 min"),
            (28_800, "8 h"),
            (100 * 3_600, "4 d 4 h"),
        ] {
            assert_eq!(for_people(Duration::from_secs(seconds)), said);
        }
    }

    #[test]
    fn times_have_units_and_a_number_alone_is_of_seconds() {
        assert_eq!(time("3s"), Ok(Duration::from_secs(3)));
        assert_eq!(time("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(time("60"), Ok(Duration::from_secs(60)));
        for wrong in ["", "0", "0s", "soon", "-1s", "1.5"] {
            let error = time(wrong).unwrap_err();
            assert!(!error.contains("digit found"), "{wrong}: {error}");
        }
    }
}
