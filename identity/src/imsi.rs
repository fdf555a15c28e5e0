use std::fmt;
use std::str::FromStr;

use crate::{IdentityError, as_text};

/// An IMSI: 6 to 15 digits, MCC, MNC and MSIN (TS 23.003 §2.2). Leading zeros count.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Imsi {
    value: u64,
    digits: u8,
}

impl Imsi {
    /// The IMSI `offset` after this one, with as many digits. `None` when the digits do not suffice.
    pub fn plus(self, offset: u64) -> Option<Self> {
        let value = self.value.checked_add(offset)?;
        (value < 10u64.pow(u32::from(self.digits))).then_some(Self { value, ..self })
    }

    /// How many IMSIs after `first` this one is. `None` when it is before it, or of another length.
    pub fn offset_from(self, first: Self) -> Option<u64> {
        if self.digits != first.digits {
            return None;
        }
        self.value.checked_sub(first.value)
    }

    /// The digits as a number; `digits()` says how many leading zeros belong to it.
    pub fn value(self) -> u64 {
        self.value
    }

    /// The number of digits, 6 to 15.
    pub fn digits(self) -> usize {
        usize::from(self.digits)
    }

    /// The digits as text, for which `buffer` is the room. A start has no time for what formatting does.
    pub fn text(self, buffer: &mut [u8; 15]) -> &str {
        decimal(self.value, buffer);
        let digits = buffer.get(buffer.len() - self.digits()..);
        digits.and_then(|digits| std::str::from_utf8(digits).ok()).unwrap_or_default()
    }
}

/// The last digits of a number as text, with leading zeros.
pub fn decimal(value: u64, digits: &mut [u8]) {
    let mut left = value;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(left % 10).unwrap_or_default();
        left /= 10;
    }
}

impl FromStr for Imsi {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, IdentityError> {
        let error = || IdentityError::new(text, "an IMSI of 6 to 15 digits, such as \"001010000000001\"");
        if !(6..=15).contains(&text.len()) || !text.bytes().all(|octet| octet.is_ascii_digit()) {
            return Err(error());
        }
        let digits = u8::try_from(text.len()).map_err(|_| error())?;
        Ok(Self { value: text.parse().map_err(|_| error())?, digits })
    }
}

impl fmt::Display for Imsi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text(&mut [0; 15]))
    }
}

impl fmt::Debug for Imsi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Imsi({self})")
    }
}

as_text!(Imsi, "^[0-9]{6,15}$", "An IMSI: 6 to 15 digits, in quotes so that leading zeros are kept.");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leading_zeros_survive_arithmetic() {
        let first: Imsi = "001010000000001".parse().unwrap();
        assert_eq!(first.plus(9).unwrap().to_string(), "001010000000010");
        assert_eq!(first.plus(9).unwrap().offset_from(first), Some(9));
    }

    #[test]
    fn the_text_is_what_was_parsed() {
        for text in ["001010000000001", "999999", "000000", "26201123456789"] {
            assert_eq!(text.parse::<Imsi>().unwrap().text(&mut [0; 15]), text);
            assert_eq!(text.parse::<Imsi>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn an_imsi_never_grows_a_digit() {
        let last: Imsi = "999999".parse().unwrap();
        assert_eq!(last.plus(1), None);
    }

    #[test]
    fn letters_and_lengths_are_refused() {
        for text in ["", "00101", "0010100000000012", "00101000000000x"] {
            assert!(text.parse::<Imsi>().is_err(), "{text}");
        }
    }
}
