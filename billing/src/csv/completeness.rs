//! Whether a charging ledger that grows is complete for now: said in a small file beside it, by whoever writes it.
//!
//! A charging function writes a session's record when the session ends, and a reader cannot tell a session that is charged
//! later from one that is never charged. Our simulator says so; of a ledger without such a file nothing is known.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// What the writer of a ledger says of it, in `<ledger>.state`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completeness {
    /// No charging session is open and no record is held back: every session that there was is in the ledger.
    pub complete: bool,
    /// Records in the ledger.
    pub records: u64,
    /// How long the ledger is then, in octets.
    pub octets: u64,
    /// When this was written, UNIX time in µs.
    pub at_us: u64,
    /// The same of the last runs, where several may be under way at once, by the names that their gNBs give them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub runs: BTreeMap<String, OfRun>,
}

/// What is said of one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfRun {
    /// Every session of it is in the ledger.
    pub complete: bool,
    /// How long the ledger was then, in octets.
    pub octets: u64,
    /// When this was said, UNIX time in µs.
    pub at_us: u64,
}

impl Completeness {
    /// Writes it beside the ledger, in one step: a reader finds the one before or this one.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub fn write_beside(&self, ledger: &Path) -> io::Result<()> {
        let (path, new) = (beside(ledger, ".state"), beside(ledger, ".state.new"));
        fs::write(&new, serde_json::to_string(self)?)?;
        fs::rename(new, path)
    }

    /// What it says of one run: by itself where it is named, else as of all.
    #[must_use]
    pub fn of_run(self, name: &str) -> Self {
        match self.runs.get(name).copied() {
            Some(OfRun { complete, octets, at_us }) => Self { complete, octets, at_us, ..self },
            None => self,
        }
    }

    /// What is said beside this ledger; `None` where nothing is, or nothing that can be understood.
    pub fn read_beside(ledger: &Path) -> Option<Self> {
        let path = beside(ledger, ".state");
        let size = fs::metadata(&path).ok()?.len();
        let text = (size <= LARGEST).then(|| fs::read_to_string(path).ok()).flatten()?;
        serde_json::from_str(&text).ok()
    }
}

fn beside(ledger: &Path, ending: &str) -> PathBuf {
    let mut path = OsString::from(ledger);
    path.push(ending);
    path.into()
}

/// It has four numbers, and some for each of the last runs.
const LARGEST: u64 = 64 * 1_024;
