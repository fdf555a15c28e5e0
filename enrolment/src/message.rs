//! What is asked and answered: one JSON text each way, on one stream of a connection of its own. Fields may be added; what is not
//! known is passed over.

use serde::{Deserialize, Serialize};

use crate::base64url::{decode, encode};
use crate::{Refusal, names};

/// A request for a certificate.
#[derive(Clone, Serialize, Deserialize, PartialEq, Eq)]
pub struct Request {
    /// The program that asks, and its version.
    pub program: String,
    /// What its clock says, seconds since 1970.
    pub now_s: u64,
    /// The name that it wishes for.
    pub name: String,
    /// The pool that it asks for; empty for whichever it is given.
    #[serde(default)]
    pub pool: String,
    /// PKCS #10, DER, base64 (URL).
    csr: String,
    /// Why it should get one.
    pub proof: ShownProof,
}

/// What somebody shows.
#[derive(Clone, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum ShownProof {
    /// A join token.
    Token {
        /// Its name.
        id: String,
        /// Its secret.
        secret: String,
    },
    /// The identity document of an EC2 instance.
    Ec2 {
        /// The text itself.
        document: String,
        /// Its signature, base64.
        signature: String,
    },
    /// The certificate of the connection.
    Certificate,
}

impl Request {
    /// A request with this certificate request, DER.
    pub fn new(program: &str, now_s: u64, (name, pool): (&str, &str), csr: &[u8], proof: ShownProof) -> Self {
        let (program, name, pool) = (program.to_owned(), name.to_owned(), pool.to_owned());
        Self { program, now_s, name, pool, csr: encode(csr), proof }
    }

    /// As it is sent.
    pub fn encode(&self) -> Vec<u8> {
        // It has texts and numbers only.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// What was received.
    ///
    /// # Errors
    /// [`Refusal::Malformed`], with what is wrong and nothing of the text itself.
    pub fn decode(octets: &[u8]) -> Result<Self, Refusal> {
        let malformed = |why: &str| Refusal::Malformed(why.to_owned());
        if octets.len() > MOST_REQUEST {
            return Err(malformed("it is too long"));
        }
        let request: Self = serde_json::from_slice(octets).map_err(|error| {
            let place = format!("no request at line {}, column {}", error.line(), error.column());
            Refusal::Malformed(place)
        })?;
        if !names::is_name(&request.name) {
            return Err(malformed(
                "its name is none: letters, digits, `-`, `_` and `.`, 63 at most, are accepted",
            ));
        }
        if !request.pool.is_empty() && !identity::membership::is_name(&request.pool) {
            return Err(malformed("its pool is none"));
        }
        let program = edges::text::line(&request.program, SHOWN).into_owned();
        Ok(Self { program, ..request })
    }

    /// The certificate request, DER.
    pub fn csr(&self) -> Option<Vec<u8>> {
        decode(&self.csr)
    }
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request").field("name", &self.name).field("pool", &self.pool).finish_non_exhaustive()
    }
}

/// What comes of a request.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Answer {
    /// What the authority's clock says, seconds since 1970.
    pub now_s: u64,
    /// The certificate, or why there is none.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// The certificate, or why there is none.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The certificate.
    Issued {
        /// PEM.
        certificate: String,
        /// The authority's, PEM.
        authority: String,
    },
    /// There is none.
    Refused {
        /// For programs.
        code: String,
        /// For people.
        reason: String,
        /// The same request may succeed later.
        again: bool,
    },
}

impl Answer {
    /// A refusal.
    pub(crate) fn refused(now_s: u64, why: &Refusal) -> Self {
        let (code, reason) = (why.code().to_owned(), why.to_string());
        Self { now_s, outcome: Outcome::Refused { code, reason, again: why.may_ask_again() } }
    }

    /// As it is sent.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// What was received; nothing where it is none. Its texts can be shown.
    pub fn decode(octets: &[u8]) -> Option<Self> {
        let mut answer: Self = serde_json::from_slice(octets).ok()?;
        if let Outcome::Refused { code, reason, .. } = &mut answer.outcome {
            edges::text::make_line(code, SHOWN);
            edges::text::make_line(reason, SHOWN_REASON);
        }
        Some(answer)
    }
}

/// Octets of a request.
pub const MOST_REQUEST: usize = 16 << 10;
/// Octets of an answer.
pub(crate) const MOST_ANSWER: usize = 64 << 10;
/// Characters.
const SHOWN: usize = 100;
/// Characters.
const SHOWN_REASON: usize = 600;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn request() -> Request {
        let proof = ShownProof::Token { id: "0011223344".to_owned(), secret: "s3cret".to_owned() };
        Request::new("roamstorm 1", 7, ("web", "spot"), b"csr", proof)
    }

    #[test]
    fn form_of_a_request_is_pinned() {
        let text = r#"{"program":"roamstorm 1","now_s":7,"name":"web","pool":"spot","csr":"Y3Ny","proof":{"token":{"id":"0011223344","secret":"s3cret"}}}"#;
        assert_eq!(String::from_utf8(request().encode()).unwrap(), text);
        assert_eq!(Request::decode(text.as_bytes()).unwrap(), request());
        let newer = text.replace("\"now_s\"", "\"what-comes-later\":[1],\"now_s\"");
        assert_eq!(Request::decode(newer.as_bytes()).unwrap(), request());
        assert_eq!(request().csr().unwrap(), b"csr");
        assert!(!format!("{:?}", request()).contains("s3cret"));
    }

    #[test]
    fn what_is_wrong_is_said_without_the_secret() {
        let text = String::from_utf8(request().encode()).unwrap();
        for wrong in [
            text.replace("\"web\"", "\"../web\""),
            text.replace("\"spot\"", "\"a b\""),
            text.replace('}', ""),
            "x".repeat(MOST_REQUEST + 1),
        ] {
            let error = Request::decode(wrong.as_bytes()).unwrap_err().to_string();
            assert!(!error.contains("s3cret") && error.contains("not understood"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_octets_are_survived(octets in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Request::decode(&octets);
            let _ = Answer::decode(&octets);
        }
    }
}
