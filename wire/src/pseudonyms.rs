//! Names that stand for subscribers where an IMSI has no business: in logs and spans.
//!
//! A subscriber has the same name wherever a run speaks of it, and another in the next run. Who has the run's key, or its folder,
//! can tell which is whose; nobody else can, for all IMSIs of a network are soon tried.

use std::sync::{PoisonError, RwLock};

use identity::Imsi;
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};

/// The names of one run.
pub struct Pseudonyms(hmac::Key);

impl Pseudonyms {
    /// Those of the run with this key.
    pub fn of_run(key: &[u8; 32]) -> Self {
        let key = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), b"roamstorm pseudonyms");
        Self(hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()))
    }

    /// The name of a subscriber, such as `ue-5d0c77a1b3f2`.
    pub fn of(&self, imsi: &Imsi) -> String {
        self.of_digits(&imsi.to_string())
    }

    fn of_digits(&self, digits: &str) -> String {
        let tag = hmac::sign(&self.0, digits.as_bytes());
        format!("ue-{}", hex::encode(&tag.as_ref()[..6]))
    }
}

/// From now on this process names subscribers in its logs as this run does.
pub fn name_as_run(key: &[u8; 32]) {
    *OF_PROCESS.write().unwrap_or_else(PoisonError::into_inner) = Some(Pseudonyms::of_run(key));
}

/// The name of a subscriber in the run that this process knows.
pub fn name(imsi: &Imsi) -> String {
    name_of(&imsi.to_string())
}

/// The text, with a name in the place of each IMSI: fifteen digits on their own, or whatever digits follow `imsi-`.
pub fn masked(text: &str) -> Option<String> {
    let mut masked = String::new();
    let mut done = 0;
    let octets = text.as_bytes();
    let mut at = 0;
    while at < octets.len() {
        if !octets[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let end = at + octets[at..].iter().take_while(|octet| octet.is_ascii_digit()).count();
        let before = &text[done..at];
        let named = before.ends_with("imsi-");
        let is_part =
            |octet: Option<&u8>| octet.is_some_and(|octet| octet.is_ascii_alphanumeric() || *octet == b'.');
        let apart =
            !is_part(at.checked_sub(1).and_then(|at| octets.get(at))) && !is_part_of_more(&octets[end..]);
        if named || (end - at == IMSI_DIGITS && apart) {
            masked.push_str(before.strip_suffix("imsi-").unwrap_or(before));
            masked.push_str(&name_of(&text[at..end]));
            done = end;
        }
        at = end;
    }
    (done > 0).then(|| masked + &text[done..])
}

/// Whether the number goes on: a letter, or a fraction. A full stop at the end of a sentence is none.
fn is_part_of_more(rest: &[u8]) -> bool {
    match rest {
        [b'.', next, ..] => next.is_ascii_digit(),
        [next, ..] => next.is_ascii_alphanumeric(),
        [] => false,
    }
}

fn name_of(digits: &str) -> String {
    if let Some(names) = &*OF_PROCESS.read().unwrap_or_else(PoisonError::into_inner) {
        return names.of_digits(digits);
    }
    // No run is known yet: names of this process alone.
    let mut key = [0; 32];
    if SystemRandom::new().fill(&mut key).is_err() {
        return "ue-unnamed".to_owned();
    }
    let mut names = OF_PROCESS.write().unwrap_or_else(PoisonError::into_inner);
    names.get_or_insert_with(|| Pseudonyms::of_run(&key)).of_digits(digits)
}

/// Of the run that this process knows, the last one where it knows several.
static OF_PROCESS: RwLock<Option<Pseudonyms>> = RwLock::new(None);

const IMSI_DIGITS: usize = 15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_subscriber_has_one_name_in_a_run_and_another_in_the_next() {
        let imsi: Imsi = "001010000000001".parse().unwrap();
        let (one, other) = (Pseudonyms::of_run(&[1; 32]), Pseudonyms::of_run(&[2; 32]));
        assert_eq!(one.of(&imsi), one.of(&imsi));
        assert_ne!(one.of(&imsi), other.of(&imsi));
        assert_ne!(one.of(&imsi), one.of(&"001010000000002".parse().unwrap()));
        assert_eq!(one.of(&imsi).len(), "ue-000000000000".len());
    }

    #[test]
    fn imsis_are_named_and_other_numbers_stay() {
        for text in [
            "SUPI 001010000000001 unknown",
            "supi=001010000000001.",
            "imsi-001010000000001",
            "{\"ue\":\"imsi-00101000000001\"}",
            "001010000000001",
            "(001010000000001,001010000000002)",
        ] {
            let masked = masked(text).unwrap_or_default();
            assert!(masked.contains("ue-") && !masked.contains("00101"), "{text}: {masked}");
        }
        for text in [
            "",
            "no number at all",
            "at 1764537600123456 µs",
            "0.123456789012345 of them",
            "id 4bf92f3577b34da6a3ce929d0e0e4736",
            "a001010000000001",
            "123456789012345.5",
            "00101",
            "é 1",
        ] {
            assert_eq!(masked(text), None, "{text}");
        }
    }

    #[test]
    fn what_stands_around_an_imsi_stays() {
        let masked = masked("früher: imsi-001010000000001, später: 3").unwrap();
        assert!(masked.starts_with("früher: ue-") && masked.ends_with(", später: 3"), "{masked}");
    }
}
