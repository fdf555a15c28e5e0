//! Whole runs.

use std::time::Duration;

use coordinator::{RunOutcome, StopRequest};
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use results::{Phase, Status};
use tokio::sync::watch;

use crate::agent::Behaviour::{self, *};
use crate::agent::{campaign, certificates, plan, read};

pub(crate) const SCENARIO: &str = r#"
name: coordinator-test
subscribers:
  - {plmn: 001/01, imsi: "001010000000001", count: 100, k: "465B5CE8B199B49FAA5F0A2EE238A6BC", opc: "E8ED289DEBA952E4283B54E88E6183CA", amf: "8000"}
cells: {nodes: 4, cells-per-node: 1, tacs: [1], slices: ["1"]}
load:
  - procedure: registration
    arrivals: uniform
    phases: [{rate: 50/s, for: 2s}]
slos:
  - registration.success >= 99.5%
  - registration.latency.p50 < 300ms
"#;

const GUARDED: &str = "guardrails:\n  - {abort-when: registration.success < 50%, for: 1s}\n";

/// A run that nobody stops.
async fn run(behaviours: &[Behaviour]) -> (RunOutcome, tempfile::TempDir) {
    let (outcome, runs) = campaign(SCENARIO, behaviours, |_| {}, StopRequest::None).await;
    (outcome.unwrap(), runs)
}

/// The account of registrations: planned, succeeded, failed, timed out, abandoned, never started.
pub(crate) fn account(outcome: &RunOutcome) -> [u64; 6] {
    let p = &outcome.summary.procedures["registration"];
    [
        p.planned,
        p.succeeded,
        p.failed.values().sum(),
        p.timed_out,
        p.abandoned.values().sum(),
        p.never_started,
    ]
}

#[tokio::test]
async fn honest_fleet_passes_and_leaves_a_whole_folder() {
    let (outcome, _runs) = run(&[Honest, Honest]).await;
    let summary = &outcome.summary;
    assert_eq!((summary.verdict.status, &summary.verdict.reasons), (Status::Pass, &vec![]));
    assert_eq!(account(&outcome), [100, 100, 0, 0, 0, 0]);
    assert_eq!(summary.agents.iter().map(|agent| agent.shards.len()).collect::<Vec<_>>(), [2, 2]);
    assert!((11_990..12_020).contains(&summary.procedures["registration"].latency_us.p50));
    let written: serde_json::Value = serde_json::from_str(&read(&outcome, "summary.json")).unwrap();
    assert_eq!(written["verdict"]["status"], "pass");
    assert_eq!(written["procedures"]["registration"]["planned"], 100);
    assert_eq!(written["slos"][0]["target"], ">= 99.5%");
    let seconds: Vec<serde_json::Value> =
        read(&outcome, "timeline.ndjson").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let succeeded: u64 =
        seconds.iter().filter_map(|s| s["procedures"]["registration"]["succeeded"].as_u64()).sum();
    assert_eq!(succeeded, 100);
    for name in ["scenario.yaml", "plan.json", "junit.xml", "journal.ndjson", "report.html"] {
        assert!(!read(&outcome, name).is_empty(), "{name}");
    }
    assert!(!outcome.folder.join("reports.log").exists(), "the report log outlived its run");
}

#[tokio::test]
async fn histogram_log_opens_with_the_standard_reader_and_adds_up() {
    let (outcome, _runs) = run(&[Honest]).await;
    let log = read(&outcome, "histograms.hlog");
    let mut total = 0;
    for entry in IntervalLogIterator::new(log.as_bytes()) {
        if let LogEntry::Interval(interval) = entry.unwrap()
            && interval.tag().is_some_and(|tag| tag.as_str() == "registration")
        {
            use base64::Engine as _;
            let octets =
                base64::engine::general_purpose::STANDARD.decode(interval.encoded_histogram()).unwrap();
            let histogram: Histogram<u64> = Deserializer::new().deserialize(&mut octets.as_slice()).unwrap();
            total += histogram.len();
        }
    }
    assert_eq!(total, 100);
}

