//! The built program, run as a user would, and what it leaves behind.

#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

/// Lets the calling test have the machine for itself, until its thread ends: load that is paced against the clock must not
/// stand beside another test's, which would be measured as the generator's lateness.
pub fn have_the_machine_alone() {
    static MACHINE: Mutex<()> = Mutex::new(());
    thread_local! {
        static HELD: RefCell<Option<MutexGuard<'static, ()>>> = const { RefCell::new(None) };
    }
    HELD.with_borrow_mut(|held| {
        held.get_or_insert_with(|| MACHINE.lock().unwrap_or_else(PoisonError::into_inner));
    });
}

/// The program, not started yet. From here to its end, the calling test has the machine for itself.
pub fn roamstorm() -> Command {
    have_the_machine_alone();
    let mut command = Command::new(env!("CARGO_BIN_EXE_roamstorm"));
    command.stdin(Stdio::null());
    command
}

/// A finished run with `--json`.
pub struct Run {
    pub code: Option<i32>,
    pub summary: Value,
    pub stderr: String,
    /// Kept until the test ends.
    pub out: tempfile::TempDir,
}

impl Run {
    pub fn folder(&self) -> PathBuf {
        self.out.path().join(self.summary["run_id"].as_str().unwrap_or_default())
    }

    pub fn status(&self) -> &str {
        self.summary["verdict"]["status"].as_str().unwrap_or("none")
    }

    pub fn reasons(&self) -> String {
        self.summary["verdict"]["reasons"].to_string()
    }

    pub fn registration(&self) -> &Value {
        &self.summary["procedures"]["registration"]
    }

