//! Values with their unit written out: `90s`, `1000/s`, `0.5%`; and what was probably meant by a misspelt name.

mod span;
mod volume;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(crate) use span::Span;
pub(crate) use volume::{BitRate, Volume};

/// A duration: a number and `h`, `m`, `s`, `ms`, `us` or `ns`; or several of them, such as `1m30s`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct DurationText(pub(crate) Duration);

/// Attempts per second, 0 to a million. Written `1000/s`, `120/min` or `5000/h`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Rate(f64);

/// A part of the whole, 0 to 1. Written in percent, `0.5%`, or as a fraction, `0.005`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Ratio(f64);

/// Octets as hexadecimal digits, two each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hex(pub(crate) Vec<u8>);

impl Rate {
    pub(crate) fn new(per_s: f64) -> Self {
        Self(per_s)
    }

    /// Attempts per second.
    pub(crate) fn per_s(self) -> f64 {
        self.0
    }
}

impl Ratio {
    pub(crate) fn new(value: f64) -> Self {
        Self(value)
    }

    /// 0 to 1.
    pub(crate) fn value(self) -> f64 {
        self.0
    }
}

impl DurationText {
    /// As people read it, to the millisecond.
    pub(crate) fn for_people(duration: Duration) -> Self {
        Self(Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }
}

impl FromStr for DurationText {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let error = || {
            format!("{text:?} is not a duration: a number and h, m, s, ms or us, such as 90s, 300ms or 1m30s")
        };
        let mut nanos = 0u128;
        let mut rest = text;
        let mut largest = u128::MAX;
        while !rest.is_empty() || text.is_empty() {
            let number_ends = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.');
            let (number, after) = rest.split_at(number_ends.ok_or_else(error)?);
            let unit_ends = after.find(|letter: char| letter.is_ascii_digit()).unwrap_or(after.len());
            let (unit, next) = after.split_at(unit_ends);
            let unit_nanos = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, size)| *size);
            let unit_nanos = unit_nanos.filter(|size| *size < largest).ok_or_else(error)?;
            nanos = nanos.saturating_add(decimal_times(number, unit_nanos).ok_or_else(error)?);
            largest = unit_nanos;
            rest = next;
        }
        if nanos > LONGEST.as_nanos() {
            return Err(format!("{text:?} is too long: at most 366 days (8784h) are accepted"));
        }
        Ok(Self(Duration::from_nanos(u64::try_from(nanos).map_err(|_| error())?)))
    }
}

impl fmt::Display for DurationText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        // Seconds up to two minutes: 90s reads better than 1m30s.
        let fitting =
            |size: u128| nanos.is_multiple_of(size) && (size <= SECOND || nanos >= 2 * size || nanos == HOUR);
        match UNITS.iter().find(|(_, size)| fitting(*size)) {
            Some(_) if nanos == 0 => f.write_str("0s"),
            Some((name, size)) => write!(f, "{}{name}", nanos / size),
            None => write!(f, "{nanos}ns"),
        }
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let error =
            || format!("{text:?} is not a rate: a number and /s, /min or /h, such as 1000/s or 120/min");
        let (number, unit) = text.split_once('/').ok_or_else(error)?;
        let number = number.trim();
        let divisor = match unit.trim() {
            "s" => 1.0,
            "min" | "m" => 60.0,
            "h" => 3600.0,
            _ => return Err(error()),
        };
        match (plain_number(number), number.parse::<f64>()) {
            (Some(number), _) if number / divisor <= HIGHEST_RATE_PER_S => Ok(Self(number / divisor)),
            // Also NaN, infinity, what is negative, and the exponents that only JSON writes.
            (_, Ok(_)) => {
                Err(format!("{text:?} is an impossible rate: above 0/s and at most 1000000/s are accepted"))
            }
            (_, Err(_)) => Err(error()),
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.0)
    }
}