#[tokio::test]
async fn repeated_and_reordered_and_old_reports_change_nothing() {
    for behaviour in [Repeats, Reorders, OldEpoch] {
        let (outcome, _runs) = run(&[behaviour]).await;
        let reports = &outcome.summary.reports;
        assert_eq!(account(&outcome), [100, 100, 0, 0, 0, 0], "{behaviour:?}");
        assert_eq!(outcome.summary.verdict.status, Status::Pass, "{behaviour:?}");
        assert_eq!(reports.merged, 8, "{behaviour:?}");
        match behaviour {
            Repeats => assert_eq!(reports.duplicates, 12),
            Reorders => assert_eq!(reports.out_of_order, 4),
            _ => assert_eq!(reports.old_epoch, 4),
        }
    }
}

#[tokio::test]
async fn vanished_agent_makes_the_run_invalid_and_its_attempts_are_accounted_for() {
    let (outcome, _runs) = run(&[Honest, Vanishes]).await;
    let verdict = &outcome.summary.verdict;
    assert_eq!(verdict.status, Status::Invalid);
    assert!(verdict.reasons[0].starts_with("fleet lost: 44 of 100 planned attempts (44.0 %)"), "{verdict:?}");
    assert_eq!(verdict.reasons.len(), 1, "the account must be proven all the same: {verdict:?}");
    let registration = &outcome.summary.procedures["registration"];
    // 25 a shard: 12 came due, of which 6 succeeded; the second shard was not begun. The run is over when the leases end.
    assert_eq!(registration.abandoned["agent-lost"], 6 + 13 + 25);
    assert_eq!(registration.succeeded, 50 + 6);
}

#[tokio::test]
async fn broken_guardrail_drains_the_run_and_fails_it() {
    let scenario = format!("{SCENARIO}{GUARDED}");
    let (outcome, _runs) = campaign(&scenario, &[Fails], |_| {}, StopRequest::None).await;
    let outcome = outcome.unwrap();
    let verdict = &outcome.summary.verdict;
    assert_eq!((verdict.status, verdict.exit_code()), (Status::Fail, 1), "{verdict:?}");
    assert!(verdict.reasons[0].starts_with("guardrail registration.success < 50%"), "{verdict:?}");
    assert_eq!(account(&outcome), [100, 0, 48, 0, 0, 52]);
    assert!(outcome.summary.guardrails[0].broken_at_s.is_some());
}

#[tokio::test]
async fn stopped_run_drains_and_says_that_it_was_aborted() {
    for request in [StopRequest::Drain, StopRequest::Now] {
        let (outcome, _runs) = campaign(SCENARIO, &[Waits], |_| {}, request).await;
        let outcome = outcome.unwrap();
        let verdict = &outcome.summary.verdict;
        assert_eq!((verdict.status, verdict.exit_code()), (Status::Invalid, 3), "{verdict:?}");
        assert_eq!(verdict.reasons[0], "aborted by the operator");
        assert!(!verdict.reasons.iter().any(|reason| reason.contains("accounting")), "{verdict:?}");
        assert_eq!(account(&outcome), [100, 0, 0, 0, 4, 96]);
        assert!(outcome.folder.join("summary.json").exists());
    }
}

#[tokio::test]
async fn target_that_is_not_there_ends_the_run_with_the_agents_words() {
    let (outcome, _runs) = run(&[CannotPrepare]).await;
    let verdict = &outcome.summary.verdict;
    assert_eq!(verdict.status, Status::Invalid);
    assert!(verdict.reasons[0].contains("nothing listens at memory://amf"), "{verdict:?}");
    assert!(verdict.reasons.iter().all(|reason| !reason.chars().any(edges::text::is_unfit)), "{verdict:?}");
    let summary = serde_json::to_string(&outcome.summary).unwrap();
    assert!(summary.len() < 50_000, "{}", summary.len());
    let journal = read(&outcome, "journal.ndjson");
    assert!(journal.len() < 50_000 && !journal.contains("\\u001b"), "{}: {journal}", journal.len());
    assert_eq!(account(&outcome), [100, 0, 0, 0, 0, 100]);
}

