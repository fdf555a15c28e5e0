//! `roamstorm reconcile`: what it prints, what it leaves, and how it exits.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::path::{Path, PathBuf};

use support::{refused, registrations, roamstorm, scenario};

fn golden(name: &str) -> String {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../billing/testdata/golden").join(name);
    path.to_str().unwrap().to_owned()
}

/// A run folder with golden ledgers and their tariff.
fn run_folder(set: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for ledger in ["usage.csv", "charging.csv"] {
        std::fs::copy(golden(&format!("{set}/{ledger}")), folder.path().join(ledger)).unwrap();
    }
    let tariff = std::fs::read_to_string(golden("tariff.yaml")).unwrap().replace('\n', "\n    ");
    let charging = format!("charging:\n  tariff:\n    {tariff}");
    scenario(folder.path(), &registrations(10, 10, 1, charging.trim_end()));
    folder
}

#[test]
fn a_run_that_agrees_exits_0() {
    let folder = run_folder("clean");
    let output = roamstorm().arg("reconcile").arg(folder.path()).output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(stdout.starts_with("6 sessions: 6 matched, 0 unreconciled\ncharged 0.051000 EUR"), "{stdout}");
}

#[test]
fn a_run_that_does_not_agree_exits_1_and_names_the_sessions() {
    let folder = run_folder("faults");
    let output = roamstorm().arg("reconcile").arg(folder.path()).output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let line = "missing: 001010000000011 session 1, charging id 111: nothing was charged for this session \
                (at stake 0.002000 EUR)";
    assert!(stdout.contains(line), "{stdout}");
    let unreconciled = std::fs::read_to_string(folder.path().join("unreconciled.csv")).unwrap();
    assert_eq!(unreconciled.lines().count(), 16);
}

#[test]
fn foreign_ledgers_come_in_through_a_mapping() {
    let out = tempfile::tempdir().unwrap();
    let output = roamstorm()
        .args(["reconcile", "--json", "--usage", &golden("clean/usage.csv")])
        .args(["--charging", &golden("foreign/charging.csv"), "--map", &golden("foreign/mapping.yaml")])
        .args(["--tariff", &golden("tariff.yaml"), "--out"])
        .arg(out.path())
        .output()
        .unwrap();
    // One of its lines is bad: that is bad input, but the rest is reconciled.
    assert_eq!(output.status.code(), Some(2));
    let account: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&account["matched"], &account["rejected_charging"]), (&5.into(), &1.into()));
    assert_eq!(account["by_cause"]["rating"], 1);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("charging.csv:9: uplink: \"-1\" is not a volume"), "{stderr}");
}

#[test]
fn wrong_input_is_named() {
    let empty = tempfile::tempdir().unwrap();
    let empty = empty.path().to_str().unwrap();
    let (usage, charging) = (&golden("clean/usage.csv"), &golden("clean/charging.csv"));
    for (arguments, expected) in [
        (vec!["reconcile", empty], "has no usage.csv"),
        (vec!["reconcile", "--usage", usage, "--charging", usage], "usage.csv:1: no charging ledger"),
        (vec!["reconcile", "--usage", usage, "--charging", "nowhere.csv"], "nowhere.csv: cannot be read"),
        (
            vec!["reconcile", "--usage", usage, "--charging", charging, "--rules", usage],
            "clean/usage.csv:1:1",
        ),
        (vec!["reconcile", "--usage", usage], "--charging"),
        (vec!["reconcile"], "required"),
    ] {
        let (code, stderr) = refused(&[&arguments[..], &["--log", "warn"]].concat());
        assert_eq!(code, Some(2), "{stderr}");
        assert!(stderr.contains(expected), "{expected}: {stderr}");
    }
}

/// The fenced block of a page that is named so.
fn block(page: &str, name: &str) -> String {
    let begins = page.lines().position(|line| line.starts_with("```") && line.ends_with(name));
    let begins = begins.unwrap_or_else(|| panic!("no block {name}"));
    page.lines().skip(begins + 1).take_while(|line| *line != "```").map(|line| format!("{line}\n")).collect()
}

#[test]
fn the_example_of_the_page_on_foreign_ledgers_ends_in_its_verdict() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/foreign-ledgers.md");
    let page = std::fs::read_to_string(page).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for name in ["usage.csv", "mapping.yaml", "tariff.yaml"] {
        std::fs::write(folder.path().join(name), block(&page, name)).unwrap();
    }
    // As the spreadsheet wrote it: Windows-1252, which is ISO 8859-1 for what stands in it, and line ends of Windows.
    let export = block(&page, "export.csv").replace('\n', "\r\n");
    let windows: Vec<u8> = export.chars().map(|letter| u8::try_from(u32::from(letter)).unwrap()).collect();
    assert!(std::str::from_utf8(&windows).is_err());
    std::fs::write(folder.path().join("export.csv"), windows).unwrap();
    let command = page.lines().find_map(|line| line.strip_prefix("roamstorm reconcile --usage")).unwrap();
    let output = roamstorm()
        .args(["reconcile", "--usage"])
        .args(command.split_whitespace())
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), block(&page, "output"));
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_run_is_held_against_another_ledger_with_its_own_tariff_and_a_tariff_has_a_name() {
    let folder = run_folder("clean");
    std::fs::remove_file(folder.path().join("charging.csv")).unwrap();
    let reconcile = |more: &[&str]| {
        let output = roamstorm()
            .arg("reconcile")
            .arg(folder.path())
            .args(["--charging", &golden("clean/charging.csv")])
            .args(more)
            .output()
            .unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        (output.status.code(), format!("{stdout}{}", String::from_utf8_lossy(&output.stderr)))
    };
    let (code, text) = reconcile(&[]);
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.starts_with("6 sessions: 6 matched, 0 unreconciled\ncharged 0.051000 EUR, expected 0.051000"),
        "{text}"
    );
    let (code, text) = reconcile(&["--tariff", "roaming"]);
    assert!(code == Some(1) || code == Some(2), "{text}");
    assert!(text.contains("rating"), "its prices are others: {text}");
    let (code, text) = reconcile(&["--tariff", "raoming"]);
    assert_eq!(code, Some(2));
    assert!(text.contains("or one of default") || text.contains("default, "), "{text}");
}

#[test]
fn without_a_tariff_nothing_is_expected_and_nothing_at_stake() {
    let out = tempfile::tempdir().unwrap();
    let output = roamstorm()
        .args([
            "reconcile",
            "--usage",
            &golden("faults/usage.csv"),
            "--charging",
            &golden("faults/charging.csv"),
            "--out",
        ])
        .arg(out.path())
        .output()
        .unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    for word in ["expected", "at stake", "XXX"] {
        assert!(!stdout.contains(word), "{word}: {stdout}");
    }
}