impl FromStr for Ratio {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let error = || {
            format!("{text:?} is not a percentage from 0% to 100%, such as 0.5%, or a fraction such as 0.005")
        };
        let value = match text.strip_suffix('%') {
            // Everything, or a forgotten percent sign?
            None if text == "1" => {
                return Err("1 could be one percent or all: 1% and 100% are accepted".to_owned());
            }
            None => plain_number(text).ok_or_else(error)?,
            // The decimal text is divided by 100, not the binary number: 99.5% is then exactly what 0.995 is.
            Some(number) => {
                plain_number(number.trim()).ok_or_else(error)?;
                format!("{}e-2", number.trim()).parse().map_err(|_| error())?
            }
        };
        if !(0.0..=1.0).contains(&value) {
            return Err(error());
        }
        Ok(Self(value))
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The shortest decimal that is this number, its point moved by two places.
        let scientific = format!("{:e}", self.0);
        let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
        let places = exponent.parse::<i32>().unwrap_or_default() + 2;
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        let all = format!("{whole}{part}");
        let width = usize::try_from(places + 1).unwrap_or_default();
        if self.0 == 0.0 {
            f.write_str("0%")
        } else if places < 0 {
            write!(f, "0.{}{all}%", "0".repeat(usize::try_from(-places - 1).unwrap_or_default()))
        } else if all.len() > width {
            write!(f, "{}.{}%", &all[..width], &all[width..])
        } else {
            write!(f, "{all:0<width$}%")
        }
    }
}

impl FromStr for Hex {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        hex::decode(text).map(Self).map_err(|_| "this is not an even number of hexadecimal digits".to_owned())
    }
}

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

/// Serialised through `Display` and `FromStr`, with the schema of a string, or of a string and something else.
macro_rules! text_unit {
    ($type:ty, $name:literal, $pattern:expr, $description:literal $(, $other:tt)?) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.trim().parse().map_err(serde::de::Error::custom)
            }
        }
        impl JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "description": $description,
                    "anyOf": [{ "type": "string", "pattern": $pattern } $(, $other)?],
                })
            }
        }
    };
}
use text_unit;

macro_rules! duration_pattern {
    () => {
        r"((?=[0-9.])(([0-9]+(\.[0-9]*)?|\.[0-9]+)h)?(([0-9]+(\.[0-9]*)?|\.[0-9]+)m(in)?)?(([0-9]+(\.[0-9]*)?|\.[0-9]+)s)?(([0-9]+(\.[0-9]*)?|\.[0-9]+)ms)?(([0-9]+(\.[0-9]*)?|\.[0-9]+)[uµ]s)?(([0-9]+(\.[0-9]*)?|\.[0-9]+)ns)?)"
    };
}
pub(crate) use duration_pattern;

macro_rules! rate_pattern {
    () => {
        r"(0*([0-9]{1,6}(\.[0-9]*)?|\.[0-9]+|1000000(\.0*)?) */ *s|0*([0-5]?[0-9]{1,7}(\.[0-9]*)?|\.[0-9]+|60000000(\.0*)?) */ *(min|m)|0*([0-9]{1,9}(\.[0-9]*)?|\.[0-9]+|[12][0-9]{9}(\.[0-9]*)?|3[0-5][0-9]{8}(\.[0-9]*)?|3600000000(\.0*)?) */ *h)"
    };
}

/// What a schema knows of durations.
pub(crate) const DURATION_PATTERN: &str = duration_pattern!();
/// What a schema knows of rates: also that there is a highest one.
pub(crate) const RATE_PATTERN: &str = rate_pattern!();

text_unit!(
    DurationText,
    "Duration",
    concat!("^ *", duration_pattern!(), " *$"),
    "A duration: a number and h, m, s, ms or us, such as 90s, 300ms or 1m30s."
);
text_unit!(
    Rate,
    "Rate",
    concat!("^ *", rate_pattern!(), " *$"),
    "A rate: a number and /s, /min or /h, such as 1000/s or 120/min. At most 1000000/s."
);
text_unit!(
    Ratio,
    "Percentage",
    r"^ *((0*100(\.0*)?|0*[0-9]{1,2}(\.[0-9]*)?|\.[0-9]+) *%|0+(\.[0-9]*)?|\.[0-9]+) *$",
    "A percentage from 0% to 100%, such as 0.5%, or a fraction such as 0.005.",
    { "type": "number", "minimum": 0, "exclusiveMaximum": 1 }
);
text_unit!(Hex, "Hex", "^([0-9A-Fa-f]{2})+$", "Octets as hexadecimal digits, two each.");

/// The candidate that was probably meant: at most a third of its letters differ.
pub fn nearest<'a>(name: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let near = candidates.iter().map(|candidate| (distance(name, candidate), *candidate)).min()?;
    (near.0 <= near.1.len().max(3) / 3).then_some(near.1)
}

