//! `--attempts`: the file of attempts has what the summary counts, no more and no less.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;

use serde_json::Value;
use support::{Run, registrations, run, scenario};

/// Every line of attempts.ndjson.zst.
fn rows(run: &Run) -> Vec<Value> {
    let octets = std::fs::read(run.folder().join("attempts.ndjson.zst")).unwrap();
    let (mut rest, mut text) = (octets.as_slice(), String::new());
    while !rest.is_empty() {
        ruzstd::decoding::StreamingDecoder::new(&mut rest).unwrap().read_to_string(&mut text).unwrap();
    }
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// How many attempts ended how: by procedure, outcome and cause.
type Counted = BTreeMap<(String, String, String), u64>;

fn of_rows(rows: &[Value]) -> Counted {
    let mut counted = Counted::new();
    for row in rows {
        let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
        *counted.entry((text("procedure"), text("outcome"), text("cause"))).or_default() += 1;
    }
    counted
}

fn of_summary(summary: &Value) -> Counted {
    let mut counted = Counted::new();
    for (procedure, figures) in summary["procedures"].as_object().unwrap() {
        let succeeded = serde_json::json!({"": figures["succeeded"]});
        for (outcome, causes) in [
            ("succeeded", &succeeded),
            ("failed", &figures["failed"]),
            ("timed-out", &figures["timed_out_by_timer"]),
            ("abandoned", &figures["abandoned"]),
        ] {
            for (cause, count) in causes.as_object().unwrap() {
                let count = count.as_u64().unwrap();
                if count > 0 {
                    counted.insert((procedure.clone(), outcome.to_owned(), cause.clone()), count);
                }
            }
        }
    }
    counted
}

#[test]
fn rows_of_all_attempts_are_what_the_summary_counts() {
    let run = run("smoke", &["--attempts", "all", "--agents", "2", "--seed", "4"]);
    let rows = rows(&run);
    assert_eq!(of_rows(&rows), of_summary(&run.summary));
    let told = &run.summary["attempt_rows"];
    assert_eq!((&told["kept"], &told["file"]), (&"all".into(), &"attempts.ndjson.zst".into()));
    assert_eq!(told["rows"], rows.len());
    for missing in ["left_out_by_agents", "left_out_at_limit", "lost_with_agents"] {
        assert_eq!(told[missing], 0, "{told}");
    }
    let report = std::fs::read_to_string(run.folder().join("report.html")).unwrap();
    assert!(report.contains("href=\"attempts.ndjson.zst\""));
    let started = run.summary["started_at"].as_str().unwrap();
    for row in &rows {
        assert!(row["due"].as_str().unwrap() >= &started[..19], "{row}");
        assert_eq!(row["run"], run.summary["run_id"]);
        assert!(row["imsi"].as_str().unwrap().starts_with("00101"), "{row}");
        assert!(row["gnb"].is_u64() && row["cell"].is_u64(), "{row}");
        if row["outcome"] == "succeeded" && row["procedure"] != "deregistration" {
            let of = |key: &str| row[key].as_u64().unwrap_or_else(|| panic!("{key} of {row}"));
            assert!(of("latency_us") >= of("service_us") && of("latency_us") >= of("lateness_us"), "{row}");
        }
    }
    let registrations = rows.iter().filter(|row| row["procedure"] == "registration");
    let slowest = registrations.map(|row| row["latency_us"].as_u64().unwrap()).max().unwrap();
    let told = run.registration()["latency_us"]["max"].as_u64().unwrap();
    assert!(slowest.abs_diff(told) * 1_000 <= told.max(1_000), "{slowest} and {told}");
}

#[test]
fn failed_rows_are_all_that_did_not_succeed_and_a_share_is_the_same_for_one_seed() {
    let folder = tempfile::tempdir().unwrap();
    let more = "network: {nr: {congestion: {max-registrations-per-s: 40, backoff: 30s}}}";
    let path = scenario(folder.path(), &registrations(600, 200, 3, more));
    let failed = run(&path, &["--attempts", "failed", "--seed", "5"]);
    let mut expected = of_summary(&failed.summary);
    expected.retain(|(_, outcome, _), _| outcome != "succeeded");
    assert!(expected.values().sum::<u64>() > 100, "{expected:?}");
    assert_eq!(of_rows(&rows(&failed)), expected);

    let drawn = || {
        let run = run(&path, &["--attempts", "20%", "--seed", "5"]);
        let rows = rows(&run);
        let planned = rows.iter().filter(|row| row["self_started"] == false);
        let of = |row: &Value| (row["shard"].as_u64(), row["due_us"].as_u64());
        (planned.map(of).collect::<BTreeSet<_>>(), rows.len())
    };
    let ((first, count), (second, _)) = (drawn(), drawn());
    assert_eq!(first, second);
    assert!((80..170).contains(&count), "{count} of 600");
}

#[test]
fn run_that_was_not_asked_for_rows_has_none() {
    let run = run("smoke", &["--seed", "6"]);
    assert!(!run.folder().join("attempts.ndjson.zst").exists());
    assert!(run.summary["attempt_rows"].is_null());
}
