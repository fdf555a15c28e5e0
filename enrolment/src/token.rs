//! Join tokens: what an agent shows that has nothing else.
//!
//! ```text
//! roamstorm-join.v1.ID.SECRET.AUTHORITY.CHECK
//! ```
//! `ID` names it in lists and journals and is no secret. `SECRET` has 256 random bits; the authority keeps a keyed hash of it.
//! `AUTHORITY` is the SHA-256 of the authority's public key, by which the agent knows whom it may tell the secret. `CHECK` finds
//! what was cut or mistyped before anybody is asked.

use std::fmt;
use std::str::FromStr;

use ring::digest::{SHA256, digest};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};

use crate::base64url::{decode, encode};

/// A join token. Secret: it is shown only by [`JoinToken::reveal`].
#[derive(Clone, PartialEq, Eq)]
pub struct JoinToken {
    id: String,
    secret: String,
    authority: [u8; 32],
}

impl JoinToken {
    /// A new one of the authority with this pin. Nothing where the system has no random numbers.
    pub fn generate(authority: [u8; 32]) -> Option<Self> {
        let random = SystemRandom::new();
        let (mut id, mut secret) = ([0; ID_OCTETS], [0; SECRET_OCTETS]);
        random.fill(&mut id).ok()?;
        random.fill(&mut secret).ok()?;
        Some(Self { id: hex::encode(id), secret: encode(&secret), authority })
    }

    /// Its name.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The pin of the authority that it is of.
    pub fn authority(&self) -> [u8; 32] {
        self.authority
    }

    /// What its authority hears.
    pub(crate) fn secret(&self) -> &str {
        &self.secret
    }

    /// What its authority keeps.
    pub fn proof(&self) -> Vec<u8> {
        hmac::sign(&key(&self.id), self.secret.as_bytes()).as_ref().to_vec()
    }

    /// The whole of it, for who is to have it.
    pub fn reveal(&self) -> String {
        let body = self.body();
        format!("{body}.{}", check(&body))
    }

    fn body(&self) -> String {
        format!("{KIND}.{VERSION}.{}.{}.{}", self.id, self.secret, encode(&self.authority))
    }
}

/// Whether this is the secret of which the proof is kept. Takes as long whether or not.
pub(crate) fn fits(id: &str, secret: &str, proof: &[u8]) -> bool {
    hmac::verify(&key(id), secret.as_bytes(), proof).is_ok()
}

fn key(id: &str) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, format!("{KIND}.{VERSION}.{id}").as_bytes())
}

fn check(body: &str) -> String {
    hex::encode(digest(&SHA256, body.as_bytes()).as_ref().get(..CHECK_OCTETS).unwrap_or_default())
}

impl fmt::Debug for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinToken").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Why a text is no join token. It is not shown: it may be half a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// There is nothing.
    #[error("the token is empty; `roamstorm certs DIR token create` prints one")]
    Empty,
    /// Something else.
    #[error(
        "this is no join token, which begins with `roamstorm-join.v1.`; `roamstorm certs DIR token create` prints one"
    )]
    NotAToken,
    /// Of a version that is not known here.
    #[error(
        "this join token is of a version that this program does not know (v1 is known); install the release that made it"
    )]
    OtherVersion,
    /// A part is missing, or a letter is another.
    #[error(
        "this join token was cut or mistyped: it does not fit its own check; copy the whole line that `token create` printed"
    )]
    Damaged,
}

impl FromStr for JoinToken {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        if text.len() > LONGEST {
            return Err(TokenError::NotAToken);
        }
        // A terminal may have broken the line.
        let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let mut parts = text.split('.');
        match (text.is_empty(), parts.next(), parts.next()) {
            (true, ..) => return Err(TokenError::Empty),
            (_, Some(KIND), Some(VERSION)) => {}
            (_, Some(KIND), Some(version)) if version.starts_with('v') => {
                return Err(TokenError::OtherVersion);
            }
            (_, Some(KIND), None) => return Err(TokenError::Damaged),
            _ => return Err(TokenError::NotAToken),
        }
        let (body, sum) = text.rsplit_once('.').ok_or(TokenError::Damaged)?;
        if !check(body).eq_ignore_ascii_case(sum) {
            return Err(TokenError::Damaged);
        }
        let [id, secret, authority, _] = parts.collect::<Vec<_>>()[..] else {
            return Err(TokenError::Damaged);
        };
        let lengths = hex::decode(id).is_ok_and(|id| id.len() == ID_OCTETS)
            && decode(secret).map(|secret| secret.len()) == Some(SECRET_OCTETS);
        let authority = decode(authority).and_then(|hash| hash.try_into().ok());
        match (lengths, authority) {
            (true, Some(authority)) => Ok(Self { id: id.to_owned(), secret: secret.to_owned(), authority }),
            _ => Err(TokenError::Damaged),
        }
    }
}

