//! Folders as a run writes them, compared.
#![allow(clippy::cast_possible_truncation, reason = "a test; latencies are short")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::json;
use statistics::Draws;

use report::{ComparedRuns, compare_runs, page_name, read_run, render_comparison, write_comparison};
use statistics::{Judgement, Settings};

use super::RunFolder;
use super::hlog::HistogramLog;
use crate::merge::{Merge, Reception, Timeline};
use hdrhistogram::serialization::{Serializer, V2Serializer};
use wire::to_coordinator::{IntervalReport, ProcedureInterval};

/// A run of 80 s with 60 registrations a second.
fn folder(runs: &Path, name: &str, seed: u64, slower: f64, scenario: &str) -> PathBuf {
    folder_of(runs, name, seed, scenario, &Kind { slower, ..Kind::default() })
}

/// What a run is like.
struct Kind {
    seconds: u64,
    slower: f64,
    /// Of 61 in a second.
    succeeded: u64,
}

impl Default for Kind {
    fn default() -> Self {
        Self { seconds: 80, slower: 1.0, succeeded: 60 }
    }
}

fn folder_of(runs: &Path, name: &str, seed: u64, scenario: &str, kind: &Kind) -> PathBuf {
    let Kind { seconds, slower, succeeded } = *kind;
    let folder = RunFolder::create(runs, Some(name), "test").unwrap();
    let mut hlog =
        HistogramLog::begin(folder.appender("histograms.hlog").unwrap(), SystemTime::UNIX_EPOCH).unwrap();
    let mut lines = folder.appender("timeline.ndjson").unwrap();
    let (mut timeline, mut merge, mut draws) = (Timeline::default(), Merge::new(1), Draws::new(seed));
    for second in 0..seconds {
        let mut latency = hdrhistogram::Histogram::<u64>::new_with_bounds(1, 600_000_000, 3).unwrap();
        for _ in 0..succeeded {
            latency.record((slower * 5_000.0 * (0.3 * draws.normal()).exp()) as u64).unwrap();
        }
        let mut latency_v2 = Vec::new();
        if succeeded > 0 {
            V2Serializer::new().serialize(&latency, &mut latency_v2).unwrap();
        }
        let procedure = ProcedureInterval {
            procedure: "registration".to_owned(),
            due: 61,
            started: 61,
            succeeded,
            failed: vec![("authentication-rejected".to_owned(), 61 - succeeded)],
            service_v2: latency_v2.clone(),
            latency_v2,
            ..ProcedureInterval::default()
        };
        let (from_us, to_us) = (second * 1_000_000, (second + 1) * 1_000_000);
        let report = IntervalReport {
            run: name.to_owned(),
            epoch: 1,
            sequence: second,
            from_us,
            to_us,
            procedures: vec![procedure],
            ..IntervalReport::default()
        };
        merge.lease(0, 1);
        merge.not_after(u64::MAX);
        let Ok(Reception::Next(ready)) = merge.receive(report) else { panic!("a report is refused") };
        ready.iter().for_each(|checked| timeline.add(checked));
        for second in timeline.close_before(second + 1, 1) {
            lines.append(format!("{}\n", second.line()).as_bytes()).unwrap();
            hlog.second(&second).unwrap();
        }
    }
    let summary = json!({"run_id": name, "scenario": "test", "verdict": {"status": "pass", "reasons": []}, "planned_s": seconds});
    folder.write("summary.json", summary.to_string().as_bytes()).unwrap();
    folder
        .write("plan.json", json!({"planned": {"registration": 61 * seconds}}).to_string().as_bytes())
        .unwrap();
    folder.write("scenario.yaml", scenario.as_bytes()).unwrap();
    folder.path().to_owned()
}

fn judgements(compared: &ComparedRuns) -> BTreeMap<String, Judgement> {
    let findings = compared.comparison.findings.iter();
    findings.map(|finding| (finding.figure.to_string(), finding.judgement.clone())).collect()
}

#[test]
fn a_slower_run_is_a_regression_and_its_page_says_so() {
    let runs = tempfile::tempdir().unwrap();
    let base = folder(runs.path(), "base", 1, 1.0, "load: 1");
    let run = folder(runs.path(), "run", 2, 1.2, "load: 1");
    let same = folder(runs.path(), "same", 3, 1.0, "load: 1");
    let settings = Settings::default();
    let worse = compare_runs(&base, &run, &settings, false).unwrap();
    assert!(worse.regression);
    let figures = judgements(&worse);
    assert_eq!((&figures["latency.p50"], &figures["success"]), (&Judgement::Worse, &Judgement::Same));
    assert!(!compare_runs(&base, &same, &settings, false).unwrap().regression);
    let better = compare_runs(&run, &base, &settings, false).unwrap();
    assert!(!better.regression && judgements(&better)["latency.p50"] == Judgement::Better);
    let page = runs.path().join("compare.html");
    write_comparison(&worse, &page).unwrap();
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("The run is worse than its base.") && page.contains("latency.p50"));
}

