//! In which form a foreign system writes a time, a volume or an amount; our own ledgers use the plain ones.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the text of a field is to be read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Form {
    pub(crate) time: TimeForm,
    /// How much one stands for: octets for a volume, micro-units for an amount. `None`: a volume in octets, an amount in
    /// whole currency units with a decimal point.
    pub(crate) unit: Option<u64>,
    /// Their word for ours.
    pub(crate) values: Vec<(Box<str>, Box<str>)>,
    /// Not our own ledger: what can be understood is.
    pub(crate) foreign: bool,
}

/// How a time is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TimeForm {
    /// Microseconds since 1970, UTC.
    #[default]
    Us,
    /// Milliseconds since 1970, UTC.
    Ms,
    /// Seconds since 1970, UTC, with or without a fraction.
    S,
    /// Such as `2026-11-24T21:30:00.25Z` or `2026-11-24 22:30:00+01:00` (RFC 3339).
    Rfc3339,
}

impl TimeForm {
    /// Microseconds since 1970. `None` when the text is not in this form.
    pub(crate) fn read(self, text: &str) -> Option<u64> {
        match self {
            Self::Us => digits(text),
            Self::Ms => scaled(text, 3),
            Self::S => scaled(text, 6),
            Self::Rfc3339 => rfc3339(text),
        }
    }

    pub(crate) fn expected(self) -> &'static str {
        match self {
            Self::Us => "a time: whole microseconds since 1970",
            Self::Ms => "a time: milliseconds since 1970",
            Self::S => "a time: seconds since 1970",
            Self::Rfc3339 => "a time such as 2026-11-24T21:30:00Z",
        }
    }
}

/// A number of nothing but digits.
pub(crate) fn digits(text: &str) -> Option<u64> {
    // `parse` alone would take a plus sign.
    if !text.as_bytes().first()?.is_ascii_digit() {
        return None;
    }
    text.parse().ok()
}

/// A decimal number times ten to the power of `places`; what is smaller is cut off.
fn scaled(text: &str, places: usize) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    if !part.bytes().all(|octet| octet.is_ascii_digit()) {
        return None;
    }
    let power = 10u64.checked_pow(u32::try_from(places).ok()?)?;
    let part = format!("{part:0<places$}");
    digits(whole)?.checked_mul(power)?.checked_add(digits(part.get(..places)?)?)
}

fn rfc3339(text: &str) -> Option<u64> {
    let number = |range: std::ops::Range<usize>| digits(text.get(range)?).and_then(|n| i64::try_from(n).ok());
    let is =
        |at: usize, accepted: &[u8]| text.as_bytes().get(at).is_some_and(|octet| accepted.contains(octet));
    if !(is(4, b"-") && is(7, b"-") && is(10, b"Tt ") && is(13, b":") && is(16, b":")) {
        return None;
    }
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    let lengths = [31, 28 + i64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let length = *lengths.get(usize::try_from(month - 1).ok()?)?;
    // A leap second is the second after it.
    if !(1..=length).contains(&day) || hour > 23 || minute > 59 || second > 60 || year < 1970 {
        return None;
    }
    let rest = text.get(19..)?;
    let zone_at = rest.find(|letter: char| letter != '.' && !letter.is_ascii_digit())?;
    let (fraction, zone) = rest.split_at(zone_at);
    let micros = match fraction.strip_prefix('.') {
        Some("") => return None,
        Some(part) => scaled(&format!("0.{part}"), 6)?,
        None if fraction.is_empty() => 0,
        None => return None,
    };
    let earlier: i64 = lengths.iter().take(usize::try_from(month - 1).ok()?).sum();
    let days = days_before(year) - days_before(1970) + earlier + day - 1;
    let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second - offset_s(zone)?;
    u64::try_from(seconds).ok()?.checked_mul(1_000_000)?.checked_add(micros)
}

fn offset_s(zone: &str) -> Option<i64> {
    if zone == "Z" || zone == "z" {
        return Some(0);
    }
    let sign = if zone.starts_with('+') { 1 } else { -1 };
    let (hours, minutes) = zone.strip_prefix(['+', '-'])?.split_once(':')?;
    if hours.len() != 2 || minutes.len() != 2 {
        return None;
    }
    let (hours, minutes) = (digits(hours)?, digits(minutes)?);
    (hours < 24 && minutes < 60).then_some(())?;
    Some(sign * i64::try_from(hours * 3_600 + minutes * 60).ok()?)
}

fn leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Days from the year 1 to the beginning of this one.
fn days_before(year: i64) -> i64 {
    let years = year - 1;
    years * 365 + years / 4 - years / 100 + years / 400
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_each_form() {
        // date -u -d 2026-11-24T21:30:00Z +%s
        let at = 1_795_555_800_000_000;
        for (form, text) in [
            (TimeForm::Us, "1795555800000000"),
            (TimeForm::Ms, "1795555800000"),
            (TimeForm::S, "1795555800"),
            (TimeForm::S, "1795555800.0"),
            (TimeForm::Rfc3339, "2026-11-24T21:30:00Z"),
            (TimeForm::Rfc3339, "2026-11-24 22:30:00.000000+01:00"),
        ] {
            assert_eq!(form.read(text), Some(at), "{text}");
        }
        assert_eq!(TimeForm::Rfc3339.read("1970-01-01T00:00:00.25Z"), Some(250_000));
        assert_eq!(TimeForm::Rfc3339.read("2024-02-29T00:00:00Z"), Some(1_709_164_800_000_000));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "-1", "+1", "1e3", "1.5", "99999999999999999999"] {
            assert_eq!(TimeForm::Us.read(text), None, "{text}");
        }
        for text in [
            "2026-11-24T21:30:00",
            "2026-13-01T00:00:00Z",
            "2025-02-29T00:00:00Z",
            "2026-11-24T24:00:00Z",
            "2026-11-24T21:30:00.Z",
            "2026-11-24T21:30:00+1:00",
            "äöü",
            "2026-11-24T21:3",
            "1969-12-31T23:59:59Z",
        ] {
            assert_eq!(TimeForm::Rfc3339.read(text), None, "{text}");
        }
    }
}
