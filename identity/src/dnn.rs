use std::fmt;
use std::str::FromStr;

use crate::{IdentityError, as_text};

/// A data network name: labels of letters, digits and dashes with dots between them (TS 23.003 §9A, §9.1). Compared
/// without regard to case, so it is kept in lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dnn(Box<str>);

impl Dnn {
    /// In lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The value of the DNN IE: each label after its length (TS 24.501 §9.11.2.1B, TS 23.003 §9.1).
    pub fn octets(&self) -> Vec<u8> {
        let mut octets = Vec::with_capacity(self.0.len() + 1);
        for label in self.0.split('.') {
            octets.extend(u8::try_from(label.len()));
            octets.extend_from_slice(label.as_bytes());
        }
        octets
    }

    /// From the value of a DNN IE; `None` when it is not one.
    pub fn from_octets(mut octets: &[u8]) -> Option<Self> {
        let mut text = String::with_capacity(octets.len());
        while let Some((&length, rest)) = octets.split_first() {
            let (label, rest) = rest.split_at_checked(usize::from(length))?;
            if !text.is_empty() {
                text.push('.');
            }
            text.push_str(std::str::from_utf8(label).ok()?);
            octets = rest;
        }
        text.parse().ok()
    }
}

impl FromStr for Dnn {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, IdentityError> {
        let label = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && label.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        if text.len() < 100 && text.split('.').all(label) {
            return Ok(Self(text.to_ascii_lowercase().into()));
        }
        Err(IdentityError::new(text, "a data network name such as \"internet\" or \"ims.example\""))
    }
}

impl fmt::Display for Dnn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

as_text!(
    Dnn,
    "^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$",
    "A data network name, such as internet."
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_travel_after_their_lengths() {
        let dnn: Dnn = "IMS.example".parse().unwrap();
        assert_eq!(dnn.octets(), b"\x03ims\x07example");
        assert_eq!(Dnn::from_octets(&dnn.octets()), Some(dnn));
        assert_eq!(Dnn::from_octets(b"\x09ims"), None);
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in ["", ".", "a..b", "-a", "a b", "ä"] {
            assert!(text.parse::<Dnn>().is_err(), "{text}");
        }
    }
}
