//! Durations as scenarios, rules, tariffs and options write them: `90s`, `300ms`, `5m`, `1m30s`.

use crate::csv::NumberForm;

/// The units, the larger ones last; a minute is `m`, and `min` is taken for it.
const UNITS: [(&str, u64); 6] = [
    ("us", 1),
    ("ms", 1_000),
    ("s", 1_000_000),
    ("min", 60_000_000),
    ("m", 60_000_000),
    ("h", 3_600_000_000),
];

/// The microseconds of a duration: numbers with their units, the larger units first. `None`: it is none, or too long.
pub(crate) fn read(text: &str) -> Option<u64> {
    let (mut sum, mut rest, mut largest) = (0u64, text, u64::MAX);
    while !rest.is_empty() || text.is_empty() {
        let digit = |letter: char| letter.is_ascii_digit() || letter == '.';
        let (number, after) = rest.split_at(rest.find(|letter| !digit(letter))?);
        let (unit, next) = after.split_at(after.find(digit).unwrap_or(after.len()));
        let (_, micros) = UNITS.iter().find(|(name, _)| *name == unit).filter(|(_, size)| *size < largest)?;
        sum = sum.checked_add(NumberForm::default().scaled(number, *micros)?)?;
        (largest, rest) = (*micros, next);
    }
    Some(sum)
}

/// A duration in the largest unit that it is a multiple of.
pub(crate) fn written(micros: u64) -> String {
    let fitting = UNITS.iter().rev().find(|(_, size)| micros > 0 && micros.is_multiple_of(*size));
    let (name, size) = fitting.unwrap_or(&("s", 1_000_000));
    format!("{}{name}", micros / size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_scenarios_read_them() {
        for (text, micros) in [
            ("90s", 90_000_000),
            ("300ms", 300_000),
            ("1m30s", 90_000_000),
            ("5m", 300_000_000),
            ("5min", 300_000_000),
            ("1.5s", 1_500_000),
            ("2h", 7_200_000_000),
        ] {
            assert_eq!(read(text), Some(micros), "{text}");
        }
        for text in ["", "5", "m", "30s1m", "1s1s", "1d", "-1s", "1.2.3s", "99999999999999999h"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn durations_are_written_with_the_words_of_scenarios() {
        for text in ["90s", "300ms", "5m", "1h", "7us"] {
            assert_eq!(read(text).map(written).as_deref(), Some(text));
        }
        assert_eq!(read("5min").map(written).as_deref(), Some("5m"));
    }
}
