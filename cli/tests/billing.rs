//! What the charging function did wrong on purpose is found, each fault with its cause, and nothing else is.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use support::{Run, assert_failed, csv, roamstorm, run};

/// Cause, subscriber, session, charging identifier.
type Findings = BTreeSet<[String; 4]>;

/// The causes that what was done wrong must be found with. A record that a retry completed is right.
const CAUSES: [(&str, Option<&str>); 9] = [
    ("lost", Some("missing")),
    ("duplicated", Some("duplicate")),
    ("late", Some("late")),
    ("reordered", Some("order")),
    ("wrong-volume", Some("volume")),
    ("wrong-tariff", Some("rating")),
    ("wrong-plmn", Some("serving-network")),
    ("orphan", Some("orphan")),
    ("partial", None),
];

fn smoke_with(faults: &[&str], rate: &str) -> Run {
    let set: Vec<String> = faults.iter().map(|fault| format!("charging.faults.{fault}={rate}")).collect();
    let set: Vec<&str> = set.iter().flat_map(|field| ["--set", field]).collect();
    let run = run("smoke", &[&["--seed", "12"], set.as_slice()].concat());
    assert_failed(&run);
    run
}

/// What the charging function says it did wrong, as it must be found.
fn planted(folder: &Path) -> Findings {
    let causes: BTreeMap<&str, Option<&str>> = CAUSES.into_iter().collect();
    let faults = csv(&folder.join("charging-faults.csv"));
    let found_as = |fault: &Vec<String>| {
        let cause = causes[fault[0].as_str()]?;
        Some([cause.to_owned(), fault[2].clone(), fault[3].clone(), fault[1].clone()])
    };
    faults.iter().filter_map(found_as).collect()
}

fn found(folder: &Path) -> Findings {
    let lines = csv(&folder.join("unreconciled.csv"));
    let findings: Findings = lines.iter().map(|line| [0, 1, 2, 3].map(|field| line[field].clone())).collect();
    assert_eq!(findings.len(), lines.len(), "a session is named once");
    findings
}

#[test]
fn lost_records_fail_the_run_and_exactly_the_lost_sessions_are_named() {
    let run = smoke_with(&["lost"], "5%");
    let lost = planted(&run.folder());
    assert!((1..=20).contains(&lost.len()), "5 of 100 are likely: {lost:?}");
    assert!(lost.iter().all(|[cause, ..]| cause == "missing"), "{lost:?}");
    assert_eq!(found(&run.folder()), lost);
    let billing = &run.summary["billing"];
    assert_eq!(billing["unreconciled"].as_u64(), Some(lost.len() as u64));
    assert_eq!(billing["matched"].as_u64(), Some(100 - lost.len() as u64));
    assert!(billing["at_stake_micros"].as_u64() > Some(0), "{billing}");
    for [_, supi, session, id] in lost.iter().take(20) {
        let named = format!("unreconciled: {supi} session {session}, charging id {id}: missing");
        assert!(run.reasons().contains(&named), "{named:?} is not in {}", run.reasons());
    }
}

#[test]
fn all_nine_faults_are_found_with_their_causes_and_reconcile_finds_the_same_again() {
    let run = smoke_with(&CAUSES.map(|(fault, _)| fault), "9%");
    let folder = run.folder();
    let kinds: BTreeSet<String> =
        csv(&folder.join("charging-faults.csv")).into_iter().map(|fault| fault[0].clone()).collect();
    assert_eq!(kinds, CAUSES.map(|(fault, _)| fault.to_owned()).into(), "each was done at least once");
    let first = found(&folder);
    assert_eq!(first, planted(&folder));
    assert_eq!(run.summary["billing"]["unreconciled"].as_u64(), Some(first.len() as u64));

    let before = std::fs::read_to_string(folder.join("unreconciled.csv")).unwrap();
    let out = tempfile::tempdir().unwrap();
    let output =
        roamstorm().args(["reconcile", "--json"]).arg(&folder).arg("--out").arg(out.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(std::fs::read_to_string(out.path().join("unreconciled.csv")).unwrap(), before);
    let again: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    for (figure, value) in again.as_object().unwrap() {
        assert_eq!(&run.summary["billing"][figure], value, "{figure}");
    }
}
