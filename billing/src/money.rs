//! Money in whole millionths of a currency unit: sums are exact and do not depend on their order.

use std::fmt;
use std::iter::Sum;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An amount in micro-units of its currency: 1,000,000 is one euro where the currency is EUR. May be negative: a
/// difference can be in anybody's favour.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
pub struct Money(i64);

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// The largest amount.
    pub const LARGEST: Self = Self(i64::MAX);

    /// From micro-units.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// In micro-units.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Whether it is nothing.
    pub fn is_zero(&self) -> bool {
        self.0 == 0
    }

    /// The sum of all, or `None` when it does not fit.
    pub fn total(amounts: impl Iterator<Item = Self>) -> Option<Self> {
        // Added up wider, so that the order does not matter even where a partial sum would not fit.
        i64::try_from(amounts.map(|amount| i128::from(amount.0)).sum::<i128>()).ok().map(Self)
    }

    /// `None` when the sum does not fit.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// `None` when the difference does not fit.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// Without its sign.
    pub fn abs(self) -> Self {
        Self(self.0.saturating_abs())
    }
}

/// The sum, which stops at the largest amount there is.
impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        // Added up wider, so that the order does not matter even where a partial sum would not fit.
        let micros: i128 = amounts.map(|amount| i128::from(amount.0)).sum();
        Self(i64::try_from(micros).unwrap_or(if micros < 0 { i64::MIN } else { i64::MAX }))
    }
}

/// A decimal number with six digits after the point, such as `-0.002500`.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, micros) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs());
        write!(f, "{sign}{}.{:06}", micros / MICROS, micros % MICROS)
    }
}

/// Reads a decimal number with at most six digits after the point.
impl FromStr for Money {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let error =
            || format!("{text:?} is not an amount such as 0.0025: at most six digits after the point");
        let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        let numeric = |text: &str| text.bytes().all(|octet| octet.is_ascii_digit());
        if whole.is_empty() || !numeric(whole) || !numeric(part) || part.len() > 6 {
            return Err(error());
        }
        let whole: i64 = whole.parse().map_err(|_| error())?;
        // At most six digits: as millionths.
        let part = part.bytes().chain(std::iter::repeat(b'0')).take(6);
        let part = part.fold(0, |micros, digit| micros * 10 + i64::from(digit - b'0'));
        let micros =
            whole.checked_mul(1_000_000).and_then(|micros| micros.checked_add(part)).ok_or_else(error)?;
        Ok(Self(if negative { -micros } else { micros }))
    }
}

/// A currency by its code of three capital letters (ISO 4217).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// Euro.
    pub const EUR: Self = Self(*b"EUR");

    /// No currency was said (ISO 4217).
    pub const NONE: Self = Self(*b"XXX");

    pub(crate) fn octets(self) -> [u8; 3] {
        self.0
    }

    pub(crate) fn from_octets(octets: [u8; 3]) -> Self {
        Self(octets)
    }
}

impl FromStr for Currency {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match <[u8; 3]>::try_from(text.as_bytes()) {
            Ok(code) if code.iter().all(u8::is_ascii_uppercase) => Ok(Self(code)),
            _ => Err(format!("{text:?} is not a currency such as EUR: three capital letters are")),
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.0).unwrap_or_default())
    }
}

impl Serialize for Currency {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Currency {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Currency".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string", "pattern": "^[A-Z]{3}$", "description": "A currency of ISO 4217, such as EUR."
        })
    }
}

const MICROS: u64 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_and_printed_exactly() {
        for (text, micros) in [("0.0025", 2_500), ("-1", -1_000_000), ("12.345678", 12_345_678)] {
            let money: Money = text.parse().unwrap();
            assert_eq!(money.micros(), micros);
            assert_eq!(money.to_string().parse::<Money>().unwrap(), money);
        }
        for text in ["", ".", "-", "1.0000001", "1e3", "+1", "9223372036855"] {
            assert!(text.parse::<Money>().is_err(), "{text}");
        }
    }
}
