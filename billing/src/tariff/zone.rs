//! The zone of a tariff's hours: by its name in the tz database, with the summer times that it has had and will have.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::MINUTES_A_DAY;

/// A time zone such as `Europe/Berlin`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Zone {
    /// The minute of the day there, at this UNIX time in µs.
    pub(crate) fn minute_at(&self, at_us: u64) -> Option<u16> {
        let at = timestamp(at_us)?;
        let local_s = at.as_second() + i64::from(self.0.to_offset(at).seconds());
        u16::try_from(local_s.div_euclid(60).rem_euclid(i64::try_from(MINUTES_A_DAY).ok()?)).ok()
    }

    /// When, after this time, a clock there next shows one of these minutes of the day, or is put forward or back.
    pub(crate) fn next_us(&self, after_us: u64, minutes: &[u16]) -> Option<u64> {
        let after = timestamp(after_us)?;
        let today = self.0.to_datetime(after).date();
        let days = (0..3).filter_map(|days| today.checked_add(jiff::Span::new().days(days)).ok());
        let shown = days.flat_map(|day| minutes.iter().map(move |minute| (day, *minute)));
        let shown = shown.filter_map(|(day, minute)| {
            let (hour, minute) = (i8::try_from(minute / 60).ok()?, i8::try_from(minute % 60).ok()?);
            let at = self.0.to_ambiguous_timestamp(day.at(hour, minute, 0, 0));
            Some([at.earlier().ok()?, at.later().ok()?])
        });
        let put = self.0.following(after).next().map(|transition| transition.timestamp());
        let all = shown.flatten().chain(put).filter(|at| *at > after);
        u64::try_from(all.min()?.as_microsecond()).ok()
    }
}

fn timestamp(at_us: u64) -> Option<Timestamp> {
    Timestamp::from_microsecond(i64::try_from(at_us).ok()?).ok()
}

impl FromStr for Zone {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        crate::csv::zone(text).map(Self)
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.iana_name().unwrap_or("UTC"))
    }
}

impl Serialize for Zone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.trim().parse().map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Zone {
    fn schema_name() -> Cow<'static, str> {
        "TariffZone".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string", "description": "A zone of the tz database, such as Europe/Berlin, with its summer time."
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_minute_of_the_day_follows_the_summer_time_of_the_zone() {
        let berlin: Zone = "Europe/Berlin".parse().unwrap();
        // date -u -d 2026-01-15T07:00:00Z +%s, and in July
        assert_eq!(berlin.minute_at(1_768_460_400_000_000), Some(8 * 60));
        assert_eq!(berlin.minute_at(1_784_098_800_000_000), Some(9 * 60));
        let kolkata: Zone = "Asia/Kolkata".parse().unwrap();
        assert_eq!(kolkata.minute_at(1_768_460_400_000_000), Some(12 * 60 + 30));
        assert_eq!(berlin.to_string(), "Europe/Berlin");
        assert!("Berlin".parse::<Zone>().is_err());
    }

    #[test]
    fn the_next_minute_is_found_over_the_change_of_summer_time() {
        let berlin: Zone = "Europe/Berlin".parse().unwrap();
        // 24 October 2026, 20:00 there is 18:00 UTC; on the 25th it is 19:00 UTC.
        let saturday = 1_792_864_800_000_000;
        assert_eq!(berlin.next_us(saturday - 1, &[20 * 60]), Some(saturday));
        // The clock is put back in between, at 01:00 UTC.
        let put_back = saturday + 7 * 3_600_000_000;
        assert_eq!(berlin.next_us(saturday, &[20 * 60]), Some(put_back));
        assert_eq!(berlin.next_us(put_back, &[20 * 60]), Some(saturday + 25 * 3_600_000_000));
    }
}