/// What one shard could not set up, the others did: their messages count too, and the account is that of the plan.
#[tokio::test]
async fn run_that_ends_before_its_start_counts_what_every_agent_has_said_until_then() {
    let (outcome, _runs) = run(&[CannotPrepare, Honest]).await;
    let summary = &outcome.summary;
    assert!(summary.agents.iter().all(|agent| !agent.shards.is_empty()), "{:?}", summary.agents);
    let shards = u64::from(plan(SCENARIO).shards());
    assert_eq!((summary.counts.messages_sent, summary.counts.messages_received), (3 * shards, 2 * shards));
    assert_eq!(account(&outcome), [100, 0, 0, 0, 0, 100]);
    assert_eq!(summary.verdict.status, Status::Invalid);
    assert!(!summary.verdict.reasons.iter().any(|reason| reason.contains("accounting")), "{summary:?}");
}

#[tokio::test]
async fn agent_that_never_gets_ready_is_named_with_its_shards_and_nobody_else() {
    let set = |config: &mut coordinator::CoordinatorConfig| {
        config.run.prepare_timeout = Duration::from_millis(1500);
    };
    let (outcome, _runs) = campaign(SCENARIO, &[Honest, NeverReady], set, StopRequest::None).await;
    let outcome = outcome.unwrap();
    let verdict = &outcome.summary.verdict;
    assert_eq!((verdict.status, verdict.exit_code()), (Status::Invalid, 3), "{verdict:?}");
    let reason = &verdict.reasons[0];
    assert!(reason.contains("] of agent NeverReady were not ready within 1 s"), "{reason}");
    assert!(!reason.contains("Honest"), "{reason}");
    let silent = outcome.summary.agents.iter().find(|agent| agent.id == "NeverReady").unwrap();
    assert!(reason.starts_with(&format!("shards {:?} of", silent.shards)), "{reason}: {silent:?}");
    assert_eq!(account(&outcome), [100, 0, 0, 0, 0, 100]);
}

#[tokio::test]
async fn account_that_does_not_come_out_makes_the_run_invalid() {
    let (outcome, _runs) = run(&[Miscounts]).await;
    let verdict = &outcome.summary.verdict;
    assert_eq!(verdict.status, Status::Invalid);
    assert!(
        verdict.reasons[0].starts_with("accounting not proven: registration: 100 planned, but 96"),
        "{verdict:?}"
    );
}

#[tokio::test]
async fn lying_agent_is_sent_away() {
    let (outcome, _runs) = run(&[Honest, Lies]).await;
    let verdict = &outcome.summary.verdict;
    assert_eq!(verdict.status, Status::Invalid);
    assert!(verdict.reasons[0].contains("sent a report that cannot be true"), "{verdict:?}");
    assert_eq!(outcome.summary.procedures["registration"].succeeded, 50);
}

