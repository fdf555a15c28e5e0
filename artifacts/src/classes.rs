//! For how long which file of a run folder is kept: the one table of them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a file is kept, and with that for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Messages and logs: large, and of use while somebody looks for a fault.
    Traces,
    /// What the run came to.
    Reports,
    /// What a charge is proven with, and what that proof needs.
    Billing,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Traces, Self::Reports, Self::Billing];

    /// As in tags, manifests and options.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Reports => "reports",
            Self::Billing => "billing",
        }
    }

    /// Days for which it is kept where nothing else is said.
    pub fn default_days(self) -> u32 {
        match self {
            Self::Traces => 30,
            Self::Reports => 365,
            Self::Billing => 3 * 365,
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Class {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|class| class.as_str() == text);
        known.ok_or_else(|| format!("{text:?} is no class of files: traces, reports and billing are"))
    }
}

/// What becomes of a file of a run folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It goes up, and is kept for so long.
    Kept(Class),
    /// It is of use on the machine of the run alone, or until its end.
    Stays,
}

/// The files that a run folder may have; `*` stands for any text without a slash. The folder of a capacity search has run folders
/// in it, whose files are the same. Billing evidence is of no use without what it is judged by: the scenario has the tariff, the
/// plan says whose usage was lost, the summary holds the account.
pub const TABLE: &[(&str, Fate)] = &[
    ("usage.csv", Fate::Kept(Class::Billing)),
    ("charging.csv", Fate::Kept(Class::Billing)),
    ("charging-faults.csv", Fate::Kept(Class::Billing)),
    ("unreconciled.csv", Fate::Kept(Class::Billing)),
    ("*.rejected.csv", Fate::Kept(Class::Billing)),
    ("summary.json", Fate::Kept(Class::Billing)),
    ("scenario.yaml", Fate::Kept(Class::Billing)),
    ("plan.json", Fate::Kept(Class::Billing)),
    ("report.html", Fate::Kept(Class::Reports)),
    ("compare-with-*.html", Fate::Kept(Class::Reports)),
    ("junit.xml", Fate::Kept(Class::Reports)),
    ("timeline.ndjson", Fate::Kept(Class::Reports)),
    ("histograms.hlog", Fate::Kept(Class::Reports)),
    ("traces/*.pcapng", Fate::Kept(Class::Traces)),
    ("ladders.ndjson", Fate::Kept(Class::Traces)),
    ("attempts.ndjson.zst", Fate::Kept(Class::Traces)),
    ("journal.ndjson", Fate::Kept(Class::Traces)),
    // Until the end of the run: what a restart needs, whom to give orders to, what is half written.
    ("journal.sqlite*", Fate::Stays),
    ("control.json", Fate::Stays),
    ("clock.json", Fate::Stays),
    ("traces/packets.spool", Fate::Stays),
    ("*.part", Fate::Stays),
    ("traces/*.part", Fate::Stays),
    // Where the others were pushed to.
    ("artifacts.json", Fate::Stays),
];

/// What becomes of the file at this path inside a run folder; nothing where the table does not know it.
pub fn fate(path: &str) -> Option<Fate> {
    let within = match path.split_once('/') {
        Some((folder, rest)) if folder.starts_with("probe-") => rest,
        _ => path,
    };
    TABLE.iter().find(|(pattern, _)| fits(pattern, within)).map(|(_, fate)| *fate)
}

/// Whether a path is of a pattern of the table.
pub(crate) fn fits(pattern: &str, path: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == path,
        Some((before, after)) => {
            let between = path.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
            between.is_some_and(|between| !between.contains('/'))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_kept_by_its_place_in_the_folder() {
        for (path, expected) in [
            ("usage.csv", Some(Fate::Kept(Class::Billing))),
            ("report.html", Some(Fate::Kept(Class::Reports))),
            ("compare-with-night-1.html", Some(Fate::Kept(Class::Reports))),
            ("traces/001010000000001-failed.pcapng", Some(Fate::Kept(Class::Traces))),
            ("probe-03/usage.csv", Some(Fate::Kept(Class::Billing))),
            ("probe-03/traces/all.pcapng", Some(Fate::Kept(Class::Traces))),
            ("journal.sqlite-wal", Some(Fate::Stays)),
            ("control.json", Some(Fate::Stays)),
            ("traces/deep/all.pcapng", None),
            ("notes.txt", None),
            ("elsewhere/usage.csv", None),
        ] {
            assert_eq!(fate(path), expected, "{path}");
        }
    }

    #[test]
    fn each_class_is_read_as_it_is_written() {
        for class in Class::ALL {
            assert_eq!(class.to_string().parse(), Ok(class));
        }
        assert!("logs".parse::<Class>().unwrap_err().contains("billing"));
    }
}
