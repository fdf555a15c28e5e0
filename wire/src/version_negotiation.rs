//! The first frame of each side, its offer: which versions it speaks. This layout never changes, so that every version, older or
//! newer, can read it and say what is wrong.
//!
//! ```text
//! offer     "RSTM"  oldest u16  newest u16  program (UTF-8, the rest)      both sides, first frame
//! refusal   "RSTX"  reason (UTF-8, the rest)                               either side, any later frame
//! ```
//! Numbers are big endian. A refusal cannot be mistaken for a message: no enum comes near variant 0x52 (`R`).

use std::fmt;
use std::ops::RangeInclusive;

use crate::PROGRAM;

/// What one side says first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionOffer {
    /// The oldest version of the messages that this side speaks.
    pub oldest: u16,
    /// The newest one.
    pub newest: u16,
    /// The program and its version, for people.
    pub program: String,
}

impl VersionOffer {
    pub(crate) fn new(versions: &RangeInclusive<u16>) -> Self {
        Self { oldest: *versions.start(), newest: *versions.end(), program: PROGRAM.to_owned() }
    }

    /// The payload of the first frame.
    pub fn encode(&self) -> Vec<u8> {
        let mut payload = OFFER_MAGIC.to_vec();
        payload.extend(self.oldest.to_be_bytes());
        payload.extend(self.newest.to_be_bytes());
        payload.extend(self.program.as_bytes());
        payload
    }

    /// What the other side says first; `None` when that is something else.
    pub fn decode(payload: &[u8]) -> Option<Self> {
        let rest = payload.strip_prefix(OFFER_MAGIC)?;
        let (oldest, rest) = rest.split_first_chunk()?;
        let (newest, program) = rest.split_first_chunk()?;
        let (oldest, newest) = (u16::from_be_bytes(*oldest), u16::from_be_bytes(*newest));
        (oldest <= newest).then(|| Self { oldest, newest, program: for_people(program, PROGRAM_CHARACTERS) })
    }

    /// The newest version that both speak.
    pub(crate) fn common_version(&self, other: &Self) -> Option<u16> {
        let newest = self.newest.min(other.newest);
        (newest >= self.oldest.max(other.oldest)).then_some(newest)
    }
}

impl fmt::Display for VersionOffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.oldest == self.newest {
            write!(f, "{} speaks version {}", self.program, self.newest)
        } else {
            write!(f, "{} speaks versions {} to {}", self.program, self.oldest, self.newest)
        }
    }
}

/// The payload of a frame that refuses the other side.
pub(crate) fn encode_refusal(reason: &str) -> Vec<u8> {
    let reason: String = reason.chars().take(REASON_CHARACTERS).collect();
    [REFUSAL, reason.as_bytes()].concat()
}

/// Why the other side refuses us, when this payload is a refusal.
pub(crate) fn decode_refusal(payload: &[u8]) -> Option<String> {
    payload.strip_prefix(REFUSAL).map(|reason| for_people(reason, REASON_CHARACTERS))
}

/// A peer's text as it may be shown and logged: no control characters, no endless lines.
pub(crate) fn for_people(octets: &[u8], characters: usize) -> String {
    edges::text::line_of_octets(octets, characters)
}

/// The first frame may not be longer than this, nor the `Hello` of who comes for the first time.
pub(crate) const OFFER_LIMIT: usize = 8 << 10;

const OFFER_MAGIC: &[u8] = b"RSTM";
const REFUSAL: &[u8] = b"RSTX";
const PROGRAM_CHARACTERS: usize = 100;
/// As UTF-8 it still fits [`OFFER_LIMIT`], so that the first frame can be a refusal, too.
const REASON_CHARACTERS: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offer_layout_is_pinned() {
        let offer = VersionOffer { oldest: 1, newest: 0x0203, program: "roamstorm 9".to_owned() };
        let octets = b"RSTM\x00\x01\x02\x03roamstorm 9";
        assert_eq!(offer.encode(), octets);
        assert_eq!(VersionOffer::decode(octets), Some(offer));
        assert_eq!(encode_refusal("full"), b"RSTXfull");
        assert_eq!(decode_refusal(b"RSTXfull").as_deref(), Some("full"));
    }

    #[test]
    fn offer_of_something_else_is_none() {
        for octets in
            [b"".as_slice(), b"RSTM", b"RSTM\0\x01\0", b"HTTP/1.1 400", b"RSTM\0\x02\0\x01x", b"RSTX no"]
        {
            assert_eq!(VersionOffer::decode(octets), None, "{octets:?}");
        }
    }

    #[test]
    fn offer_program_is_cut_and_cleaned() {
        let mut octets = b"RSTM\0\x01\0\x01bad\x1b[31m\xff".to_vec();
        octets.extend([b'x'; 5_000]);
        let program = VersionOffer::decode(&octets).unwrap().program;
        assert!(program.starts_with("bad\u{fffd}[31m\u{fffd}xxx") && program.ends_with("x…"), "{program}");
        assert_eq!(program.chars().count(), PROGRAM_CHARACTERS);
    }

    #[test]
    fn common_version_is_the_newest_of_both() {
        let speaks = |versions| VersionOffer::new(&versions);
        assert_eq!(speaks(1..=1).common_version(&speaks(1..=1)), Some(1));
        assert_eq!(speaks(1..=4).common_version(&speaks(3..=9)), Some(4));
        assert_eq!(speaks(3..=9).common_version(&speaks(1..=4)), Some(4));
        assert_eq!(speaks(1..=2).common_version(&speaks(3..=4)), None);
        assert_eq!(speaks(3..=4).common_version(&speaks(1..=2)), None);
    }
}
