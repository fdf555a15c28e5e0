use std::fmt;
use std::str::FromStr;

use crate::{IdentityError, as_text};

/// A 128-bit subscriber key, K or OPc (TS 35.205), as 32 hexadecimal digits. `Debug` does not show it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key128(pub [u8; 16]);

impl FromStr for Key128 {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, IdentityError> {
        let mut octets = [0; 16];
        hex::decode_to_slice(text, &mut octets)
            .map_err(|_| IdentityError::new(text, "a key of 32 hexadecimal digits"))?;
        Ok(Self(octets))
    }
}

impl fmt::Display for Key128 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Key128 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key128(..)")
    }
}

as_text!(Key128, "^[0-9A-Fa-f]{32}$", "A key of 128 bits, as 32 hexadecimal digits.");
