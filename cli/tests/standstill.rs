//! Processes that are stopped for a while and go on, at several moments: what waited for them is never blamed on the target.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;
use support::{Process, assert_balanced, registrations, roamstorm, scenario};

/// Longer than the second from which on a process has stood still.
const STOPPED: Duration = Duration::from_millis(2_500);

/// SIGSTOP, and SIGCONT when time has passed: the only thing here that is about time itself.
fn stop_for(processes: &[&Process], lasts: Duration) {
    processes.iter().for_each(|process| process.signal("STOP"));
    std::thread::sleep(lasts);
    processes.iter().for_each(|process| process.signal("CONT"));
}

/// The only run below a folder, as far as it has come.
struct Watched(PathBuf);

impl Watched {
    fn run(&self) -> Option<PathBuf> {
        let run = std::fs::read_dir(self.0.join("runs")).ok()?.next()?.ok()?.path();
        run.join("plan.json").is_file().then_some(run)
    }

    fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
        let began = Instant::now();
        loop {
            if let Some(found) = found() {
                return found;
            }
            assert!(began.elapsed() < Duration::from_secs(120), "{what} did not come");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn wait_for_decision(&self, decision: &str) {
        Self::until(decision, || {
            let journal = std::fs::read_to_string(self.run()?.join("journal.ndjson")).ok()?;
            journal.contains(decision).then_some(())
        });
    }

    /// This second of the run is complete.
    fn wait_for_second(&self, second: u64) {
        Self::until("a second of the run", || {
            let lines = std::fs::read_to_string(self.run()?.join("timeline.ndjson")).ok()?;
            let last: Value = serde_json::from_str(lines.lines().last()?).ok()?;
            (last["at_s"].as_u64()? >= second).then_some(())
        });
    }
}

fn summary(ended: (Option<i32>, String, String)) -> (Option<i32>, Value, String) {
    let (code, stdout, stderr) = ended;
    let summary =
        serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{code:?}: {error}: {stdout}\n{stderr}"));
    (code, summary, stderr)
}

/// The run is invalid, and the first thing that it says is that this stood still.
fn assert_stood_still(ended: (Option<i32>, String, String), who: &str) -> Value {
    let (code, summary, stderr) = summary(ended);
    let reasons = &summary["verdict"]["reasons"];
    assert_eq!((code, &summary["verdict"]["status"]), (Some(3), &"invalid".into()), "{reasons:#}\n{stderr}");
    let first = reasons[0].as_str().unwrap();
    let said = first.strip_prefix(who).and_then(|rest| rest.split_once("stood still for "));
    let seconds: f64 = said.and_then(|(_, rest)| rest.split(' ').next()?.parse().ok()).unwrap_or_default();
    assert!(seconds >= STOPPED.as_secs_f64() - 0.3, "{reasons:#}");
    assert_balanced(&summary);
    summary
}

/// Warnings name the agents that stood still, and what that cost: attempts that came due meanwhile, and that were under way.
fn cost_of_standstill(summary: &Value) -> (u64, u64) {
    let warnings = summary["warnings"].as_array().unwrap();
    let told = warnings.iter().filter_map(Value::as_str).filter(|text| text.contains("stood still for"));
    let told: Vec<&str> = told.collect();
    assert!(!told.is_empty() && told.iter().all(|text| text.starts_with("agent a")), "{warnings:?}");
    let before = |text: &str| -> u64 {
        let count = |warning: &&str| -> u64 {
            let (count, _) = warning.split_once(text).unwrap_or_else(|| panic!("{warning}"));
            count.rsplit(' ').next().unwrap().replace(',', "").parse().unwrap()
        };
        told.iter().map(count).sum()
    };
    (before(" attempts came due"), before(" that were under way"))
}

fn embedded(folder: &Path, yaml: &str) -> (Process, Watched) {
    let path = scenario(folder, yaml);
    let mut command = roamstorm();
    command.args(["run", &path, "--seed", "3", "--json", "--out"]).arg(folder.join("runs"));
    (Process::start(&mut command), Watched(folder.to_owned()))
}

#[test]
fn embedded_run_that_stands_still_before_its_load_begins_is_invalid() {
    let folder = tempfile::tempdir().unwrap();
    let (process, run) = embedded(folder.path(), &registrations(400, 50, 3, ""));
    run.wait_for_decision("created the run");
    stop_for(&[&process], STOPPED);
    assert_stood_still(process.finish(), "this process ");
}

#[test]
fn embedded_run_that_stands_still_under_load_is_invalid() {
    let folder = tempfile::tempdir().unwrap();
    let (process, run) = embedded(folder.path(), &registrations(800, 50, 6, ""));
    run.wait_for_second(1);
    stop_for(&[&process], STOPPED);
    let summary = assert_stood_still(process.finish(), "this process ");
    // How late everything left is known all the same.
    let coverage = &summary["generator"]["coverage"];
    assert_eq!(coverage["covers"], coverage["of"], "{coverage}");
}

/// Nothing is due any more, so nothing is late; but what is in flight runs into its timers.
#[test]
fn embedded_run_that_stands_still_while_it_drains_is_invalid() {
    let folder = tempfile::tempdir().unwrap();
    // The network answers nothing for a while, so that the end waits.
    let more = "network: {freezes: [{at: 1s, for: 4s}]}\ndrain: 20s\n";
    let (process, run) = embedded(folder.path(), &registrations(200, 50, 2, more));
    run.wait_for_second(2);
    stop_for(&[&process], STOPPED);
    assert_stood_still(process.finish(), "this process ");
}

/// A coordinator, a simulator and agents, each a process of its own.
struct Fleet {
    coordinator: Process,
    simulator: Process,
    agents: Vec<Process>,
    address: String,
    run: Watched,
}

impl Fleet {
    fn start(folder: &Path, yaml: &str, agents: usize) -> Self {
        let path = scenario(folder, yaml);
        let certs = support::certs(folder);
        let (simulator, target) = support::simulator(&path, 9, |_| {});
        let (coordinator, address) = support::coordinator(folder, (&path, 9), (agents, &target), |_| {});
        let agent = |number: usize| {
            let mut command = roamstorm();
            command.args(["agent", "--name", &format!("a{number}"), "--workers", "1"]);
            command.args(["--coordinator", &address, "--certs"]).arg(&certs);
            Process::start(&mut command)
        };
        let agents = (1..=agents).map(agent).collect();
        Self { coordinator, simulator, agents, address, run: Watched(folder.to_owned()) }
    }

