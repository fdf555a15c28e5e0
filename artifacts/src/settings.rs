//! How artifacts are kept.

use std::fmt;

use serde::{Deserialize, Serialize};
use wire::Identity;

use crate::classes::Class;

/// How artifacts are kept.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Whether objects are locked until their time is over.
    pub lock: Option<LockMode>,
    /// For how long.
    pub keep: Keep,
    /// Encrypted with KMS: by this key, or by the account's own where it is empty.
    pub kms: Option<String>,
    /// Who signs the manifest.
    pub signer: Option<Identity>,
}

/// Days for which each class of files is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep([u32; 3]);

impl Keep {
    /// Days of a class.
    pub fn days(self, class: Class) -> u32 {
        self.0[class as usize]
    }

    /// The same with another time for this class.
    #[must_use]
    pub fn with(mut self, class: Class, days: u32) -> Self {
        self.0[class as usize] = days;
        self
    }

    /// Days of the class that is kept longest.
    pub(crate) fn longest(self) -> u32 {
        self.0.into_iter().max().unwrap_or_default()
    }
}

impl Default for Keep {
    fn default() -> Self {
        Self(Class::ALL.map(Class::default_days))
    }
}

/// How firmly an object is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LockMode {
    /// Whoever has a special right may still delete it.
    Governance,
    /// Nobody may, until its time is over.
    Compliance,
}

impl fmt::Display for LockMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Governance => "governance",
            Self::Compliance => "compliance",
        })
    }
}

/// A lock that an object has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    /// How firmly.
    pub mode: LockMode,
    /// Until when: seconds since 1970.
    pub until: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_kept_for_its_days_or_for_others() {
        let keep = Keep::default().with(Class::Traces, 7);
        assert_eq!(Class::ALL.map(|class| keep.days(class)), [7, 365, 1095]);
        assert_eq!(keep.with(Class::Traces, 9_999).longest(), 9_999);
    }
}
