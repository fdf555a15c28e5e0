//! Who gets a certificate: of what is known and what is asked, as values. Times are seconds since 1970.
//!
//! A use belongs to the key that asked: who asks again with the same key, because the answer was lost, gets the same
//! certificate and uses nothing up; who asks with another one is somebody else.

use crate::Refusal;
use crate::names;

/// A token, as the store has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The pool that it is bound to; empty for none.
    pub pool: String,
    /// The name that it gives; empty for whichever the agent wishes for.
    pub name: String,
    /// For how many agents it is good.
    pub uses: u32,
    /// How many have used it.
    pub used: u32,
    /// Until when.
    pub expires_s: u64,
    /// It was revoked.
    pub is_revoked: bool,
}

/// What was issued before to the same key, by the same token, instance or certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prior {
    /// Its name.
    pub name: String,
    /// Until when it is valid.
    pub until_s: u64,
}

/// What an agent asks for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The name that it wishes for.
    pub name: &'a str,
    /// The pool that it asks for; empty for whichever it is given.
    pub pool: &'a str,
    /// When it asks.
    pub now_s: u64,
}

/// Who has a name.
pub trait Names {
    /// Somebody has it, or had it and was revoked.
    fn is_taken(&mut self, name: &str) -> bool;
    /// Who had it was revoked.
    fn is_revoked(&mut self, name: &str) -> bool;
}

/// What follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The certificate that was issued before, once more.
    Again,
    /// A new one.
    Issue {
        /// Of this name.
        name: String,
        /// For this pool; empty for none in particular.
        pool: String,
        /// It takes one of the uses of its token.
        counts: bool,
    },
}

/// By a token, of which the secret was shown.
///
/// # Errors
/// Why not.
pub fn by_token(
    token: &Token,
    prior: Option<&Prior>,
    asked: Asked<'_>,
    names: &mut impl Names,
) -> Result<Decision, Refusal> {
    if token.is_revoked {
        return Err(Refusal::TokenRevoked);
    }
    if !token.pool.is_empty() && !asked.pool.is_empty() && token.pool != asked.pool {
        return Err(Refusal::OtherPool { pool: token.pool.clone(), asked: asked.pool.to_owned() });
    }
    if let Some(prior) = prior {
        if names.is_revoked(&prior.name) {
            return Err(Refusal::Revoked { name: prior.name.clone() });
        }
        // It exists, whatever has become of the token since.
        if prior.until_s > asked.now_s {
            return Ok(Decision::Again);
        }
    }
    if token.expires_s <= asked.now_s {
        return Err(Refusal::TokenExpired { ago_s: asked.now_s - token.expires_s });
    }
    if prior.is_none() && token.used >= token.uses {
        return Err(Refusal::TokenUsed { uses: token.uses });
    }
    // One whose certificate has ended keeps its name, where nobody else has it by now.
    let wish = match (token.name.as_str(), prior) {
        ("", Some(prior)) => &prior.name,
        ("", None) => asked.name,
        (given, _) => given,
    };
    let name = if token.name.is_empty() {
        names::free(wish, &mut |name| names.is_taken(name))
    } else {
        (!names.is_taken(wish)).then(|| wish.to_owned())
    };
    let name = name.ok_or_else(|| Refusal::NameTaken { name: wish.to_owned() })?;
    let pool = if token.pool.is_empty() { String::new() } else { token.pool.clone() };
    Ok(Decision::Issue { name, pool, counts: prior.is_none() })
}

/// A certificate that is shown to be renewed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Its name.
    pub name: String,
    /// Its pool; empty for none in particular.
    pub pool: String,
    /// When it was issued.
    pub issued_s: u64,
    /// Until when it is valid.
    pub until_s: u64,
    /// What it was renewed by with another key than the one that asks.
    pub was_renewed_elsewhere: bool,
}

/// By the certificate that it has; `prior`: what it was renewed by before with the key that asks.
///
/// # Errors
/// Why not.
pub fn by_certificate(
    shown: Option<&Shown>,
    prior: Option<&Prior>,
    asked: Asked<'_>,
    names: &mut impl Names,
) -> Result<Decision, Refusal> {
    let shown = shown.ok_or(Refusal::NotRenewable)?;
    if names.is_revoked(&shown.name) {
        return Err(Refusal::Revoked { name: shown.name.clone() });
    }
    if shown.was_renewed_elsewhere {
        return Err(Refusal::RenewedElsewhere { name: shown.name.clone() });
    }
    if prior.is_some_and(|prior| prior.until_s > asked.now_s) {
        return Ok(Decision::Again);
    }
    let early = shown.until_s.saturating_sub(shown.issued_s) / EARLIEST;
    let from = shown.issued_s.saturating_add(early);
    if asked.now_s < from {
        return Err(Refusal::TooEarly { wait_s: from - asked.now_s });
    }
    Ok(Decision::Issue { name: shown.name.clone(), pool: shown.pool.clone(), counts: false })
}

