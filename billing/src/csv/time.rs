//! How a foreign system writes times.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::{Offset, TimeZone};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::number::digits;

/// How a time is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TimeForm {
    /// Microseconds since 1970, UTC.
    #[default]
    Us,
    /// Milliseconds since 1970, UTC.
    Ms,
    /// Seconds since 1970, UTC, with or without a fraction.
    S,
    /// Such as `2026-11-24T21:30:00.25Z`, `2026-11-24 22:30:00+01:00` or `2026-11-24 22:30:00+0100` (RFC 3339, ISO 8601); of
    /// a named zone without the offset.
    Rfc3339,
    /// Such as `20261124213000`, with or without an offset behind it (TS 32.298, TAP); of a named zone without it.
    Compact,
    /// By a pattern of `strptime`, such as `%d.%m.%Y %H:%M:%S`.
    Pattern(Box<str>),
}

/// Which of the two times that a clock shows twice is meant, when summer time ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fold {
    Earlier,
    Later,
}

impl TimeForm {
    /// Microseconds since 1970. `None` when the text is not in this form.
    pub(crate) fn read(&self, text: &str, zone: Option<&TimeZone>, fold: Fold) -> Option<u64> {
        match self {
            Self::Us => digits(text),
            Self::Ms => scaled(text, 3),
            Self::S => scaled(text, 6),
            Self::Rfc3339 => written(&rfc3339(text)?, zone, fold),
            Self::Compact => written(&compact(text)?, zone, fold),
            Self::Pattern(pattern) => by_pattern(pattern, text, zone, fold),
        }
    }

    /// Whether a time in this form may lack its offset from UTC.
    pub(crate) fn may_be_local(&self) -> bool {
        match self {
            Self::Us | Self::Ms | Self::S => false,
            Self::Rfc3339 | Self::Compact => true,
            Self::Pattern(pattern) => !SAYS_OFFSET.iter().any(|offset| pattern.contains(offset)),
        }
    }

    pub(crate) fn expected(&self) -> Cow<'static, str> {
        match self {
            Self::Us => "a time: whole microseconds since 1970".into(),
            Self::Ms => "a time: milliseconds since 1970".into(),
            Self::S => "a time: seconds since 1970".into(),
            Self::Rfc3339 => {
                "a time such as 2026-11-24T21:30:00Z, or without Z where the mapping names a zone".into()
            }
            Self::Compact => "a time such as 20261124213000, in the zone that the mapping names".into(),
            Self::Pattern(pattern) => format!("a time as the mapping's pattern {pattern:?} says").into(),
        }
    }
}

impl FromStr for TimeForm {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "us" => Self::Us,
            "ms" => Self::Ms,
            "s" => Self::S,
            "rfc3339" | "iso8601" | "iso" => Self::Rfc3339,
            "compact" | "YYYYMMDDhhmmss" => Self::Compact,
            pattern if pattern.contains('%') => {
                // A pattern that cannot write a time cannot read one.
                let some = DateTime::constant(2026, 11, 24, 21, 30, 0, 0).to_zoned(TimeZone::UTC);
                let tried = some
                    .map_err(|error| error.to_string())
                    .and_then(|some| strtime::format(pattern, &some).map_err(|error| error.to_string()));
                tried.map_err(|error| format!("{pattern:?} is no pattern for a time: {error}"))?;
                Self::Pattern(pattern.into())
            }
            other => {
                return Err(format!(
                    "{other:?} is no form of a time: us, ms, s (since 1970), rfc3339, compact (YYYYMMDDhhmmss) or a pattern \
                     such as \"%d.%m.%Y %H:%M:%S\" are"
                ));
            }
        })
    }
}

impl fmt::Display for TimeForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Us => "us",
            Self::Ms => "ms",
            Self::S => "s",
            Self::Rfc3339 => "rfc3339",
            Self::Compact => "compact",
            Self::Pattern(pattern) => pattern,
        })
    }
}

impl Serialize for TimeForm {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TimeForm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A zone by its name in the tz database, whose summer times are known.
pub(crate) fn zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| {
        format!("{name:?} is no time zone: names such as Europe/Berlin, America/New_York or UTC are accepted")
    })
}

/// A date and time of the day, and how far it is ahead of UTC where that is said.
struct Written {
    at: DateTime,
    micros: u64,
    offset_s: Option<i64>,
}

fn written(written: &Written, zone: Option<&TimeZone>, fold: Fold) -> Option<u64> {
    let seconds = match (written.offset_s, zone) {
        (Some(offset_s), _) => {
            let utc = Offset::UTC.to_timestamp(written.at).ok()?;
            utc.as_second() - offset_s
        }
        (None, Some(zone)) => in_zone(written.at, zone, fold)?.as_second(),
        (None, None) => return None,
    };
    u64::try_from(seconds).ok()?.checked_mul(1_000_000)?.checked_add(written.micros)
}