#[test]
fn a_core_that_refuses_everybody_is_a_regression_in_short_runs_and_long_ones() {
    let runs = tempfile::tempdir().unwrap();
    let settings = Settings::default();
    for seconds in [2, 31, 80] {
        let good = Kind { seconds, succeeded: 61, ..Kind::default() };
        let base = folder_of(runs.path(), &format!("base-{seconds}"), 1, "load: 1", &good);
        let none = Kind { succeeded: 0, ..good };
        let run = folder_of(runs.path(), &format!("run-{seconds}"), 2, "load: 1", &none);
        let compared = compare_runs(&base, &run, &settings, false).unwrap();
        assert!(compared.regression, "{seconds} s: {:?}", compared.comparison.findings);
        assert_eq!(compared.in_words(), "The run is worse than its base.");
        let figures = judgements(&compared);
        assert_eq!(
            (&figures["success"], &figures["latency.p50"]),
            (&Judgement::Worse, &Judgement::Worse),
            "{seconds} s"
        );
        // Less than half of them, as a core that was overrun.
        let some = Kind { succeeded: 26, ..good };
        let run = folder_of(runs.path(), &format!("some-{seconds}"), 3, "load: 1", &some);
        let compared = compare_runs(&base, &run, &settings, false).unwrap();
        assert_eq!(judgements(&compared)["success"], Judgement::Worse, "{seconds} s");
    }
}

#[test]
fn short_runs_are_compared_and_say_what_is_not_judged() {
    let runs = tempfile::tempdir().unwrap();
    for seconds in [2, 31] {
        let kind = Kind { seconds, ..Kind::default() };
        let base = folder_of(runs.path(), &format!("base-{seconds}"), 1, "load: 1", &kind);
        let run = folder_of(runs.path(), &format!("run-{seconds}"), 2, "load: 1", &kind);
        let compared = compare_runs(&base, &run, &Settings::default(), false).unwrap();
        assert!(!compared.regression && compared.comparison.judged() == 1, "{:?}", compared.comparison);
        assert!(compared.in_words().contains("10 latencies are not judged"), "{}", compared.in_words());
        for finding in &compared.comparison.findings {
            assert!(
                finding.base.is_some() && finding.run.is_some() && finding.difference.is_some(),
                "{finding:?}"
            );
        }
        let page = render_comparison(&compared);
        assert!(page.contains(&format!("both runs: it lasted {seconds} intervals, 60 are needed")), "{page}");
    }
}

#[test]
fn ten_times_slower_is_a_regression_and_a_run_against_itself_is_said_to_be_that() {
    let runs = tempfile::tempdir().unwrap();
    let kind = Kind { seconds: 31, ..Kind::default() };
    let base = folder_of(runs.path(), "base", 1, "load: 1", &kind);
    let slow = folder_of(runs.path(), "run-slow", 2, "load: 1", &Kind { slower: 10.0, ..kind });
    let compared = compare_runs(&base, &slow, &Settings::default(), false).unwrap();
    assert_eq!(judgements(&compared)["latency.p50"], Judgement::Worse);
    assert!(compared.regression && !compared.same_run);
    assert_eq!(
        page_name(&compare_runs(&slow, &base, &Settings::default(), false).unwrap()),
        "compare-with-run-slow.html"
    );
    let itself = compare_runs(&base, &base, &Settings::default(), false).unwrap();
    assert!(
        itself.same_run && !itself.regression && itself.in_words().contains("the same run"),
        "{}",
        itself.in_words()
    );
}

#[test]
fn percentiles_are_those_of_the_merged_histogram_and_counts_those_of_the_time_line() {
    let runs = tempfile::tempdir().unwrap();
    let read = read_run(&folder(runs.path(), "a", 9, 1.0, "load: 1")).unwrap();
    let units = &read.series.procedures["registration"];
    assert_eq!(units.len(), 80);
    assert!(
        units
            .iter()
            .all(|unit| (unit.due, unit.ended, unit.succeeded, unit.latency.count()) == (61, 61, 60, 60))
    );
    assert_eq!((read.series.planned["registration"], read.series.unit_s), (61 * 80, 1.0));
}

#[test]
fn unlike_runs_are_compared_only_by_force() {
    let runs = tempfile::tempdir().unwrap();
    let base = folder(runs.path(), "base", 1, 1.0, "load: [{rate: 60/s}]");
    let run = folder(runs.path(), "run", 2, 1.0, "load: [{rate: 70/s}]");
    let error = compare_runs(&base, &run, &Settings::default(), false).unwrap_err().to_string();
    assert!(error.contains("load[0].rate: \"60/s\", \"70/s\"") && error.contains("--force"), "{error}");
    let forced = compare_runs(&base, &run, &Settings::default(), true).unwrap();
    assert_eq!(forced.differ.len(), 1);
    let nowhere = compare_runs(&base, &runs.path().join("nowhere"), &Settings::default(), false).unwrap_err();
    assert!(nowhere.to_string().contains("nowhere/summary.json"), "{nowhere}");
}
