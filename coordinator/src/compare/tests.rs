//! Folders as a run writes them, compared.
#![allow(clippy::cast_possible_truncation, reason = "a test; latencies are short")]

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde_json::json;
use statistics::Draws;

use super::*;
use crate::hlog::HistogramLog;
use crate::timeline::Timeline;
use crate::{Merge, Reception, RunFolder};
use hdrhistogram::serialization::{Serializer, V2Serializer};
use wire::to_coordinator::{IntervalReport, ProcedureInterval};

/// A run of 80 s with 60 registrations a second.
fn folder(runs: &Path, name: &str, seed: u64, slower: f64, scenario: &str) -> PathBuf {
    let folder = RunFolder::create(runs, Some(name), "test").unwrap();
    let mut hlog =
        HistogramLog::begin(folder.appender("histograms.hlog").unwrap(), SystemTime::UNIX_EPOCH).unwrap();
    let mut lines = folder.appender("timeline.ndjson").unwrap();
    let (mut timeline, mut merge, mut draws) = (Timeline::default(), Merge::new(1), Draws::new(seed));
    for second in 0..80 {
        let mut latency = hdrhistogram::Histogram::<u64>::new_with_bounds(1, 600_000_000, 3).unwrap();
        for _ in 0..60 {
            latency.record((slower * 5_000.0 * (0.3 * draws.normal()).exp()) as u64).unwrap();
        }
        let mut latency_v2 = Vec::new();
        V2Serializer::new().serialize(&latency, &mut latency_v2).unwrap();
        let procedure = ProcedureInterval {
            procedure: "registration".to_owned(),
            due: 61,
            started: 61,
            succeeded: 60,
            failed: vec![("congestion".to_owned(), 1)],
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
    let summary = json!({"run_id": name, "scenario": "test", "verdict": {"status": "pass", "reasons": []}, "planned_s": 80.0});
    folder.write("summary.json", summary.to_string().as_bytes()).unwrap();
    folder.write("plan.json", json!({"planned": {"registration": 61 * 80}}).to_string().as_bytes()).unwrap();
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
