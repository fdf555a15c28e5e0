//! Units, hours and prices as a tariff file writes them.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{Hours, Unit};
use crate::Octets;

/// A volume such as `1MB`, or a time such as `1s`.
impl FromStr for Unit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let error = || format!("{text:?} is not a unit: a volume such as 1MB or a time such as 1s or 1m is");
        match crate::time::read(text) {
            Some(micros) => Ok(Self::Time(Duration::from_micros(micros))),
            None => Ok(Self::Octets(text.parse::<Octets>().map_err(|_| error())?.0)),
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Octets(octets) => f.write_str(&Octets(*octets).with_unit()),
            Self::Time(time) => {
                let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
                f.write_str(&crate::time::written(micros))
            }
        }
    }
}

/// `08:00-20:00`.
impl FromStr for Hours {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let error =
            || format!("{text:?} are no hours: such as 08:00-20:00 are, or 22:00-06:00 over midnight");
        let minutes = |text: &str| -> Option<u16> {
            let (hour, minute) = text.split_once(':')?;
            let number = |text: &str| (text.len() == 2).then(|| text.parse::<u8>().ok()).flatten();
            let (hour, minute) = (u16::from(number(hour)?), u16::from(number(minute)?));
            (hour * 60 + minute <= 24 * 60 && minute < 60).then_some((hour * 60 + minute) % (24 * 60))
        };
        let (from, to) = text.split_once('-').ok_or_else(error)?;
        let times = minutes(from.trim()).zip(minutes(to.trim()));
        let (from_min, to_min) = times.ok_or_else(error)?;
        Ok(Self { from_min, to_min })
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from_min: from, to_min: to } = self;
        write!(f, "{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60)
    }
}

/// Serialised through `Display` and `FromStr`, with a string schema.
macro_rules! as_text {
    ($type:ty, $pattern:literal, $description:literal) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.trim().parse().map_err(serde::de::Error::custom)
            }
        }
        impl schemars::JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                concat!("Tariff", stringify!($type)).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "pattern": $pattern, "description": $description })
            }
        }
    };
}
as_text!(Unit, "^([0-9]+(\\.[0-9]+)?[A-Za-z]*)+$", "A volume such as 1MB, or a time such as 1s or 1m.");
as_text!(
    Hours,
    "^[0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9]$",
    "Hours of the day in the zone of the tariff, else in UTC, such as 08:00-20:00."
);

/// A price may be written with or without quotes.
pub(super) fn price_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "description": "For each unit: a decimal number with at most six digits after the point.",
        "anyOf": [{ "type": "string", "pattern": r"^[0-9]+(\.[0-9]{1,6})?$" }, { "type": "number", "minimum": 0 }],
    })
}

/// An amount as a decimal number; a charging record's amount is in micro-units on the wire.
pub(super) mod money {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::Money;

    pub(in super::super) fn serialize<S: Serializer>(
        money: &Money,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(money)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Money, D::Error> {
        String::deserialize(deserializer)?.trim().parse().map_err(serde::de::Error::custom)
    }
}
