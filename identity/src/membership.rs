//! Where an agent belongs: its pool, and its labels.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::IdentityError;

/// Where an agent belongs; or where those belong that a run asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// Its pool, such as `spot`; empty for none.
    pub pool: String,
    /// What else it is or has, such as `zone: a`.
    pub labels: BTreeMap<String, String>,
}

impl Membership {
    /// Whether it is of the pool that is asked for, and has every label that is. Who asks for nothing takes all.
    pub fn fits(&self, asked: &Self) -> bool {
        let has = |(name, value): (&String, &String)| self.labels.get(name) == Some(value);
        (asked.pool.is_empty() || self.pool == asked.pool) && asked.labels.iter().all(has)
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.pool.is_empty() && self.labels.is_empty()
    }

    /// Whether its names keep to [`is_name`], and its labels to their number.
    pub fn is_valid(&self) -> bool {
        let labels = self.labels.iter().flat_map(|(name, value)| [name, value]);
        self.labels.len() <= MOST_LABELS
            && (self.pool.is_empty() || is_name(&self.pool))
            && labels.into_iter().all(|text| is_name(text))
    }
}

/// `pool spot, zone=a`; nothing where it says nothing.
impl fmt::Display for Membership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pool = (!self.pool.is_empty()).then(|| format!("pool {}", self.pool));
        let labels = self.labels.iter().map(|(name, value)| format!("{name}={value}"));
        let all: Vec<String> = pool.into_iter().chain(labels).collect();
        f.write_str(&all.join(", "))
    }
}

/// Whether this may name a pool, a label or its value: letters, digits, `.`, `_`, `-` and `/`, 63 at most, a letter or digit first.
pub fn is_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/');
    text.len() <= LONGEST && text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(fits)
}

/// Reads the name of a pool.
///
/// # Errors
/// It is no [name](is_name).
pub fn pool(text: &str) -> Result<String, IdentityError> {
    is_name(text).then(|| text.to_owned()).ok_or_else(|| {
        IdentityError::new(
            text,
            "the name of a pool: letters, digits, . _ - and /, 63 at most, a letter or digit first",
        )
    })
}

/// Reads a label, `zone=a`.
///
/// # Errors
/// It is not two [names](is_name) with `=` between them.
pub fn label(text: &str) -> Result<(String, String), IdentityError> {
    let parts = text.split_once('=').filter(|(name, value)| is_name(name) && is_name(value));
    parts.map(|(name, value)| (name.to_owned(), value.to_owned())).ok_or_else(|| {
        IdentityError::new(
            text,
            "a label such as zone=a: name and value of letters, digits, . _ - and /, 63 at most each",
        )
    })
}

/// Labels of one agent.
pub const MOST_LABELS: usize = 32;
const LONGEST: usize = 63;

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pool: &str, labels: &[(&str, &str)]) -> Membership {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Membership { pool: pool.to_owned(), labels: labels.collect() }
    }

    #[test]
    fn who_is_asked_for_has_the_pool_and_every_label() {
        let agent = of("spot", &[("zone", "a"), ("radio", "n78")]);
        for asked in [
            of("", &[]),
            of("spot", &[]),
            of("", &[("zone", "a")]),
            of("spot", &[("radio", "n78"), ("zone", "a")]),
        ] {
            assert!(agent.fits(&asked), "{asked}");
        }
        for asked in [of("lab", &[]), of("spot", &[("zone", "b")]), of("", &[("rack", "1")])] {
            assert!(!agent.fits(&asked), "{asked}");
        }
        assert!(!of("", &[]).fits(&of("spot", &[])));
        assert_eq!(
            (agent.to_string().as_str(), of("", &[]).to_string().as_str()),
            ("pool spot, radio=n78, zone=a", "")
        );
    }

    #[test]
    fn names_are_short_and_plain() {
        assert_eq!(label("topology.kubernetes.io/zone=eu-1a").unwrap().1, "eu-1a");
        for wrong in ["", "zone", "=a", "zone=", "zone=a b", "-x=a", "zone=\u{1b}[31m", "a=b=c"] {
            assert!(label(wrong).is_err(), "{wrong}");
        }
        assert!(pool("spot-1").is_ok() && pool("").is_err() && pool(&"x".repeat(64)).is_err());
        let mut many = of("spot", &[]);
        assert!(many.is_valid());
        many.labels = (0..=MOST_LABELS).map(|n| (format!("l{n}"), "x".to_owned())).collect();
        assert!(!many.is_valid());
    }
}
