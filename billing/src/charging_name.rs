//! What a charging system calls a session: a number in ours (TS 32.255 §6.1.1), a UUID, hexadecimal digits or any text elsewhere.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ChargingId;

/// The charging identifier of a session in a ledger of any origin, in 18 octets. Two are the same when their texts are, but for
/// the case of hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChargingName {
    kind: Kind,
    /// Digits, or octets of text.
    length: u8,
    value: u128,
}

/// How the value is written. Numbers come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Kind {
    /// As the network gives it, 32 bits.
    Number,
    /// More digits, or leading zeros.
    Digits,
    Hex,
    Uuid,
    /// At most 16 octets of text.
    Text,
    /// A longer text, of which a digest is kept.
    Digest,
}

impl From<ChargingId> for ChargingName {
    fn from(id: ChargingId) -> Self {
        Self { kind: Kind::Number, length: 0, value: u128::from(id.0) }
    }
}

impl ChargingName {
    /// The network's own number, where it is one.
    pub fn number(self) -> Option<ChargingId> {
        let number = (self.kind == Kind::Number).then(|| u32::try_from(self.value).ok()).flatten();
        number.map(ChargingId)
    }

    /// Any text. `hexadecimal`: the digits of a number are hexadecimal.
    ///
    /// # Errors
    /// When the text is empty or has more than 256 octets.
    pub fn read(text: &str, hexadecimal: bool) -> Result<Self, String> {
        if text.is_empty() || text.len() > LONGEST {
            return Err(format!("a charging identifier has 1 to {LONGEST} octets, not {}", text.len()));
        }
        let bare = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
        if bare.is_some() || hexadecimal {
            let digits = bare.unwrap_or(text);
            if let Ok(number) = u32::from_str_radix(digits, 16) {
                return Ok(ChargingId(number).into());
            }
            if let Some(name) = hex(digits) {
                return Ok(name);
            }
        }
        if text.bytes().all(|octet| octet.is_ascii_digit()) && text.len() <= 38 {
            let number = (!text.starts_with('0') || text.len() == 1).then(|| text.parse().ok()).flatten();
            if let Some(number) = number {
                return Ok(ChargingId(number).into());
            }
            let value = text.parse().map_err(|_| format!("{text:?} is no number"))?;
            return Ok(Self { kind: Kind::Digits, length: length(text), value });
        }
        Ok(uuid(text).or_else(|| hex(text)).unwrap_or_else(|| Self::of_text(text)))
    }

    fn of_text(text: &str) -> Self {
        let octets = text.as_bytes();
        if octets.len() <= 16 {
            let value = octets.iter().fold(0, |value, octet| value << 8 | u128::from(*octet));
            return Self { kind: Kind::Text, length: length(text), value };
        }
        let half = |first: u8| {
            let mut hasher = DefaultHasher::new();
            (first, text).hash(&mut hasher);
            u128::from(hasher.finish())
        };
        Self { kind: Kind::Digest, length: 0, value: half(0) << 64 | half(1) }
    }

    /// A number that two names rarely share.
    pub(crate) fn key(self) -> u64 {
        let [low, high] = [self.value, self.value >> 64]
            .map(|half| u64::try_from(half & u128::from(u64::MAX)).unwrap_or_default());
        low ^ high.rotate_left(32) ^ u64::from(self.kind as u8) << 56 ^ u64::from(self.length) << 48
    }

    /// The kind of numbers in [`Self::parts`].
    pub(crate) const NUMBER: u8 = Kind::Number as u8;

    /// For a file of ours: kind, length, value.
    pub(crate) fn parts(self) -> (u8, u8, u128) {
        (self.kind as u8, self.length, self.value)
    }

    pub(crate) fn from_parts((kind, length, value): (u8, u8, u128)) -> Option<Self> {
        let all = [Kind::Number, Kind::Digits, Kind::Hex, Kind::Uuid, Kind::Text, Kind::Digest];
        Some(Self { kind: *all.get(usize::from(kind))?, length, value })
    }
}

fn hex(text: &str) -> Option<ChargingName> {
    let fits = (1..=32).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_hexdigit());
    let value = fits.then(|| u128::from_str_radix(text, 16).ok()).flatten()?;
    Some(ChargingName { kind: Kind::Hex, length: length(text), value })
}