/// A time that the clock skips when summer time begins is as long after the leap as it was before it.
fn in_zone(at: DateTime, zone: &TimeZone, fold: Fold) -> Option<jiff::Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(at);
    match fold {
        Fold::Later if ambiguous.is_ambiguous() && !is_gap(&ambiguous) => ambiguous.later().ok(),
        _ => ambiguous.compatible().ok(),
    }
}

fn is_gap(ambiguous: &jiff::tz::AmbiguousTimestamp) -> bool {
    matches!(ambiguous.offset(), jiff::tz::AmbiguousOffset::Gap { .. })
}

fn by_pattern(pattern: &str, text: &str, zone: Option<&TimeZone>, fold: Fold) -> Option<u64> {
    let read = strtime::parse(pattern, text).ok()?;
    let at = match (read.to_timestamp(), zone) {
        (Ok(at), _) => at,
        (Err(_), Some(zone)) => in_zone(read.to_datetime().ok()?, zone, fold)?,
        (Err(_), None) => return None,
    };
    u64::try_from(at.as_microsecond()).ok()
}

/// A decimal number times ten to the power of `places`; what is smaller is cut off.
fn scaled(text: &str, places: usize) -> Option<u64> {
    let (whole, part) = text.split_once(['.', ',']).unwrap_or((text, ""));
    if !part.bytes().all(|octet| octet.is_ascii_digit()) {
        return None;
    }
    let power = 10u64.checked_pow(u32::try_from(places).ok()?)?;
    let part = format!("{part:0<places$}");
    digits(whole)?.checked_mul(power)?.checked_add(digits(part.get(..places)?)?)
}

fn rfc3339(text: &str) -> Option<Written> {
    let is =
        |at: usize, accepted: &[u8]| text.as_bytes().get(at).is_some_and(|octet| accepted.contains(octet));
    if !(is(4, b"-") && is(7, b"-") && is(10, b"Tt ") && is(13, b":") && is(16, b":")) {
        return None;
    }
    let places = [(0, 4), (5, 7), (8, 10), (11, 13), (14, 16), (17, 19)];
    fields(text, places, 19)
}

fn compact(text: &str) -> Option<Written> {
    fields(text, [(0, 4), (4, 6), (6, 8), (8, 10), (10, 12), (12, 14)], 14)
}

/// Year to second at these places, then a fraction and an offset, which may be left out.
fn fields(text: &str, places: [(usize, usize); 6], end: usize) -> Option<Written> {
    let number = |(from, to): (usize, usize)| digits(text.get(from..to)?);
    let [year, month, day, hour, minute, second] = places.map(number);
    let small = |number: Option<u64>| i8::try_from(number?).ok();
    let (year, second) = (i16::try_from(year?).ok()?, small(second)?);
    // A leap second is the second after it.
    let leap = second == 60;
    let time = (small(hour)?, small(minute)?, second.min(59));
    let at = DateTime::new(year, small(month)?, small(day)?, time.0, time.1, time.2, 0).ok()?;
    let rest = text.get(end..)?;
    let zone_at = rest.find(|letter: char| !matches!(letter, '.' | ',') && !letter.is_ascii_digit());
    let (fraction, zone) = rest.split_at(zone_at.unwrap_or(rest.len()));
    let micros = match fraction.strip_prefix(['.', ',']) {
        Some("") => return None,
        Some(part) => scaled(&format!("0.{part}"), 6)?,
        None if fraction.is_empty() => 0,
        None => return None,
    };
    let zone = zone.trim_start();
    let offset_s = if zone.is_empty() { None } else { Some(offset_s(zone)?) };
    Some(Written { at, micros: micros + if leap { 1_000_000 } else { 0 }, offset_s })
}

/// `Z`, `UTC`, `+01:00`, `+0100` or `+01`.
fn offset_s(zone: &str) -> Option<i64> {
    if matches!(zone, "Z" | "z" | "UTC" | "GMT") {
        return Some(0);
    }
    let sign = if zone.starts_with('+') { 1 } else { -1 };
    let offset = zone.strip_prefix(['+', '-'])?;
    let (hours, minutes) = match offset.len() {
        2 => (offset, "00"),
        4 => offset.split_at_checked(2)?,
        5 => offset.split_once(':')?,
        _ => return None,
    };
    if hours.len() != 2 {
        return None;
    }
    let (hours, minutes) = (digits(hours)?, digits(minutes)?);
    (hours < 24 && minutes < 60).then_some(())?;
    Some(sign * i64::try_from(hours * 3_600 + minutes * 60).ok()?)
}

