//! What the RAN nodes of a run connect to: one core, or several that share the load.

use std::fmt;
use std::str::FromStr;

use crate::{Address, AddressError, Transport};

/// One target or more, in order; each once, all of one transport. Written as their URLs with a space between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Targets(Vec<Address>);

/// Why targets cannot be used together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetsError {
    /// There is none.
    #[error("no target is given, expected at least one such as sctp://HOST:38412")]
    None,
    /// There are too many.
    #[error("{0} targets are given: at most {MOST_TARGETS} are accepted")]
    TooMany(usize),
    /// One cannot be read.
    #[error("target {number}, {text}: {source}")]
    Unreadable {
        /// Which, from 1.
        number: usize,
        /// As it was written.
        text: String,
        /// What is wrong with it.
        #[source]
        source: AddressError,
    },
    /// Two are the same.
    #[error("target {second}, {address}, is target {first} again: each AMF is given once")]
    Twice {
        /// The number of the first, from 1.
        first: usize,
        /// The number of the second.
        second: usize,
        /// The address.
        address: Address,
    },
    /// They are of several transports.
    #[error(
        "target {number}, {address}, is of another transport than {first}: one endpoint serves all of them"
    )]
    Transports {
        /// Which, from 1.
        number: usize,
        /// Its address.
        address: Address,
        /// The first target.
        first: Address,
    },
}

impl Targets {
    /// These targets together.
    ///
    /// # Errors
    /// [`TargetsError`]: none, too many, one twice, or of several transports.
    pub fn new(addresses: Vec<Address>) -> Result<Self, TargetsError> {
        let first = addresses.first().ok_or(TargetsError::None)?;
        if addresses.len() > MOST_TARGETS {
            return Err(TargetsError::TooMany(addresses.len()));
        }
        for (place, address) in addresses.iter().enumerate() {
            if let Some(earlier) = addresses.iter().take(place).position(|earlier| earlier == address) {
                let address = address.clone();
                return Err(TargetsError::Twice { first: earlier + 1, second: place + 1, address });
            }
            if address.transport() != first.transport() {
                let (address, first) = (address.clone(), first.clone());
                return Err(TargetsError::Transports { number: place + 1, address, first });
            }
        }
        Ok(Self(addresses))
    }

    /// What carries all of them.
    pub fn transport(&self) -> Transport {
        self.0.first().map_or(Transport::Kernel, Address::transport)
    }

    /// Each of them.
    pub fn addresses(&self) -> &[Address] {
        &self.0
    }
}

impl FromStr for Targets {
    type Err = TargetsError;

    fn from_str(text: &str) -> Result<Self, TargetsError> {
        let read = |(place, text): (usize, &str)| {
            let unreadable =
                |source| TargetsError::Unreadable { number: place + 1, text: text.to_owned(), source };
            text.parse().map_err(unreadable)
        };
        let addresses: Result<Vec<Address>, TargetsError> =
            text.split_ascii_whitespace().enumerate().map(read).collect();
        Self::new(addresses?)
    }
}

impl fmt::Display for Targets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, address) in self.0.iter().enumerate() {
            let space = if place == 0 { "" } else { " " };
            write!(f, "{space}{address}")?;
        }
        Ok(())
    }
}

/// AMFs of one run: each gNB has an association with each.
pub const MOST_TARGETS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_written_as_they_are_read() {
        for text in ["sctp://10.0.0.1:38412", "sctp+udp://a:9899 sctp+udp://b:9899"] {
            assert_eq!(text.parse::<Targets>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_cannot_be_used_together_is_named() {
        let error = |text: &str| text.parse::<Targets>().unwrap_err().to_string();
        assert!(error("").starts_with("no target is given"));
        // The port that a URL leaves out is that of NGAP.
        assert_eq!(
            error("sctp://a sctp://b sctp://a:38412"),
            "target 3, sctp://a:38412, is target 1 again: each AMF is given once"
        );
        assert!(
            error("sctp://a sctp+udp://b")
                .starts_with("target 2, sctp+udp://b:9899, is of another transport")
        );
        assert!(error("sctp://a http://b").starts_with("target 2, http://b: "));
        let many: Vec<String> = (0..17).map(|n| format!("sctp://h{n}")).collect();
        assert!(error(&many.join(" ")).starts_with("17 targets are given"));
    }
}
