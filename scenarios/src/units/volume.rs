//! Amounts of data and their rates: `1.5MB`, `20kbit/s`.

use std::fmt;
use std::str::FromStr;

use billing::Octets;

use super::{Deserialize, Deserializer, JsonSchema, Serialize, Serializer, decimal_times, text_unit};

/// An amount of data, which a scenario always writes with its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Volume(pub(crate) Octets);

/// Bits of user data a second: a number and `bit/s`, `kbit/s`, `Mbit/s` or `Gbit/s`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct BitRate(pub(crate) u64);

impl FromStr for Volume {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.ends_with(|letter: char| letter.is_ascii_digit()) {
            return Err(format!("{text:?} lacks a unit: B, kB, MB, GB or TB, such as 500kB or 1.5MB"));
        }
        match text.parse()? {
            octets if octets > LARGEST => {
                Err(format!("{text:?} is too much: at most 1000000TB are accepted"))
            }
            octets => Ok(Self(octets)),
        }
    }
}

impl fmt::Display for Volume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.with_unit())
    }
}

impl FromStr for BitRate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match whole(text) {
            Some(bits) if bits <= HIGHEST_BPS => Ok(Self(bits)),
            Some(_) => {
                Err(format!("{text:?} is an impossible rate of data: 0bit/s to 100Gbit/s are accepted"))
            }
            None => Err(format!(
                "{text:?} is not a rate of data: a number and bit/s, kbit/s, Mbit/s or Gbit/s, such as 200kbit/s"
            )),
        }
    }
}

/// In the largest unit that it is a multiple of.
impl fmt::Display for BitRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fitting = BIT_RATES.iter().filter(|(_, size)| self.0 > 0 && self.0.is_multiple_of(*size));
        let (name, size) = fitting.max_by_key(|(_, size)| *size).unwrap_or(&BIT_RATES[0]);
        write!(f, "{}{name}", self.0 / size)
    }
}

text_unit!(
    Volume,
    "Volume",
    r"^[0-9]+(\.[0-9]+)? *(B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)$",
    "An amount of data: a number and B, kB, MB, GB or TB, such as 500kB."
);
text_unit!(
    BitRate,
    "BitRate",
    r"^[0-9]+(\.[0-9]+)? *[kMG]?bit/s$",
    "Bits of user data a second: a number and bit/s, kbit/s, Mbit/s or Gbit/s, such as 200kbit/s."
);

/// A decimal number and a unit, exactly. `None` when it is none of these, or no whole number of bits.
fn whole(text: &str) -> Option<u64> {
    let unit_at = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
    let (number, unit) = text.split_at(unit_at);
    let (_, size) = BIT_RATES.iter().find(|(name, _)| *name == unit.trim())?;
    u64::try_from(decimal_times(number, u128::from(*size))?).ok()
}

const BIT_RATES: [(&str, u64); 4] =
    [("bit/s", 1), ("kbit/s", 1_000), ("Mbit/s", 1_000_000), ("Gbit/s", 1_000_000_000)];
/// An exabyte: sums of many such still fit in 64 bits.
const LARGEST: Octets = Octets(1_000_000_000_000_000_000);
/// More than one UE's radio can do.
const HIGHEST_BPS: u64 = 100_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes_are_exact_and_printed_as_they_are_read() {
        for text in ["0B", "1MB", "1500B", "2TB", "999kB"] {
            assert_eq!(text.parse::<Volume>().unwrap().to_string(), text);
        }
        assert_eq!("1.5MB".parse::<Volume>().unwrap().0, Octets(1_500_000));
        for text in ["", "5", "MB", "-1MB", "1.5B", "1mb", "1MB/s", "2000000TB", "99999999999999999999GB"] {
            assert!(text.parse::<Volume>().is_err(), "{text}");
        }
    }

    #[test]
    fn rates_of_data_are_exact() {
        for text in ["0bit/s", "20kbit/s", "1Mbit/s", "1500bit/s", "100Gbit/s"] {
            assert_eq!(text.parse::<BitRate>().unwrap().to_string(), text);
        }
        assert_eq!("1.5Mbit/s".parse::<BitRate>().unwrap().0, 1_500_000);
        for text in ["", "5", "kbit/s", "1kB/s", "-1bit/s", "0.5bit/s", "101Gbit/s", "1 k bit/s"] {
            assert!(text.parse::<BitRate>().is_err(), "{text}");
        }
    }
}
