//! A coordinator that is killed with -9 and started again: the run ends as if nothing had happened.

#![allow(clippy::unwrap_used, reason = "a test")]
#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a test: small numbers"
)]

#[path = "support/reporter.rs"]
mod reporter;
mod support;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use reporter::{Patience, Shared, report};
use serde_json::Value;
use support::{Process, account, assert_balanced, csv, registrations, roamstorm, scenario};
use tokio::runtime::Runtime;
use wire::{Identity, Role};

/// A coordinator as a process, and agents of this one that know the truth.
struct Fleet {
    folder: tempfile::TempDir,
    coordinator: Process,
    address: String,
    truth: Shared,
    runtime: Runtime,
}

/// How long the load takes.
const LENGTH: Duration = Duration::from_secs(4);

fn start(agents: usize) -> Fleet {
    let folder = tempfile::tempdir().unwrap();
    let guarded = "guardrails:\n  - {abort-when: registration.success < 10%, for: 2s}\n";
    let path = scenario(folder.path(), &registrations(2000, 500, 4, guarded).replace(">= 99%", ">= 50%"));
    assert!(roamstorm().arg("certs").arg(folder.path().join("certs")).output().unwrap().status.success());
    let mut coordinator = Process::start(
        roamstorm()
            .args(["coordinator", &path, "--seed", "2", "--target", "sctp://127.0.0.1:9", "--json"])
            .args(["--listen", "127.0.0.1:0", "--agents", &agents.to_string(), "--lease", "20s", "--certs"])
            .arg(folder.path().join("certs"))
            .arg("--out")
            .arg(folder.path().join("runs")),
    );
    let line = coordinator.wait_for("waiting on");
    let address = line.split_whitespace().find(|word| word.starts_with("127.0.0.1:")).unwrap().to_owned();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    Fleet { folder, coordinator, address, truth: Shared::default(), runtime }
}

impl Fleet {
    fn agent(&self, name: &str, patience: Patience) {
        let identity = Identity::load(&self.folder.path().join("certs"), Role::Agent).unwrap();
        let (address, truth) = (self.address.clone(), Shared::clone(&self.truth));
        self.runtime.spawn(report(address, identity, name.to_owned(), LENGTH, patience, truth));
    }

    fn run(&self) -> PathBuf {
        let find = || {
            let mut runs = std::fs::read_dir(self.folder.path().join("runs")).ok()?;
            let run = runs.next()?.ok()?.path();
            run.join("plan.json").is_file().then_some(run)
        };
        self.wait_until("the run folder", |_| find().is_some());
        find().unwrap()
    }

    /// Kills the coordinator with -9 and starts it again: the folder knows the address and the certificates.
    fn restart(&mut self) {
        self.coordinator.signal("KILL");
        self.coordinator.child.wait().unwrap();
        self.coordinator = Process::start(
            roamstorm().args(["--log", "info", "coordinator", "--resume"]).arg(self.run()).arg("--json"),
        );
        self.coordinator.wait_for("took up");
    }