    /// The lines of timeline.ndjson.
    pub fn timeline(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.folder().join("timeline.ndjson")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// Asserts that a run passed. On a machine that others keep busy the generator may be late: that alone makes a run invalid
/// and its latencies long, but nothing else may be wrong then. The account is balanced in any case.
pub fn assert_passed(run: &Run) {
    assert_summary_passed(run.code, &run.summary, &run.stderr);
}

/// [`assert_passed`] of a run that another command made.
pub fn assert_summary_passed(code: Option<i32>, summary: &Value, stderr: &str) {
    assert_balanced(summary);
    let status = summary["verdict"]["status"].as_str().unwrap_or("none");
    if (code, status) == (Some(0), "pass") {
        return;
    }
    let reasons: Vec<&str> = summary["verdict"]["reasons"]
        .as_array()
        .map(|reasons| reasons.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let of_lateness = |reason: &&str| {
        let texts =
            ["generator limited", "target starved", "stood still for", "generator.lateness.", ".latency."];
        texts.iter().any(|text| reason.contains(text))
    };
    let stood_still = reasons.iter().any(|reason| reason.contains("stood still for"));
    let starved = summary["embedded_target"]["starved"] == true;
    let late = (summary["generator"]["limited"] == true || starved || stood_still)
        && reasons.iter().all(of_lateness);
    assert!(code == Some(3) && late, "{code:?} {status}: {reasons:#?}\n{stderr}");
}

/// Asserts that a run failed by its SLOs or guardrails, or that a generator that was late besides made it invalid.
pub fn assert_failed(run: &Run) {
    assert_balanced(&run.summary);
    let limited = run.summary["generator"]["limited"] == true;
    let starved = run.summary["embedded_target"]["starved"] == true;
    let late = run.status() == "invalid" && (limited || starved);
    let expected = if late { (Some(3), "invalid") } else { (Some(1), "fail") };
    assert_eq!((run.code, run.status()), expected, "{}\n{}", run.reasons(), run.stderr);
}

/// The lines of a CSV file without its header, cut into fields; no field that is read here holds a comma.
pub fn csv(path: &Path) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

/// Runs a scenario to its end with these further arguments.
pub fn run(scenario: &str, arguments: &[&str]) -> Run {
    let out = tempfile::tempdir().unwrap();
    let mut command = roamstorm();
    command.args(["run", scenario, "--json", "--out"]).arg(out.path()).args(arguments);
    finish(command.output().unwrap(), out)
}

/// What a run that has ended left.
pub fn finish(output: Output, out: tempfile::TempDir) -> Run {
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let summary = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!(
            "no summary ({error}): {:?}\n{}\n{stderr}",
            output.status,
            String::from_utf8_lossy(&output.stdout)
        )
    });
    Run { code: output.status.code(), summary, stderr, out }
}

/// A command that fails before it runs anything: its exit code and what it says.
pub fn refused(arguments: &[&str]) -> (Option<i32>, String) {
    let output = roamstorm().args(arguments).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Writes a scenario into a folder.
pub fn scenario(folder: &Path, yaml: &str) -> String {
    let path = folder.join("scenario.yaml");
    std::fs::write(&path, yaml).unwrap();
    path.to_str().unwrap().to_owned()
}

/// A campaign of registrations with everything but the load fixed; `more` is further top-level YAML.
pub fn registrations(subscribers: u32, rate: u32, seconds: u32, more: &str) -> String {
    format!(
        r#"
name: test
description: A campaign of a test.
subscribers:
  - {{plmn: 001/01, imsi: "001010000000001", count: {subscribers}, k: "465B5CE8B199B49FAA5F0A2EE238A6BC",
     opc: "E8ED289DEBA952E4283B54E88E6183CA", amf: "8000", suci: null-scheme}}
cells: {{nodes: 4, cells-per-node: 2, tacs: [1, 2], slices: ["1"]}}
nas: {{nr: {{ciphering: [0], integrity: [2], retry: never}}}}
radio: ideal
load:
  - {{procedure: registration, arrivals: poisson, phases: [{{rate: {rate}/s, for: {seconds}s}}]}}
slos: [registration.success >= 99%]
{more}
"#
    )
}

/// A process whose standard error is read line by line; killed when dropped.
pub struct Process {
    pub child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStderr>>,
    said: Vec<String>,
}

impl Process {
    pub fn start(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, lines, said: Vec::new() }
    }

    /// Reads on until a line holds this text, and returns the line.
    pub fn wait_for(&mut self, text: &str) -> String {
        for line in self.lines.by_ref() {
            let line = line.unwrap();
            self.said.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
        panic!("the process ended without saying {text:?}; it said:\n{}", self.said.join("\n"));
    }

    /// What was read so far.
    pub fn said(&self) -> &[String] {
        &self.said
    }

    /// Sends a signal, such as `INT`.
    pub fn signal(&self, name: &str) {
        let status =
            Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Waits for the end, reading what is left.
    pub fn finish(mut self) -> (Option<i32>, String, String) {
        let mut stdout = String::new();
        // Both pipes are read: the one that fills up would stop the process.
        let out = self.child.stdout.take().unwrap();
        let reader = std::thread::spawn(move || std::io::read_to_string(out).unwrap());
        for line in self.lines.by_ref().map_while(Result::ok) {
            self.said.push(line);
        }
        stdout.push_str(&reader.join().unwrap());
        let status = self.child.wait().unwrap();
        (status.code(), stdout, self.said.join("\n"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The certificates of a fleet, made in this folder.
pub fn certs(folder: &Path) -> PathBuf {
    let certs = folder.join("certs");
    assert!(roamstorm().arg("certs").arg(&certs).output().unwrap().status.success());
    certs
}

/// A simulator of a scenario that listens on loopback, and where.
pub fn simulator(path: &str, seed: u64, more: impl FnOnce(&mut Command)) -> (Process, String) {
    let mut command = roamstorm();
    command.args(["simulator", path, "--seed", &seed.to_string(), "--listen", "sctp+udp://127.0.0.1:0"]);
    more(&mut command);
    let mut simulator = Process::start(&mut command);
    let line = simulator.wait_for("listening on");
    let target = line.split([' ', ',']).find(|word| word.contains("://")).unwrap().to_owned();
    (simulator, target)
}

/// A coordinator that waits on loopback for so many agents, with its runs and its certificates in this folder, and where.
pub fn coordinator(
    folder: &Path,
    (path, seed): (&str, u64),
    (agents, target): (usize, &str),
    more: impl FnOnce(&mut Command),
) -> (Process, String) {
    let mut command = roamstorm();
    command.args(["coordinator", path, "--seed", &seed.to_string(), "--agents", &agents.to_string()]);
    command.args(["--target", target, "--json", "--listen", "127.0.0.1:0"]);
    command.arg("--certs").arg(folder.join("certs")).arg("--out").arg(folder.join("runs"));
    more(&mut command);
    let mut coordinator = Process::start(&mut command);
    let line = coordinator.wait_for("waiting on");
    let address = line.split_whitespace().find(|word| word.starts_with("127.0.0.1:")).unwrap().to_owned();
    (coordinator, address)
}

/// The counts of a summary by procedure, without the latencies: what must be the same for the same seed.
pub fn account(summary: &Value) -> BTreeMap<String, Vec<(String, Value)>> {
    let keys = ["planned", "started", "succeeded", "failed", "timed_out", "abandoned", "never_started"];
    let procedures = summary["procedures"].as_object().unwrap();
    let counts = |value: &Value| keys.map(|key| (key.to_owned(), value[key].clone())).to_vec();
    procedures.iter().map(|(name, value)| (name.clone(), counts(value))).collect()
}

/// Asserts that `planned = succeeded + failed + timed-out + abandoned + never-started` for each procedure.
pub fn assert_balanced(summary: &Value) {
    for (name, value) in summary["procedures"].as_object().unwrap() {
        let of = |key: &str| match &value[key] {
            Value::Object(causes) => causes.values().filter_map(Value::as_u64).sum(),
            count => count.as_u64().unwrap(),
        };
        let ended: u64 =
            ["succeeded", "failed", "timed_out", "abandoned", "never_started"].map(of).iter().sum();
        assert_eq!(of("planned"), ended, "{name}: {value}");
    }
}