/// Reads the pin of an authority: 64 hexadecimal digits, with `sha256:` before them or without.
///
/// # Errors
/// It is none; the text says what would be.
pub fn pin_of(text: &str) -> Result<[u8; 32], String> {
    let text = text.trim();
    let digits = text.strip_prefix("sha256:").unwrap_or(text);
    hex::decode(digits).ok().and_then(|hash| hash.try_into().ok()).ok_or_else(|| {
        "sha256: and 64 hexadecimal digits are accepted, as `roamstorm certs DIR token list` prints them"
            .to_owned()
    })
}

/// A pin, as [`pin_of`] reads it.
pub fn pin_text(pin: [u8; 32]) -> String {
    format!("sha256:{}", hex::encode(pin))
}

const KIND: &str = "roamstorm-join";
const VERSION: &str = "v1";
const ID_OCTETS: usize = 5;
const SECRET_OCTETS: usize = 32;
const CHECK_OCTETS: usize = 4;
/// Octets; a token has 126.
const LONGEST: usize = 1_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn token_is_read_as_it_was_printed_and_its_secret_is_kept_hashed() {
        let token = JoinToken::generate([7; 32]).unwrap();
        let text = token.reveal();
        assert_eq!(text.parse::<JoinToken>().unwrap(), token);
        let (half, rest) = text.split_at(60);
        assert_eq!(format!(" {half}\n{rest}\n").parse::<JoinToken>().unwrap(), token);
        assert!(fits(token.id(), token.secret(), &token.proof()));
        let other = JoinToken::generate([7; 32]).unwrap();
        assert!(!fits(token.id(), other.secret(), &token.proof()));
        assert!(!fits(other.id(), token.secret(), &token.proof()), "the secret is of one token only");
        assert!(!format!("{token:?}").contains(token.secret()));
        assert!(!String::from_utf8_lossy(&token.proof()).contains(token.secret()));
    }

    #[test]
    fn mistakes_are_told_apart() {
        let text = JoinToken::generate([7; 32]).unwrap().reveal();
        let cut = text.get(..text.len() - 3).unwrap();
        for (wrong, error) in [
            ("", TokenError::Empty),
            (" \n", TokenError::Empty),
            ("hunter2", TokenError::NotAToken),
            ("-----BEGIN CERTIFICATE-----", TokenError::NotAToken),
            ("roamstorm-join", TokenError::Damaged),
            ("roamstorm-join.v1", TokenError::Damaged),
            ("roamstorm-join.v1.a.b.c.d", TokenError::Damaged),
            ("roamstorm-join.v2.whatever", TokenError::OtherVersion),
            (cut, TokenError::Damaged),
        ] {
            assert_eq!(wrong.parse::<JoinToken>().unwrap_err(), error, "{wrong:?}");
        }
        assert_eq!("x".repeat(2_000).parse::<JoinToken>().unwrap_err(), TokenError::NotAToken);
    }

    #[test]
    fn pins_are_hexadecimal() {
        let text = format!("sha256:{}", hex::encode([0xab; 32]));
        assert_eq!(pin_of(&text), Ok([0xab; 32]));
        assert_eq!(pin_of(text.trim_start_matches("sha256:")), Ok([0xab; 32]));
        assert!(pin_of("sha256:12").unwrap_err().contains("64 hexadecimal digits"));
        assert!(pin_of("é").is_err());
    }

    proptest! {
        /// No letter of a token can be another without being noticed.
        #[test]
        fn changed_token_is_noticed(place in 0usize..126, letter in "[a-zA-Z0-9._-]") {
            let text = JoinToken::generate([3; 32]).unwrap().reveal();
            let mut changed = text.clone();
            let place = place % text.len();
            changed.replace_range(place..=place, &letter);
            let is_same = changed.eq_ignore_ascii_case(&text) && changed.get(..118) == text.get(..118);
            prop_assert!(is_same || changed.parse::<JoinToken>().is_err());
        }

        #[test]
        fn any_text_is_survived(text in ".{0,200}") {
            let _ = text.parse::<JoinToken>();
            let _ = pin_of(&text);
        }
    }
}