#[tokio::test]
async fn late_generator_makes_the_run_invalid() {
    let (outcome, _runs) =
        campaign(&format!("{SCENARIO}{GUARDED}"), &[Late], |_| {}, StopRequest::None).await;
    let outcome = outcome.unwrap();
    let verdict = &outcome.summary.verdict;
    assert_eq!(verdict.status, Status::Invalid);
    // Nothing else is judged: what is attempted, two SLOs and the guardrail are skipped.
    let junit = read(&outcome, "junit.xml");
    assert!(junit.contains(r#"tests="5" failures="0" errors="1" skipped="4""#), "{junit}");
    assert!(
        outcome.summary.generator.limited && verdict.reasons[0].starts_with("generator limited: 100 of 100"),
        "{verdict:?}"
    );
}

#[tokio::test]
async fn registrations_without_a_5g_guti_are_a_warning_that_says_what_fails_by_it() {
    let (outcome, _runs) = run(&[Honest, WithoutGuti]).await;
    let warnings = &outcome.summary.warnings;
    let named = |warning: &&String| warning.contains("registrations were accepted without a 5G-GUTI");
    let [warning] = &warnings.iter().filter(named).collect::<Vec<_>>()[..] else { panic!("{warnings:?}") };
    assert!(warning.starts_with("50 ") && warning.contains("no-5g-guti"), "{warning}");
    assert_eq!(outcome.summary.verdict.status, Status::Pass);
}

/// A figure whose evidence is not complete says so, and neither passes its SLO nor lets the run pass.
#[tokio::test]
async fn run_whose_lateness_is_known_in_part_is_invalid_and_tells_the_coverage() {
    let scenario = SCENARIO.replace("slos:\n", "slos:\n  - generator.lateness.p99 < 1s\n");
    let (outcome, _runs) = campaign(&scenario, &[KeepsLateness], |_| {}, StopRequest::None).await;
    let summary = outcome.unwrap().summary;
    let verdict = &summary.verdict;
    assert_eq!(verdict.status, Status::Invalid);
    // The first half of each of four shards.
    let covers = summary.generator.attempts;
    assert!((40..=50).contains(&covers) && summary.generator.coverage.of == 100, "{:?}", summary.generator);
    let told = format!("covers {covers} of 100 attempts");
    assert!(verdict.reasons[0].starts_with(&format!("generator lateness {told}")), "{verdict:?}");
    let slo = &summary.slos[0];
    assert!(!slo.pass && slo.missed().ends_with(&format!("but it {told}")), "{slo:?}");
    let registration = &summary.procedures["registration"];
    assert_eq!((registration.latency_us.samples, registration.coverage.covers), (100, 100));
    assert_eq!(registration.lateness_us.samples, covers);
}

#[tokio::test]
async fn too_few_agents_is_an_error_that_says_where_they_were_expected() {
    let set = |config: &mut coordinator::CoordinatorConfig| {
        config.run.agents_wanted = 2;
        config.run.join_timeout = Duration::from_millis(1500);
    };
    let (outcome, _runs) = campaign(SCENARIO, &[Honest], set, StopRequest::None).await;
    let error = outcome.unwrap_err().to_string();
    assert!(error.contains("of 2 agents joined") && error.contains("127.0.0.1:"), "{error}");
}

#[tokio::test]
async fn runs_folder_that_is_a_file_is_an_error_that_names_it() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_owned();
    let (outcome, _runs) =
        campaign(SCENARIO, &[Honest], |config| config.run.out = path, StopRequest::None).await;
    let error = outcome.unwrap_err().to_string();
    assert!(error.contains(&file.path().display().to_string()) && error.contains("--out"), "{error}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn link_laid_during_the_run_makes_it_invalid_and_names_the_file() {
    let certificates = certificates();
    let runs = tempfile::tempdir().unwrap();
    let listen = "127.0.0.1:0".parse().unwrap();
    let mut config =
        coordinator::CoordinatorConfig::new(listen, certificates.coordinator, "memory://amf", runs.path());
    config.run.run_id = Some("full".to_owned());
    let coordinator = coordinator::Coordinator::bind(config).await.unwrap();
    let (address, mut progress) = (coordinator.local_addr().to_string(), coordinator.progress());
    let folder = runs.path().join("full");
    let agent = tokio::spawn(async move {
        // The folder is there once the run waits for agents: somebody lays a link in the place of a file that comes later.
        progress
            .wait_for(|progress| progress.phase == Phase::Joining && !progress.run_id.is_empty())
            .await
            .unwrap();
        std::os::unix::fs::symlink("/dev/full", folder.join("histograms.hlog")).unwrap();
        crate::agent::play(address, certificates.agent, Honest).await;
    });
    let (_stop, stopped) = watch::channel(StopRequest::None);
    let outcome = coordinator.run(plan(SCENARIO), stopped).await.unwrap();
    agent.abort();
    let verdict = &outcome.summary.verdict;
    assert_eq!(verdict.status, Status::Invalid);
    assert!(
        verdict.reasons[0].contains("histograms.hlog") && verdict.reasons[0].contains("symbolic link"),
        "{verdict:?}"
    );
    assert!(outcome.folder.join("summary.json").exists());
}