    fn stop_agents(&self) {
        let agents: Vec<&Process> = self.agents.iter().collect();
        stop_for(&agents, STOPPED);
    }

    /// Kills the coordinator with -9.
    fn kill_coordinator(&mut self) {
        self.coordinator.signal("KILL");
        self.coordinator.child.wait().unwrap();
    }

    fn resume_coordinator(&mut self) {
        self.coordinator = Process::start(
            roamstorm()
                .args(["--log", "info", "coordinator", "--resume"])
                .arg(self.run.run().unwrap())
                .args(["--json", "--listen", &self.address, "--certs"])
                .arg(self.run.0.join("certs")),
        );
        self.coordinator.wait_for("took up");
    }
}

/// Nobody hears how late the agents are while they are: they tell it when somebody listens again.
#[test]
fn agents_that_stand_still_while_their_coordinator_is_dead_make_the_run_invalid() {
    let folder = tempfile::tempdir().unwrap();
    let mut fleet = Fleet::start(folder.path(), &registrations(1_000, 50, 12, "drain: 8s\n"), 2);
    fleet.run.wait_for_second(2);
    fleet.kill_coordinator();
    fleet.stop_agents();
    fleet.resume_coordinator();
    let (code, summary, stderr) = summary(fleet.coordinator.finish());
    let reasons = &summary["verdict"]["reasons"];
    assert_eq!((code, &summary["verdict"]["status"]), (Some(3), &"invalid".into()), "{reasons:#}\n{stderr}");
    assert!(reasons[0].as_str().unwrap().starts_with("generator limited"), "{reasons:#}");
    assert_balanced(&summary);
    let generator = &summary["generator"];
    assert_eq!(generator["coverage"]["covers"], generator["coverage"]["of"], "{generator}");
    // What came due meanwhile left late: two seconds and a half of fifty a second.
    let late = generator["late_attempts"].as_u64().unwrap();
    assert!(generator["limited"] == true && late >= 60, "{generator}");
    drop(fleet.simulator);
}

/// A second and a half in which so few attempts come due that the limits hold: the run is valid, and says what it cost.
#[test]
fn agent_that_stands_still_within_the_limits_leaves_the_run_valid_with_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let fleet = Fleet::start(folder.path(), &registrations(60, 5, 12, ""), 2);
    fleet.run.wait_for_second(2);
    stop_for(&[&fleet.agents[0]], Duration::from_millis(1_500));
    let (code, summary, stderr) = summary(fleet.coordinator.finish());
    support::assert_summary_passed(code, &summary, &stderr);
    let (late, under_way) = cost_of_standstill(&summary);
    assert!((1..10).contains(&late) && under_way < 3, "{late} {under_way}");
    assert_eq!(summary["generator"]["limited"], false, "{}", summary["generator"]);
    assert_balanced(&summary);
    drop(fleet.simulator);
}

#[test]
fn agent_that_stands_still_while_the_run_drains_makes_it_invalid() {
    let folder = tempfile::tempdir().unwrap();
    let more = "network: {freezes: [{at: 1s, for: 4s}]}\ndrain: 20s\n";
    let fleet = Fleet::start(folder.path(), &registrations(200, 50, 2, more), 2);
    fleet.run.wait_for_second(2);
    fleet.stop_agents();
    let (code, summary, stderr) = summary(fleet.coordinator.finish());
    let reasons = &summary["verdict"]["reasons"];
    assert_eq!((code, &summary["verdict"]["status"]), (Some(3), &"invalid".into()), "{reasons:#}\n{stderr}");
    // Nothing is late any more, but a quarter of all attempts was under way, and is in no figure.
    assert!(reasons[0].as_str().unwrap().starts_with("fleet lost"), "{reasons:#}");
    let lost = summary["procedures"]["registration"]["abandoned"]["agent-stood-still"].as_u64().unwrap();
    let (_, under_way) = cost_of_standstill(&summary);
    assert!(lost > 10 && lost == under_way, "{lost} {under_way}: {summary:#}");
    assert_balanced(&summary);
    drop(fleet.simulator);
}

/// Agents go on without it, and it has nothing to do with what they measure.
#[test]
fn coordinator_that_stands_still_says_nothing_about_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let fleet = Fleet::start(folder.path(), &registrations(400, 50, 4, ""), 2);
    fleet.run.wait_for_second(1);
    stop_for(&[&fleet.coordinator], STOPPED);
    let (code, summary, stderr) = summary(fleet.coordinator.finish());
    support::assert_summary_passed(code, &summary, &stderr);
    assert!(!summary["verdict"]["reasons"].to_string().contains("stood still"), "{summary:#}");
    drop(fleet.simulator);
}