    fn wait_until(&self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        let began = Instant::now();
        while !holds(self) {
            assert!(began.elapsed() < Duration::from_secs(60), "{what} did not come");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn wait_for_journal(&self, decision: &str) {
        self.wait_until(decision, |fleet| {
            std::fs::read_to_string(fleet.run().join("journal.ndjson"))
                .is_ok_and(|journal| journal.contains(decision))
        });
    }

    fn wait_for_reports(&self, n: u64) {
        self.wait_until("reports", |fleet| fleet.truth.lock().unwrap().succeeded >= n);
    }

    /// Everything that the run has left is what the agents reported.
    fn finish(self) -> Value {
        let run = self.run();
        let Self { coordinator, truth, folder, runtime, .. } = self;
        let (code, stdout, stderr) = coordinator.finish();
        let summary: Value =
            serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}\n{stderr}"));
        assert_eq!(
            (code, &summary["verdict"]["status"]),
            (Some(0), &"pass".into()),
            "{}\n{stderr}\n{}",
            summary["verdict"],
            std::fs::read_to_string(run.join("journal.ndjson")).unwrap()
        );
        assert_balanced(&summary);
        let truth = truth.lock().unwrap();
        let registration = &summary["procedures"]["registration"];
        let failed: u64 =
            registration["failed"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
        let counted = (&registration["planned"], registration["succeeded"].as_u64().unwrap(), failed);
        assert_eq!(counted, (&(truth.succeeded + truth.failed).into(), truth.succeeded, truth.failed));
        let latencies = truth.latencies.as_ref().unwrap();
        for (name, quantile) in
            [("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99), ("p999", 0.999), ("max", 1.0)]
        {
            assert_eq!(registration["latency_us"][name], latencies.value_at_quantile(quantile), "{name}");
        }
        assert_eq!(histograms(&run), *latencies, "histograms.hlog is not what was reported");
        let timeline = std::fs::read_to_string(run.join("timeline.ndjson")).unwrap();
        let seconds: Vec<Value> = timeline.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let at: Vec<u64> = seconds.iter().map(|second| second["at_s"].as_u64().unwrap()).collect();
        assert_eq!(at, (0..at.len() as u64).collect::<Vec<_>>(), "the time line has each second once");
        let of = |second: &Value| second["procedures"]["registration"]["succeeded"].as_u64().unwrap_or(0);
        assert_eq!(seconds.iter().map(of).sum::<u64>(), truth.succeeded);
        let mut usage = csv(&run.join("usage.csv"));
        let mut reported = truth.usage.clone();
        usage.sort();
        reported.sort();
        assert_eq!(usage.len(), reported.len(), "usage.csv");
        usage.dedup();
        assert_eq!(usage.len(), reported.len(), "a usage record is there twice");
        for left in ["journal.sqlite", "journal.sqlite-wal", "control.json", "control"] {
            assert!(!run.join(left).exists(), "{left} outlived the run");
        }
        drop(truth);
        drop(runtime);
        drop(folder);
        summary
    }
}

/// All latencies of histograms.hlog.
fn histograms(run: &Path) -> Histogram<u64> {
    let log = std::fs::read(run.join("histograms.hlog")).unwrap();
    let mut all = Histogram::new(3).unwrap();
    for entry in IntervalLogIterator::new(&log) {
        if let LogEntry::Interval(interval) = entry.unwrap()
            && interval.tag().is_some_and(|tag| tag.as_str() == "registration")
        {
            use base64::Engine as _;
            let octets =
                base64::engine::general_purpose::STANDARD.decode(interval.encoded_histogram()).unwrap();
            let histogram: Histogram<u64> = Deserializer::new().deserialize(&mut octets.as_slice()).unwrap();
            all.add(histogram).unwrap();
        }
    }
    all
}

#[test]
fn killed_under_load_three_times_the_run_ends_as_the_undisturbed_one() {
    let undisturbed = start(2);
    ["east", "west"].into_iter().for_each(|name| undisturbed.agent(name, Patience::None));
    let undisturbed = undisturbed.finish();

    let mut fleet = start(2);
    ["east", "west"].into_iter().for_each(|name| fleet.agent(name, Patience::None));
    for reports in [100, 700, 1300] {
        fleet.wait_for_reports(reports);
        fleet.restart();
    }
    let truth = Shared::clone(&fleet.truth);
    let summary = fleet.finish();
    assert!(truth.lock().unwrap().returned >= 6, "{}", truth.lock().unwrap().returned);
    assert_eq!(account(&summary), account(&undisturbed));
}

#[test]
fn killed_while_agents_join_the_run_begins_with_those_that_return() {
    let mut fleet = start(2);
    fleet.agent("east", Patience::None);
    fleet.wait_until("a welcome", |fleet| fleet.truth.lock().unwrap().welcomed >= 1);
    fleet.restart();
    fleet.agent("west", Patience::None);
    let summary = fleet.finish();
    let mut agents: Vec<&str> =
        summary["agents"].as_array().unwrap().iter().map(|agent| agent["id"].as_str().unwrap()).collect();
    agents.sort_unstable();
    // One that was on the disk, and had not heard so, joins anew under another name.
    agents.retain(|name| *name != "east-2");
    assert_eq!(agents, ["east", "west"]);
}

#[test]
fn killed_while_shards_are_prepared_the_run_begins_when_they_are() {
    let mut fleet = start(2);
    ["east", "west"].into_iter().for_each(|name| fleet.agent(name, Patience::ReadyWhenReturned));
    fleet.wait_until("leases", |fleet| fleet.truth.lock().unwrap().leased >= 2);
    fleet.restart();
    fleet.finish();
}

/// Whether the leases were on the disk, or with the agents, in that moment is left to chance: it must not matter.
#[test]
fn killed_while_shards_are_leased_the_run_begins_all_the_same() {
    let mut fleet = start(2);
    ["east", "west"].into_iter().for_each(|name| fleet.agent(name, Patience::None));
    fleet.wait_for_journal("leased a shard");
    fleet.restart();
    fleet.finish();
}

#[test]
fn killed_while_the_last_reports_come_nothing_is_missing() {
    let mut fleet = start(2);
    ["east", "west"].into_iter().for_each(|name| fleet.agent(name, Patience::None));
    fleet.wait_for_journal("shard says it is finished");
    fleet.restart();
    fleet.finish();
}

#[test]
fn second_coordinator_of_a_run_is_refused_and_a_finished_run_is_not_resumed() {
    let fleet = start(1);
    let certs = fleet.folder.path().join("certs");
    let resume = |run: &Path| {
        let mut command = roamstorm();
        command
            .args(["coordinator", "--listen", "127.0.0.1:0", "--resume"])
            .arg(run)
            .arg("--certs")
            .arg(&certs);
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let run = fleet.run();
    let (code, said) = resume(&run);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("another coordinator has this run"), "{said}");
    fleet.agent("east", Patience::None);
    let copy = tempfile::tempdir().unwrap();
    fleet.wait_for_reports(10);
    std::fs::write(copy.path().join("plan.json"), "{}").unwrap();
    let (code, said) = resume(copy.path());
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("journal.sqlite"), "{said}");
    fleet.finish();
}
