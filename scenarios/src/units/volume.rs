//! Amounts of data and their rates: `1.5MB`, `20kbit/s`.

use std::fmt;
use std::str::FromStr;

use super::{Deserialize, Deserializer, JsonSchema, Serialize, Serializer, decimal_times, text_unit};

/// An amount of data: a number and `B`, `kB`, `MB`, `GB` or `TB`, or `KiB`, `MiB` or `GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Volume(pub(crate) u64);

/// Bits of user data a second: a number and `bit/s`, `kbit/s`, `Mbit/s` or `Gbit/s`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct BitRate(pub(crate) u64);

impl FromStr for Volume {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match whole(text, &VOLUMES) {
            Some(octets) if octets <= LARGEST => Ok(Self(octets)),
            Some(_) => Err(format!("{text:?} is too much: at most 1000000TB are accepted")),
            None => Err(format!(
                "{text:?} is not an amount of data: a number and B, kB, MB, GB or TB, such as 500kB or 1.5MB"
            )),
        }
    }
}

impl fmt::Display for Volume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_whole(f, self.0, &VOLUMES)
    }
}

impl FromStr for BitRate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match whole(text, &BIT_RATES) {
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

impl fmt::Display for BitRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_whole(f, self.0, &BIT_RATES)
    }
}

text_unit!(
    Volume,
    "Volume",
    r"^[0-9]+(\.[0-9]+)? *(B|kB|MB|GB|TB|KiB|MiB|GiB)$",
    "An amount of data: a number and B, kB, MB, GB or TB, such as 500kB."
);
text_unit!(
    BitRate,
    "BitRate",
    r"^[0-9]+(\.[0-9]+)? *[kMG]?bit/s$",
    "Bits of user data a second: a number and bit/s, kbit/s, Mbit/s or Gbit/s, such as 200kbit/s."
);

/// A decimal number and a unit, exactly. `None` when it is none of these, or no whole number of the smallest unit.
fn whole(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let unit_at = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
    let (number, unit) = text.split_at(unit_at);
    let (_, size) = units.iter().find(|(name, _)| *name == unit.trim())?;
    u64::try_from(decimal_times(number, u128::from(*size))?).ok()
}

/// In the largest of the decimal units that it is a multiple of.
fn write_whole(f: &mut fmt::Formatter<'_>, value: u64, units: &[(&str, u64)]) -> fmt::Result {
    let decimal = units.iter().filter(|(name, _)| !name.contains("iB"));
    let fitting = decimal.filter(|(_, size)| value.is_multiple_of(*size) && (value > 0 || *size == 1));
    match fitting.max_by_key(|(_, size)| *size) {
        Some((name, size)) => write!(f, "{}{name}", value / size),
        None => write!(f, "{value}"),
    }
}

const VOLUMES: [(&str, u64); 8] = [
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];
const BIT_RATES: [(&str, u64); 4] =
    [("bit/s", 1), ("kbit/s", 1_000), ("Mbit/s", 1_000_000), ("Gbit/s", 1_000_000_000)];
/// An exabyte: sums of many such still fit in 64 bits.
const LARGEST: u64 = 1_000_000_000_000_000_000;
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
        assert_eq!("1.5MB".parse::<Volume>().unwrap().0, 1_500_000);
        assert_eq!("1 KiB".parse::<Volume>().unwrap().0, 1024);
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
