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

#[cfg(test)]
mod tests {
    use super::*;

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
