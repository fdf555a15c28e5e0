//! Pure code knows no clock and draws no randomness but what it is given.

use crate::exempt;
use crate::sources::{all, hold};

/// Folders whose code is a function of what goes in.
const PURE: &[&str] = &[
    "agent/src/campaign/",
    "agent/src/fleet/holder/",
    "agent/src/ran/",
    "agent/src/seam/",
    "agent/src/shard/",
    "agent/src/transfer/",
    "billing/src/",
    "coordinator/src/core/",
    "coordinator/src/histogram/",
    "coordinator/src/merge/",
    "coordinator/src/verdict/",
    "criticality/src/",
    "gtpu/src/",
    "identity/src/",
    "report/src/",
    "results/src/",
    "scenarios/src/",
    "signalling/src/",
    "statistics/src/",
    "wire/src/lease.rs",
];

const IMPURE: &[&str] =
    &["Instant::now(", "SystemTime::now(", "rand::random", "thread_rng(", "rand::rng(", "OsRng", "getrandom"];

#[test]
fn pure_folders_have_no_clock_and_no_randomness_of_their_own() {
    let mut impure = Vec::new();
    for source in all() {
        if !PURE.iter().any(|folder| source.path.starts_with(folder)) || source.within().is_none() {
            continue;
        }
        let code = source.code().lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in code {
            if let Some(word) = IMPURE.iter().find(|word| line.contains(*word)) {
                impure.push((source.path.clone(), format!("{word} in `{}`", line.trim())));
            }
        }
    }
    hold("Time and randomness are arguments: a seed replays a run.", impure, exempt::PURITY);
}

/// Folders that know procedures and outcomes, and no radio technology.
const NEUTRAL: &[&str] =
    &["agent/src/campaign/", "agent/src/seam/", "coordinator/src/", "results/src/", "wire/src/"];

const TECHNOLOGIES: &[&str] =
    &["signalling", "criticality", "gtpu", "sctp", "simulator", "crate::ran", "crate::user_plane"];

#[test]
fn the_middle_knows_no_radio_technology() {
    let mut knowing = Vec::new();
    for source in all() {
        if !NEUTRAL.iter().any(|folder| source.path.starts_with(folder)) || source.within().is_none() {
            continue;
        }
        let code = source.code().lines().map(str::trim_start).filter(|line| !line.starts_with("//"));
        for line in code {
            if let Some(of) = TECHNOLOGIES.iter().find(|of| line.contains(&format!("{of}::"))) {
                knowing.push((source.path.clone(), format!("{of} in `{line}`")));
            }
        }
    }
    hold("Campaign, coordinator, wire and results know procedures and outcomes alone.", knowing, &[]);
}
