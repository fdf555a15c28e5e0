//! The text of a foreign file in other encodings than UTF-8, turned into UTF-8 while it is read.

use std::io::{self, Read};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the octets of a file stand for text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Encoding {
    /// UTF-8, with or without a byte order mark.
    #[default]
    #[serde(rename = "utf-8", alias = "UTF-8", alias = "utf8")]
    Utf8,
    /// What spreadsheets of western Windows write.
    #[serde(
        rename = "windows-1252",
        alias = "Windows-1252",
        alias = "cp1252",
        alias = "latin-1",
        alias = "iso-8859-1"
    )]
    Windows1252,
    /// UTF-16 with a byte order mark, or the lower octet first.
    #[serde(rename = "utf-16", alias = "UTF-16", alias = "utf-16le")]
    Utf16,
}

/// Reads a file in some encoding as UTF-8.
pub(crate) struct Decoder<R> {
    input: R,
    encoding: Encoding,
    /// Read and not turned yet.
    raw: Vec<u8>,
    /// Turned and not handed out yet, from `given` on.
    text: String,
    given: usize,
    big_endian: bool,
    begun: bool,
}

impl<R: Read> Decoder<R> {
    pub(crate) fn new(input: R, encoding: Encoding) -> Self {
        Self {
            input,
            encoding,
            raw: Vec::new(),
            text: String::new(),
            given: 0,
            big_endian: false,
            begun: false,
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        let mut octets = [0; 8 * 1024];
        let read = self.input.read(&mut octets)?;
        self.raw.extend_from_slice(octets.get(..read).unwrap_or_default());
        self.text.clear();
        self.given = 0;
        match self.encoding {
            Encoding::Utf8 => {}
            Encoding::Windows1252 => self.text.extend(self.raw.drain(..).map(windows_1252)),
            Encoding::Utf16 => self.utf_16(read == 0),
        }
        Ok(())
    }

    fn utf_16(&mut self, ended: bool) {
        if !self.begun && self.raw.len() >= 2 {
            self.begun = true;
            self.big_endian = self.raw.starts_with(&[0xfe, 0xff]);
        }
        let mut whole = self.raw.len() / 2 * 2;
        let unit = |pair: &[u8]| {
            let pair = [pair.first().copied().unwrap_or_default(), pair.get(1).copied().unwrap_or_default()];
            if self.big_endian { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) }
        };
        // The second half of a pair may still come.
        let last = self.raw.get(whole.saturating_sub(2)..whole).map_or(0, unit);
        if !ended && (0xd800..0xdc00).contains(&last) {
            whole -= 2;
        }
        let units: Vec<u16> = self.raw.get(..whole).unwrap_or_default().chunks_exact(2).map(unit).collect();
        let letters = char::decode_utf16(units).map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER));
        self.text.extend(letters);
        self.raw.drain(..whole);
        if ended {
            self.raw.clear();
        }
    }
}

impl<R: Read> Read for Decoder<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.encoding == Encoding::Utf8 {
            return self.input.read(into);
        }
        loop {
            let left = self.text.as_bytes().get(self.given..).unwrap_or_default();
            if !left.is_empty() {
                let count = left.len().min(into.len());
                if let (Some(to), Some(from)) = (into.get_mut(..count), left.get(..count)) {
                    to.copy_from_slice(from);
                }
                self.given += count;
                return Ok(count);
            }
            let before = self.raw.len();
            self.fill()?;
            if self.text.is_empty() && self.raw.len() <= before {
                return Ok(0);
            }
        }
    }
}

fn windows_1252(octet: u8) -> char {
    match octet {
        0x80..=0x9f => UPPER[usize::from(octet - 0x80)],
        _ => char::from(octet),
    }
}

/// 0x80 to 0x9f; what is not assigned stays the control character that it is in ISO 8859-1.
const UPPER: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}',
    '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one octet at a time.
    struct Dripping<'a>(&'a [u8]);

    impl Read for Dripping<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            self.0.read(&mut into[..1])
        }
    }

    #[test]
    fn text_is_the_same_however_it_is_encoded_and_arrives() {
        let text = "Gebühr €5 – größer\n😀";
        let utf_16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> =
            [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_be_bytes).collect();
        let windows = b"Geb\xfchr \x805 \x96 gr\xf6\xdfer";
        for (octets, encoding, expected) in [
            (text.as_bytes(), Encoding::Utf8, text),
            (&utf_16, Encoding::Utf16, text),
            (&big, Encoding::Utf16, "\u{feff}Gebühr €5 – größer\n😀"),
            (windows, Encoding::Windows1252, "Gebühr €5 – größer"),
        ] {
            assert_eq!(io::read_to_string(Decoder::new(octets, encoding)).unwrap(), expected);
            assert_eq!(io::read_to_string(Decoder::new(Dripping(octets), encoding)).unwrap(), expected);
        }
    }
}