/// The same as the end of a sentence: `; did you mean "urban"?`, or nothing.
pub fn hint(name: &str, candidates: &[&str]) -> String {
    nearest(name, candidates).map(|near| format!("; did you mean {near:?}?")).unwrap_or_default()
}

/// Levenshtein's, with the swap of two neighbours as one step. Long names are far from everything.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(65).collect(), b.chars().collect());
    if a.len() > 64 {
        return usize::MAX;
    }
    let mut rows = vec![(0..=b.len()).collect::<Vec<usize>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let mut best = (rows[i - 1][j] + 1).min(row[j - 1] + 1);
            best = best.min(rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]));
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

/// Digits with at most one point: no sign, no exponent, no `inf`.
fn plain_number(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|octet| octet.is_ascii_digit() || octet == b'.');
    (plain && !text.is_empty() && text != "." && text.len() <= LONGEST_NUMBER)
        .then(|| text.parse().ok())
        .flatten()
}

/// A decimal number times a unit, exactly. `None` when it is no number or finer than a nanosecond.
fn decimal_times(number: &str, unit_nanos: u128) -> Option<u128> {
    plain_number(number)?;
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let part = part.trim_end_matches('0');
    let power = 10u128.checked_pow(u32::try_from(part.len()).ok()?)?;
    let digits: u128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let digits =
        digits.checked_mul(power)?.checked_add(if part.is_empty() { 0 } else { part.parse().ok()? })?;
    let scaled = digits.checked_mul(unit_nanos)?;
    (scaled % power == 0).then_some(scaled / power)
}

/// Longest first: a duration is printed in the longest unit of which it is a multiple.
const UNITS: [(&str, u128); 8] = [
    ("h", HOUR),
    ("m", 60 * SECOND),
    ("min", 60 * SECOND),
    ("s", SECOND),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("µs", 1_000),
    ("ns", 1),
];
const HOUR: u128 = 3600 * SECOND;
const SECOND: u128 = 1_000_000_000;
/// Nothing in a run lasts longer.
pub(crate) const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);
/// More is more than a fleet of the planned size can do.
const HIGHEST_RATE_PER_S: f64 = 1e6;
/// No sensible number has more digits.
const LONGEST_NUMBER: usize = 400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_exact_and_printed_as_they_are_read() {
        for text in ["0s", "90s", "300ms", "5m", "1h", "250us", "7ns", "3601s", "1500ms"] {
            assert_eq!(text.parse::<DurationText>().unwrap().to_string(), text);
        }
        for (text, nanos) in [
            ("1.5s", 1_500_000_000),
            ("1m30s", 90_000_000_000),
            ("5min", 300_000_000_000),
            ("0.1ms", 100_000),
            ("2µs", 2_000),
        ] {
            assert_eq!(text.parse::<DurationText>().unwrap().0.as_nanos(), nanos, "{text}");
        }
        for text in ["", "5", "s", "-5s", "5 s", "1s1m", "1e3s", "0.1ns", "9000h", ".s", "1..2s", "∞"] {
            assert!(text.parse::<DurationText>().is_err(), "{text}");
        }
    }

    #[test]
    fn rates_have_limits() {
        assert_eq!("120/min".parse::<Rate>().unwrap().per_s(), 2.0);
        for text in ["-1/s", "NaN/s", "inf/s", "1000001/s", "10", "10/d", "/s", "1e3/s"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }

    #[test]
    fn percentages_are_decimal() {
        assert_eq!("99.5%".parse::<Ratio>().unwrap().value(), 0.995);
        for text in ["0%", "0.5%", "100%", "99.5%", "0.0003%", "12.34%", "7%", "10%"] {
            assert_eq!(text.parse::<Ratio>().unwrap().to_string(), text);
        }
        assert_eq!("0.001".parse::<Ratio>().unwrap(), "0.1%".parse().unwrap());
        for text in ["101%", "-1%", "1", "1.5", "-0.1", "%", "", "NaN%", "1e1%", "1e-3"] {
            assert!(text.parse::<Ratio>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_near_name_is_suggested_and_a_far_one_is_not() {
        let names = ["subscribers", "cells", "nas"];
        assert_eq!(nearest("subscriber", &names), Some("subscribers"));
        assert_eq!(nearest("cels", &names), Some("cells"));
        assert_eq!(nearest("nsa", &names), Some("nas"));
        assert_eq!(nearest("throughput", &names), None);
        assert_eq!(nearest("", &[]), None);
    }
}
