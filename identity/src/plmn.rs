use std::fmt;
use std::str::FromStr;

use crate::{IdentityError, as_text};

/// A public land mobile network: MCC of 3 digits, MNC of 2 or 3 (TS 23.003 §2.2). Written `001/01`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Plmn {
    mcc: u16,
    mnc: u16,
    mnc_digits: u8,
}

impl Plmn {
    /// The mobile country code, always three digits.
    pub fn mcc(self) -> String {
        format!("{:03}", self.mcc)
    }

    /// The mobile network code, two or three digits: `01` and `001` are different networks.
    pub fn mnc(self) -> String {
        format!("{:0width$}", self.mnc, width = usize::from(self.mnc_digits))
    }

    /// The number of digits of both, which an IMSI of the network begins with: 5 or 6.
    pub fn code_digits(self) -> usize {
        3 + usize::from(self.mnc_digits)
    }

    /// The three octets in NAS (TS 24.501 §9.11.3.4): a third digit of the MNC comes before the other two.
    pub fn octets(self) -> [u8; 3] {
        let ([mcc1, mcc2, mcc3], mnc) = self.digits();
        let [mnc1, mnc2, mnc3] = if self.mnc_digits == 2 { [mnc[1], mnc[2], FILLER] } else { mnc };
        [mcc2 << 4 | mcc1, mnc3 << 4 | mcc3, mnc2 << 4 | mnc1]
    }

    /// The three octets in NGAP (TS 38.413 §9.3.3.5): the digits of the MNC in their order. They differ from those of NAS
    /// where the MNC has three.
    pub fn ngap_octets(self) -> [u8; 3] {
        let ([mcc1, mcc2, mcc3], mnc) = self.digits();
        let [mnc1, mnc2, mnc3] = if self.mnc_digits == 2 { [FILLER, mnc[1], mnc[2]] } else { mnc };
        [mcc2 << 4 | mcc1, mnc1 << 4 | mcc3, mnc3 << 4 | mnc2]
    }

    /// The network of three octets as NGAP has them; nothing where they are none.
    pub fn from_ngap_octets(octets: [u8; 3]) -> Option<Self> {
        let [a, b, c] = octets;
        // In NAS the third digit of an MNC comes before the other two, and takes its place where it has only two.
        let nas = if b >> 4 == FILLER { octets } else { [a, c & 0xf0 | b & 0xf, c << 4 | b >> 4] };
        Self::from_octets(nas)
    }

    /// The digits of the MCC, and those of the MNC after a leading zero where it has two.
    fn digits(self) -> ([u8; 3], [u8; 3]) {
        let digits =
            |number: u16| [100, 10, 1].map(|unit| u8::try_from(number / unit % 10).unwrap_or_default());
        (digits(self.mcc), digits(self.mnc))
    }

    /// From the three octets on the wire; `None` where a digit is none.
    pub fn from_octets([a, b, c]: [u8; 3]) -> Option<Self> {
        let digit = |nibble: u8| (nibble < 10).then_some(u16::from(nibble));
        let mcc = digit(a & 0xf)? * 100 + digit(a >> 4)? * 10 + digit(b & 0xf)?;
        let (high, low) = (digit(c & 0xf)?, digit(c >> 4)?);
        Some(match b >> 4 {
            0xf => Self { mcc, mnc: high * 10 + low, mnc_digits: 2 },
            last => Self { mcc, mnc: high * 100 + low * 10 + digit(last)?, mnc_digits: 3 },
        })
    }
}

impl FromStr for Plmn {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, IdentityError> {
        let error = || IdentityError::new(text, "a PLMN such as \"001/01\" or \"310/410\" (MCC/MNC)");
        let (mcc, mnc) = text.split_once('/').ok_or_else(error)?;
        let digits = |part: &str| part.bytes().all(|octet| octet.is_ascii_digit());
        if mcc.len() != 3 || !(2..=3).contains(&mnc.len()) || !digits(mcc) || !digits(mnc) {
            return Err(error());
        }
        Ok(Self {
            mcc: mcc.parse().map_err(|_| error())?,
            mnc: mnc.parse().map_err(|_| error())?,
            mnc_digits: if mnc.len() == 2 { 2 } else { 3 },
        })
    }
}

impl fmt::Display for Plmn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.mcc(), self.mnc())
    }
}

impl fmt::Debug for Plmn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Plmn({self})")
    }
}

/// The half octet of a digit that is not there.
const FILLER: u8 = 0xf;

as_text!(Plmn, "^[0-9]{3}/[0-9]{2,3}$", "A PLMN as MCC/MNC, such as 001/01.");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_and_three_digit_mnc_differ_on_the_wire() {
        // TS 24.501 figure 9.11.3.4.1 lays the digits out; 208/93 is 02f839 in every Open5GS capture.
        assert_eq!("208/93".parse::<Plmn>().unwrap().octets(), [0x02, 0xf8, 0x39]);
        assert_eq!("310/410".parse::<Plmn>().unwrap().octets(), [0x13, 0x00, 0x14]);
        for plmn in ["208/93", "310/410", "001/01", "001/001"].map(|text| text.parse::<Plmn>().unwrap()) {
            assert_eq!(Plmn::from_octets(plmn.octets()), Some(plmn));
        }
        assert_eq!(Plmn::from_octets([0x02, 0xf8, 0x3a]), None);
        assert_ne!("001/01".parse::<Plmn>(), "001/001".parse::<Plmn>());
    }

    #[test]
    fn an_imsi_begins_with_both_codes() {
        assert_eq!("208/93".parse::<Plmn>().unwrap().code_digits(), 5);
        assert_eq!("310/410".parse::<Plmn>().unwrap().code_digits(), 6);
    }

    #[test]
    fn three_digit_mnc_has_another_order_in_ngap() {
        assert_eq!("208/93".parse::<Plmn>().unwrap().ngap_octets(), [0x02, 0xf8, 0x39]);
        // TS 38.413 §9.3.3.5, of the digits 3 1 0 4 1 0.
        assert_eq!("310/410".parse::<Plmn>().unwrap().ngap_octets(), [0x13, 0x40, 0x01]);
        for text in ["208/93", "310/410", "001/01", "999/999"] {
            let plmn: Plmn = text.parse().unwrap();
            assert_eq!(Plmn::from_ngap_octets(plmn.ngap_octets()), Some(plmn), "{text}");
        }
    }
}
