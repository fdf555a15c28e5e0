//! Prices and hours of the day, as a tariff writes them.

use std::fmt;
use std::str::FromStr;

use billing::{Hours, Money};

use super::{Deserialize, Deserializer, JsonSchema, Serialize, Serializer, text_unit};

/// An amount of money that is not negative: a decimal number with at most six digits after the point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Price(pub(crate) Money);

/// Hours of the day, UTC: `08:00-20:00`, or over midnight `20:00-08:00`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HoursText(pub(crate) Hours);

impl FromStr for Price {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let price: Money = text.parse()?;
        if price < Money::ZERO {
            return Err(format!("{text:?} is a negative price: 0 or more is accepted"));
        }
        Ok(Self(price))
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for HoursText {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let error = || format!("{text:?} are not hours of the day such as \"08:00-20:00\" (UTC)");
        let (from, to) = text.split_once('-').ok_or_else(error)?;
        let minute = |text: &str| {
            let (hour, minute) = text.trim().split_once(':')?;
            let two = |text: &str| text.len() == 2 && text.bytes().all(|octet| octet.is_ascii_digit());
            let fits = two(hour) && two(minute);
            let (hour, minute) = (hour.parse::<u16>().ok()?, minute.parse::<u16>().ok()?);
            // 24:00 is the midnight that the day ends with.
            let fits = fits && minute < 60 && (hour < 24 || hour == 24 && minute == 0);
            fits.then_some((hour % 24) * 60 + minute)
        };
        let (from_min, to_min) = (minute(from).ok_or_else(error)?, minute(to).ok_or_else(error)?);
        if from_min == to_min {
            return Err(format!("{text:?} is the whole day: leave the hours out"));
        }
        Ok(Self(Hours { from_min, to_min }))
    }
}

impl fmt::Display for HoursText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Hours { from_min, to_min } = self.0;
        let (from, to) = ((from_min / 60, from_min % 60), (to_min / 60, to_min % 60));
        write!(f, "{:02}:{:02}-{:02}:{:02}", from.0, from.1, to.0, to.1)
    }
}

text_unit!(
    Price,
    "Price",
    r"^[0-9]+(\.[0-9]{1,6})?$",
    "A price: a decimal number with at most six digits after the point, such as 0.0025.",
    { "type": "number", "minimum": 0 }
);
text_unit!(
    HoursText,
    "Hours",
    r"^[0-2][0-9]:[0-5][0-9] *- *[0-2][0-9]:[0-5][0-9]$",
    "Hours of the day, UTC, such as 08:00-20:00, or over midnight 20:00-08:00."
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_printed_as_they_are_read() {
        for text in ["08:00-20:00", "20:00-08:00", "00:00-23:59", "23:59-00:00"] {
            assert_eq!(text.parse::<HoursText>().unwrap().to_string(), text);
        }
        assert_eq!("20:00-24:00".parse::<HoursText>().unwrap().0.to_min, 0);
        for text in ["", "8-20", "8:00-20:00", "08:00-24:01", "08:60-09:00", "00:00-24:00", "+8:00-09:00"] {
            assert!(text.parse::<HoursText>().is_err(), "{text}");
        }
    }

    #[test]
    fn prices_are_not_negative() {
        assert_eq!("0.0025".parse::<Price>().unwrap().0.micros(), 2500);
        for text in ["-1", "0.0000001", "1e3", "99999999999999", ""] {
            assert!(text.parse::<Price>().is_err(), "{text}");
        }
    }
}