/// RFC 9562: 8, 4, 4, 4 and 12 hexadecimal digits.
fn uuid(text: &str) -> Option<ChargingName> {
    let text = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or(text);
    let groups: Vec<&str> = text.split('-').collect();
    if groups.iter().map(|group| group.len()).ne([8, 4, 4, 4, 12]) {
        return None;
    }
    let digits = groups.concat();
    let all = digits.bytes().all(|octet| octet.is_ascii_hexdigit());
    let value = all.then(|| u128::from_str_radix(&digits, 16).ok()).flatten()?;
    Some(ChargingName { kind: Kind::Uuid, length: 0, value })
}

fn length(text: &str) -> u8 {
    u8::try_from(text.len()).unwrap_or(u8::MAX)
}

impl fmt::Display for ChargingName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (value, width) = (self.value, usize::from(self.length));
        match self.kind {
            Kind::Number => write!(f, "{value}"),
            Kind::Digits => write!(f, "{value:0width$}"),
            Kind::Hex => write!(f, "{value:0width$x}"),
            Kind::Uuid => {
                let digits = format!("{value:032x}");
                let (a, b, c, d, e) =
                    (&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]);
                write!(f, "{a}-{b}-{c}-{d}-{e}")
            }
            Kind::Text => {
                let octets = value.to_be_bytes();
                let text = octets.get(octets.len().saturating_sub(width)..).unwrap_or_default();
                f.write_str(&String::from_utf8_lossy(text))
            }
            Kind::Digest => write!(f, "text-{:016x}", value >> 64),
        }
    }
}

impl Serialize for ChargingName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.number() {
            _ if !serializer.is_human_readable() => self.parts().serialize(serializer),
            Some(id) => id.serialize(serializer),
            None => serializer.collect_str(self),
        }
    }
}

impl schemars::JsonSchema for ChargingName {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ChargingName".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": ["integer", "string"],
            "description": "A charging ID of 32 bits, or what else a network calls a charged session."
        })
    }
}

impl<'de> Deserialize<'de> for ChargingName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            let parts = Deserialize::deserialize(deserializer)?;
            return Self::from_parts(parts).ok_or_else(|| serde::de::Error::custom("no kind of name"));
        }
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Number(u32),
            Text(String),
        }
        match Either::deserialize(deserializer)? {
            Either::Number(number) => Ok(ChargingId(number).into()),
            Either::Text(text) => Self::read(&text, false).map_err(serde::de::Error::custom),
        }
    }
}

const LONGEST: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_every_kind_are_told_apart_and_written_as_they_were() {
        for text in [
            "0",
            "4294967295",
            "4294967296",
            "007",
            "12345678901234567890123456789012345678",
            "1a2b",
            "00ff00ff00ff00ff00ff00ff00ff00ff",
            "1b4e28ba-2fa1-11d2-883f-0016d3cca427",
            "chf1;17",
            "ä",
        ] {
            let name = ChargingName::read(text, false).unwrap();
            assert_eq!(name.to_string(), text);
            assert_eq!(ChargingName::from_parts(name.parts()), Some(name));
            let json = serde_json::to_string(&name).unwrap();
            assert_eq!(serde_json::from_str::<ChargingName>(&json).unwrap(), name, "{json}");
            let octets = postcard::to_stdvec(&name).unwrap();
            assert_eq!(postcard::from_bytes::<ChargingName>(&octets).unwrap(), name);
        }
        let long = ["scscf.example.org;1795555800;17", "scscf.example.org;1795555800;18"];
        let long = long.map(|text| ChargingName::read(text, false).unwrap());
        assert_ne!(long[0], long[1]);
        for text in ["", &"x".repeat(257)] {
            assert!(ChargingName::read(text, false).is_err());
        }
    }

    #[test]
    fn hexadecimal_digits_are_the_networks_number_where_that_is_said() {
        let number = |text, hexadecimal| ChargingName::read(text, hexadecimal).unwrap().number();
        assert_eq!(number("0x0000001A", false), Some(ChargingId(26)));
        assert_eq!(number("0000001a", true), Some(ChargingId(26)));
        assert_eq!(number("10", true), Some(ChargingId(16)));
        assert_eq!(number("10", false), Some(ChargingId(10)));
        let upper = ChargingName::read("1B4E28BA-2FA1-11D2-883F-0016D3CCA427", false).unwrap();
        assert_eq!(upper, ChargingName::read("1b4e28ba-2fa1-11d2-883f-0016d3cca427", false).unwrap());
    }
}
