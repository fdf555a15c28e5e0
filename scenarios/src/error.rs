//! Why a scenario cannot be used. Every text says where, what was found, and what would be accepted.

use std::fmt;
use std::path::PathBuf;

/// Why a scenario cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The text is no scenario.
    #[error("{0}")]
    Invalid(Problems),
    /// The file cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// No file and no scenario of the catalogue has this name.
    #[error(
        "{name}: no such scenario file, and no scenario of the catalogue has this name{hint} (catalogue: {known})"
    )]
    Unknown {
        /// What was asked for.
        name: String,
        /// A near name, as a clause.
        hint: String,
        /// What the catalogue has.
        known: String,
    },
    /// The text is longer than a scenario can be.
    #[error(
        "{file}: {octets} octets are too many for a scenario: at most {} (4 MiB) are accepted",
        MAX_OCTETS
    )]
    TooLarge {
        /// Which file.
        file: String,
        /// How long it is at least.
        octets: u64,
    },
    /// A `--set` that is not `path=value`, or whose path leads nowhere.
    #[error("--set {set}: {message}")]
    Override {
        /// As it was given.
        set: String,
        /// What is wrong.
        message: String,
    },
    /// The scenario is fine but cannot be cut so.
    #[error("{0}")]
    Plan(String),
}

/// The mistakes of a file, in their order; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [one] = self.0.as_slice() {
            return one.fmt(f);
        }
        write!(f, "{} mistakes:", self.0.len())?;
        self.0.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

/// One mistake, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// `file:line:column`, or the `--set` that brought it in.
    pub place: String,
    /// The path of the field, such as `load[0].phases[1].rate`; empty for the whole document.
    pub field: String,
    /// What was found and what would be accepted.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() {
            write!(f, "{}: {}", self.place, self.message)
        } else {
            // A field may be called anything; a mistake is a line.
            write!(f, "{}: {}: {}", self.place, self.field.replace(char::is_control, " "), self.message)
        }
    }
}

/// The longest scenario that is read, octets.
pub(crate) const MAX_OCTETS: u64 = 4 * 1024 * 1024;
