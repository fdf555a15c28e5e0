//! Embedded runs, end to end: QUIC with mutual TLS and SCTP on loopback.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use support::{assert_failed, assert_passed, registrations, run, scenario};

#[test]
fn smoke_passes_with_three_agents() {
    let run = run("smoke", &["--agents", "3", "--seed", "7"]);
    assert_passed(&run);
    assert_eq!(run.registration()["succeeded"], 100);
    let agents = run.summary["agents"].as_array().unwrap();
    assert_eq!(agents.len(), 3);
    let attempts: u64 = agents.iter().map(|agent| agent["attempts"].as_u64().unwrap()).sum();
    assert!(attempts >= 100, "{agents:?}");
}

#[test]
fn run_folder_holds_everything_and_the_report_needs_no_network() {
    let run = run("smoke", &["--seed", "8"]);
    for file in [
        "scenario.yaml",
        "plan.json",
        "summary.json",
        "report.html",
        "histograms.hlog",
        "timeline.ndjson",
        "junit.xml",
        "journal.ndjson",
    ] {
        let path = run.folder().join(file);
        assert!(path.metadata().is_ok_and(|found| found.len() > 0), "{file} is missing or empty");
    }
    let report = std::fs::read_to_string(run.folder().join("report.html")).unwrap();
    for reference in ["src=\"http", "href=\"http", "url(http", "@import"] {
        assert!(!report.contains(reference), "the report refers to the network: {reference}");
    }
    let written: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(run.folder().join("summary.json")).unwrap()).unwrap();
    assert_eq!(written, run.summary, "standard output and summary.json are the same");
}

#[test]
fn the_written_scenario_runs_again_with_the_same_account() {
    let first = run("smoke", &["--seed", "9"]);
    let again = first.folder().join("scenario.yaml");
    let second = run(again.to_str().unwrap(), &["--seed", "9", "--agents", "2"]);
    assert_eq!(support::account(&first.summary), support::account(&second.summary));
}

#[test]
fn congestion_fails_the_slo_with_its_cause_and_exit_code_1() {
    let folder = tempfile::tempdir().unwrap();
    let more = "network: {nr: {congestion: {max-registrations-per-s: 20, backoff: 30s}}}";
    let path = scenario(folder.path(), &registrations(300, 100, 3, more));
    let run = run(&path, &["--seed", "3"]);
    assert_failed(&run);
    let refused = run.registration()["failed"]["congestion"].as_u64().unwrap();
    assert!((150..=260).contains(&refused), "300 in 3 s, 20 a second taken: {refused} refused");
    let traces = std::fs::read_dir(run.folder().join("traces")).unwrap().count();
    assert!(traces > 0, "failed UEs leave traces");
}

#[test]
fn guardrail_aborts_the_run_and_says_which() {
    let folder = tempfile::tempdir().unwrap();
    let more = "network: {nr: {congestion: {max-registrations-per-s: 1, backoff: 30s}}}\n\
                guardrails: [{abort-when: registration.success < 50%, for: 1s}]";
    let path = scenario(folder.path(), &registrations(2000, 100, 20, more));
    let run = run(&path, &["--seed", "3"]);
    assert_failed(&run);
    assert!(run.reasons().contains("guardrail"), "{}", run.reasons());
    assert!(run.registration()["never_started"].as_u64().unwrap() > 1000, "{}", run.registration());
}

#[test]
fn a_frozen_core_shows_in_p99_and_in_the_time_line() {
    let folder = tempfile::tempdir().unwrap();
    let more = "network: {freezes: [{at: 2s, for: 1400ms}]}";
    let path = scenario(folder.path(), &registrations(600, 100, 6, more));
    let run = run(&path, &["--seed", "5"]);
    assert_passed(&run);
    let latency = &run.registration()["latency_us"];
    let (p50, p99) = (latency["p50"].as_u64().unwrap(), latency["p99"].as_u64().unwrap());
    assert!(p50 < 200_000, "most are not affected: {latency}");
    assert!((1_200_000..1_800_000).contains(&p99), "140 of 600 wait up to 1.4 s: {latency}");
    let slow: Vec<u64> = run
        .timeline()
        .iter()
        .filter(|second| second["procedures"]["registration"]["latency_us"]["max"].as_u64() > Some(1_000_000))
        .map(|second| second["at_s"].as_u64().unwrap())
        .collect();
    assert!(!slow.is_empty() && slow.iter().all(|second| (2..=5).contains(second)), "{slow:?}");
}