/// By the document of an EC2 instance, which was verified. `used`: it was used, with whichever key.
///
/// # Errors
/// Why not.
pub fn by_instance(
    instance: &str,
    pool: &str,
    used: bool,
    prior: Option<&Prior>,
    asked: Asked<'_>,
    names: &mut impl Names,
) -> Result<Decision, Refusal> {
    if names.is_revoked(instance) {
        return Err(Refusal::Revoked { name: instance.to_owned() });
    }
    if !pool.is_empty() && !asked.pool.is_empty() && pool != asked.pool {
        let why = format!("instances are of pool {pool}, and the agent asks for pool {}", asked.pool);
        return Err(Refusal::Ec2(why));
    }
    match prior {
        Some(prior) if prior.until_s > asked.now_s => Ok(Decision::Again),
        _ if used => Err(Refusal::Ec2(format!(
            "instance {instance} has enrolled already, and a document is good for once; see `roamstorm certs DIR log`: if it was not you, revoke {instance}"
        ))),
        _ => Ok(Decision::Issue { name: instance.to_owned(), pool: pool.to_owned(), counts: true }),
    }
}

/// A certificate may be renewed from this part of its life on: a tenth.
const EARLIEST: u64 = 10;

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    #[derive(Default)]
    struct Known {
        taken: BTreeSet<String>,
        revoked: BTreeSet<String>,
    }

    impl Names for Known {
        fn is_taken(&mut self, name: &str) -> bool {
            self.taken.contains(name) || self.revoked.contains(name)
        }

        fn is_revoked(&mut self, name: &str) -> bool {
            self.revoked.contains(name)
        }
    }

    fn token(uses: u32) -> Token {
        Token {
            pool: "spot".to_owned(),
            name: String::new(),
            uses,
            used: 0,
            expires_s: 1_000,
            is_revoked: false,
        }
    }

    fn asked(now_s: u64) -> Asked<'static> {
        Asked { name: "web", pool: "", now_s }
    }

    fn issue(name: &str, counts: bool) -> Decision {
        Decision::Issue { name: name.to_owned(), pool: "spot".to_owned(), counts }
    }

    #[test]
    fn a_token_is_good_until_it_expires_is_used_up_or_revoked() {
        let mut names = Known::default();
        let token = token(1);
        assert_eq!(by_token(&token, None, asked(999), &mut names), Ok(issue("web", true)));
        assert_eq!(by_token(&token, None, asked(1_000), &mut names), Err(Refusal::TokenExpired { ago_s: 0 }));
        let used = Token { used: 1, ..token.clone() };
        assert_eq!(by_token(&used, None, asked(1), &mut names), Err(Refusal::TokenUsed { uses: 1 }));
        let revoked = Token { is_revoked: true, ..token.clone() };
        assert_eq!(by_token(&revoked, None, asked(1), &mut names), Err(Refusal::TokenRevoked));
        let lab = Asked { pool: "lab", ..asked(1) };
        assert!(matches!(by_token(&token, None, lab, &mut names), Err(Refusal::OtherPool { .. })));
        let spot = Asked { pool: "spot", ..asked(1) };
        assert_eq!(by_token(&token, None, spot, &mut names), Ok(issue("web", true)));
    }

    #[test]
    fn the_key_that_used_a_token_gets_its_certificate_again_and_uses_nothing_up() {
        let mut names = Known::default();
        let used = Token { used: 1, ..token(1) };
        let prior = Prior { name: "web".to_owned(), until_s: 2_000 };
        assert_eq!(by_token(&used, Some(&prior), asked(1), &mut names), Ok(Decision::Again));
        assert_eq!(by_token(&used, Some(&prior), asked(1_500), &mut names), Ok(Decision::Again), "it exists");
        let ended = Prior { until_s: 500, ..prior.clone() };
        assert_eq!(by_token(&used, Some(&ended), asked(600), &mut names), Ok(issue("web", false)));
        names.revoked.insert("web".to_owned());
        assert!(matches!(by_token(&used, Some(&prior), asked(1), &mut names), Err(Refusal::Revoked { .. })));
    }

    #[test]
    fn names_are_given_once_and_a_token_may_give_its_own() {
        let mut names = Known::default();
        names.taken.insert("web".to_owned());
        names.revoked.insert("web-2".to_owned());
        assert_eq!(by_token(&token(1), None, asked(1), &mut names), Ok(issue("web-3", true)));
        let named = Token { name: "web".to_owned(), ..token(1) };
        assert!(matches!(by_token(&named, None, asked(1), &mut names), Err(Refusal::NameTaken { .. })));
        let named = Token { name: "rack-7".to_owned(), ..token(1) };
        assert_eq!(by_token(&named, None, asked(1), &mut names), Ok(issue("rack-7", true)));
    }

    #[test]
    fn certificates_are_renewed_once_each_by_who_has_them() {
        let mut names = Known::default();
        let shown = Shown {
            name: "web".to_owned(),
            pool: "spot".to_owned(),
            issued_s: 0,
            until_s: 1_000,
            was_renewed_elsewhere: false,
        };
        let by = |shown: Option<&Shown>, prior: Option<&Prior>, now, names: &mut Known| {
            by_certificate(shown, prior, asked(now), names)
        };
        assert_eq!(by(Some(&shown), None, 600, &mut names), Ok(issue("web", false)));
        assert_eq!(by(Some(&shown), None, 40, &mut names), Err(Refusal::TooEarly { wait_s: 60 }));
        assert_eq!(by(None, None, 600, &mut names), Err(Refusal::NotRenewable));
        let prior = Prior { name: "web".to_owned(), until_s: 1_600 };
        assert_eq!(by(Some(&shown), Some(&prior), 610, &mut names), Ok(Decision::Again));
        let copied = Shown { was_renewed_elsewhere: true, ..shown.clone() };
        assert!(matches!(by(Some(&copied), None, 600, &mut names), Err(Refusal::RenewedElsewhere { .. })));
        names.revoked.insert("web".to_owned());
        assert!(matches!(by(Some(&shown), Some(&prior), 610, &mut names), Err(Refusal::Revoked { .. })));
    }

    #[test]
    fn an_instance_enrols_once() {
        let mut names = Known::default();
        let prior = Prior { name: "i-1".to_owned(), until_s: 2_000 };
        let by = |used, prior, names: &mut Known| by_instance("i-1", "spot", used, prior, asked(1), names);
        assert_eq!(by(false, None, &mut names), Ok(issue("i-1", true)));
        assert_eq!(by(true, Some(&prior), &mut names), Ok(Decision::Again), "the answer was lost");
        assert!(by(true, None, &mut names).unwrap_err().to_string().contains("has enrolled already"));
        names.revoked.insert("i-1".to_owned());
        assert!(by(true, Some(&prior), &mut names).is_err());
    }

    proptest! {
        /// Whoever asks in whichever order: a token of N uses lets in N keys at most, each under a name of its own.
        #[test]
        fn a_token_lets_in_as_many_keys_as_it_has_uses(
            uses in 1u32..5,
            asks in proptest::collection::vec((0u8..10, 0u64..1_200, 100u64..400), 0..60),
        ) {
            let mut row = token(uses);
            let mut names = Known::default();
            let mut issued: BTreeMap<u8, Prior> = BTreeMap::new();
            let mut now = 0;
            for (key, step, life) in asks {
                now += step / 10;
                match by_token(&row, issued.get(&key), asked(now), &mut names) {
                    Ok(Decision::Issue { name, counts, .. }) => {
                        prop_assert_eq!(counts, !issued.contains_key(&key));
                        prop_assert!(now < 1_000);
                        prop_assert!(names.taken.insert(name.clone()), "{} twice", name);
                        row.used += u32::from(counts);
                        issued.insert(key, Prior { name, until_s: now + life });
                    }
                    Ok(Decision::Again) => prop_assert!(issued.contains_key(&key)),
                    Err(Refusal::TokenUsed { .. }) => prop_assert!(!issued.contains_key(&key)),
                    Err(error) => prop_assert!(matches!(error, Refusal::TokenExpired { .. }), "{}", error),
                }
                prop_assert!(issued.len() <= uses as usize);
            }
        }
    }
}
