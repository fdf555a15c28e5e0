use std::fmt;
use std::str::FromStr;

use crate::{IdentityError, as_text};

/// A network slice: SST and, where there is one, SD of 24 bits (TS 23.003 §28.4.2). Written `1` or `1-000001`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Snssai {
    /// Slice/service type.
    pub sst: u8,
    /// Slice differentiator.
    pub sd: Option<[u8; 3]>,
}

impl FromStr for Snssai {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, IdentityError> {
        let error =
            || IdentityError::new(text, "a slice such as \"1\" (SST) or \"1-000001\" (SST-SD, SD in hex)");
        let (sst, sd) = match text.split_once('-') {
            Some((sst, sd)) => (sst, Some(sd)),
            None => (text, None),
        };
        let sd = match sd {
            None => None,
            Some(sd) => {
                let mut octets = [0; 3];
                hex::decode_to_slice(sd, &mut octets).map_err(|_| error())?;
                Some(octets)
            }
        };
        Ok(Self { sst: sst.parse().map_err(|_| error())?, sd })
    }
}

impl fmt::Display for Snssai {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.sd {
            None => write!(f, "{}", self.sst),
            Some(sd) => write!(f, "{}-{}", self.sst, hex::encode(sd)),
        }
    }
}

as_text!(
    Snssai,
    "^[0-9]{1,3}(-[0-9A-Fa-f]{6})?$",
    "A slice: SST, or SST-SD with SD as six hexadecimal digits."
);
