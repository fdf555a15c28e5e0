//! `roamstorm runs` and `roamstorm trend`: what there was, and where it changed.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::path::Path;

use serde_json::{Value, json};
use support::roamstorm;

/// A run of the past, with so much latency.
fn past(runs: &Path, night: u32, scenario: &str, status: &str, p99_us: u64) {
    let name = format!("202611{night:02}-010000-{scenario}");
    let folder = runs.join(&name);
    std::fs::create_dir_all(&folder).unwrap();
    let reasons: Vec<&str> = if status == "pass" { Vec::new() } else { vec!["something was wrong"] };
    let summary = json!({
        "run_id": name, "scenario": scenario, "seed": night, "started_at": format!("2026-11-{night:02}T01:00:00Z"),
        "duration_s": 3_725.0, "target": "sctp://192.0.2.10:38412", "verdict": {"status": status, "reasons": reasons},
        "procedures": {"registration": {"succeeded": 100, "failed": {}, "timed_out": 0, "latency_us": {"p99": p99_us}}},
    });
    std::fs::write(folder.join("summary.json"), summary.to_string()).unwrap();
}

fn nights() -> tempfile::TempDir {
    let runs = tempfile::tempdir().unwrap();
    for night in 1..=20 {
        let level = if night <= 12 { 10_000 } else { 13_000 };
        past(runs.path(), night, "nightly", "pass", level + u64::from(night * 7919 % 11) * 20);
    }
    past(runs.path(), 21, "nightly", "invalid", 900_000);
    past(runs.path(), 22, "smoke", "fail", 5_000);
    let broken = runs.path().join("20261123-010000-nightly");
    std::fs::create_dir(&broken).unwrap();
    std::fs::write(broken.join("plan.json"), "{\"scenario\": \"nightly\"}").unwrap();
    runs
}

fn said(runs: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = roamstorm().args(arguments).arg("--out").arg(runs).output().unwrap();
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn runs_are_listed_in_their_order_with_verdict_and_reason_and_can_be_filtered() {
    let runs = nights();
    let (code, table, stderr) = said(runs.path(), &["runs"]);
    assert_eq!(code, Some(0), "{stderr}");
    assert_eq!(table.lines().count(), 24, "{table}");
    let first = table.lines().nth(1).unwrap();
    assert!(first.contains("20261101-010000-nightly  pass") && first.contains("1 h 2 min"), "{first}");
    assert!(table.contains("broken-off") && table.contains("something was wrong"), "{table}");
    let (_, json, _) = said(runs.path(), &["runs", "--verdict", "fail", "--json"]);
    let list: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(list.as_array().unwrap().len(), 1);
    assert_eq!(list[0]["scenario"], "smoke");
    let (_, last, _) = said(runs.path(), &["runs", "--scenario", "nightly", "--last", "2"]);
    assert!(last.contains("20 earlier ones are not shown"), "{last}");
    let (code, _, stderr) = said(runs.path(), &["runs", "--scenario", "nothing"]);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("there is no such run"), "{stderr}");
}

#[test]
fn a_trend_shows_where_the_level_changed_and_leaves_out_what_is_not_judged() {
    let runs = nights();
    let trend = ["trend", "registration.latency.p99", "--scenario", "nightly"];
    let (code, text, stderr) = said(runs.path(), &trend);
    assert_eq!(code, Some(0), "{stderr}");
    let lines: Vec<&str> = text.lines().collect();
    let change = lines
        .iter()
        .position(|line| line.contains("changed here: 10.1 ms → 13.1 ms"))
        .unwrap_or_else(|| panic!("{text}"));
    assert!(lines[change + 1].starts_with("20261113-"), "{text}");
    assert!(text.contains("left out: 2"), "{text}");
    let (_, json, _) = said(runs.path(), &[&trend[..], &["--json"]].concat());
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["change_points"][0]["run_id"], "20261113-010000-nightly", "{json}");
    assert_eq!(json["runs"].as_array().unwrap().len(), 20);
    let (code, _, stderr) = said(runs.path(), &["trend", "registration.latency.p99"]);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("choose one with --scenario: nightly, smoke"), "{stderr}");
    let (code, _, stderr) = said(runs.path(), &["trend", "registration.speed", "--scenario", "nightly"]);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("is no figure of a run"), "{stderr}");
}