/// What in a pattern says how far a time is ahead of UTC, or counts seconds since 1970.
const SAYS_OFFSET: [&str; 5] = ["%z", "%:z", "%Z", "%Q", "%s"];

#[cfg(test)]
mod tests {
    use super::*;

    fn read(form: &str, text: &str, zone_name: Option<&str>) -> Option<u64> {
        let zone = zone_name.map(|name| zone(name).unwrap());
        form.parse::<TimeForm>().unwrap().read(text, zone.as_ref(), Fold::Earlier)
    }

    #[test]
    fn times_are_read_in_each_form() {
        // date -u -d 2026-11-24T21:30:00Z +%s
        let at = Some(1_795_555_800_000_000);
        for (form, text, zone) in [
            ("us", "1795555800000000", None),
            ("ms", "1795555800000", None),
            ("s", "1795555800", None),
            ("s", "1795555800,0", None),
            ("rfc3339", "2026-11-24T21:30:00Z", None),
            ("rfc3339", "2026-11-24 22:30:00.000000+01:00", None),
            ("rfc3339", "2026-11-24 22:30:00+0100", None),
            ("rfc3339", "2026-11-24T21:30:00+0000", Some("Europe/Berlin")),
            ("rfc3339", "2026-11-24T21:30:00 UTC", None),
            ("rfc3339", "2026-11-24 22:30:00", Some("Europe/Berlin")),
            ("compact", "20261124213000", Some("UTC")),
            ("compact", "20261124223000+0100", None),
            ("compact", "20261124163000", Some("America/New_York")),
            ("%d.%m.%Y %H:%M:%S", "24.11.2026 22:30:00", Some("Europe/Berlin")),
            ("%m/%d/%Y %I:%M:%S %p", "11/24/2026 09:30:00 PM", Some("UTC")),
            ("%Y-%m-%dT%H:%M:%S%z", "2026-11-25T03:00:00+0530", Some("Europe/Berlin")),
            ("%d-%b-%y %H:%M", "24-Nov-26 21:30", Some("UTC")),
        ] {
            assert_eq!(read(form, text, zone), at, "{form}: {text}");
        }
        assert_eq!(read("rfc3339", "1970-01-01T00:00:00.25Z", None), Some(250_000));
        assert_eq!(read("rfc3339", "2024-02-29T00:00:00Z", None), Some(1_709_164_800_000_000));
    }

    #[test]
    fn summer_time_is_that_of_the_zone_on_the_day() {
        // date -u -d 2026-07-01T10:00:00Z +%s
        assert_eq!(
            read("rfc3339", "2026-07-01 12:00:00", Some("Europe/Berlin")),
            Some(1_782_900_000_000_000)
        );
        // Clocks are put back at 03:00 on 25 October 2026: 02:30 is there twice, 00:30 and 01:30 UTC.
        let berlin = zone("Europe/Berlin").unwrap();
        let form = TimeForm::Rfc3339;
        let twice = |fold| form.read("2026-10-25 02:30:00", Some(&berlin), fold).unwrap();
        assert_eq!(twice(Fold::Later) - twice(Fold::Earlier), 3_600_000_000);
        assert_eq!(twice(Fold::Earlier), read("rfc3339", "2026-10-25T00:30:00Z", None).unwrap());
        // 02:30 on 29 March 2026 is never: it is taken for 03:30.
        let never = read("rfc3339", "2026-03-29 02:30:00", Some("Europe/Berlin"));
        assert_eq!(never, read("rfc3339", "2026-03-29T01:30:00Z", None));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "-1", "+1", "1e3", "1.5", "99999999999999999999"] {
            assert_eq!(read("us", text, None), None, "{text}");
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
            assert_eq!(read("rfc3339", text, None), None, "{text}");
        }
        assert_eq!(read("compact", "2026112421300", Some("UTC")), None);
        assert_eq!(read("%d.%m.%Y", "24.11.2026", None), None, "neither a zone nor an offset");
        assert_eq!(read("%d.%m.%Y %H:%M", "24.11.2026", Some("UTC")), None);
    }

    #[test]
    fn a_form_that_is_none_says_what_is() {
        let error = "european".parse::<TimeForm>().unwrap_err();
        assert!(error.contains("rfc3339, compact (YYYYMMDDhhmmss) or a pattern"), "{error}");
        assert!("%Y-%!".parse::<TimeForm>().unwrap_err().contains("is no pattern"));
        assert!(zone("Berlin").unwrap_err().contains("Europe/Berlin"));
    }
}
