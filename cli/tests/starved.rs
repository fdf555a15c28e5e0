//! A generator that gets too little processor time says so: its figures are not the target's.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::process::{Child, Command, Stdio};

use oracles::skipped;
use support::{Process, Run, finish, registrations, scenario};

/// Processes that keep one processor busy; killed when dropped.
struct Busy(Vec<Child>);

impl Drop for Busy {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A run with its processes on processor 0, beside two others that never rest there, at nice 15: at ordinary priority it
/// gets about one fiftieth.
fn starved(priority: &str) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let path = scenario(folder.path(), &registrations(900, 300, 3, ""));
    let spin =
        || Command::new("taskset").args(["-c", "0", "sh", "-c", "while :; do :; done"]).spawn().unwrap();
    let busy = Busy(vec![spin(), spin()]);
    let out = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_roamstorm");
    let mut command = Command::new("taskset");
    command.args(["-c", "0", "nice", "-n", "15", program, "run", &path, "--json", "--seed", "4"]);
    command.args(["--priority", priority, "--out"]).arg(out.path()).stdin(Stdio::null());
    support::have_the_machine_alone();
    let output = command.output().unwrap();
    drop(busy);
    finish(output, out)
}

/// The one host of an embedded run.
fn host(run: &Run) -> &serde_json::Value {
    &run.summary["generator"]["processors"][0]
}

#[test]
fn a_generator_starved_of_processor_time_makes_the_run_invalid_and_says_by_whom() {
    let run = starved("none");
    assert_eq!((run.code, run.status()), (Some(3), "invalid"), "{}", run.reasons());
    assert!(run.reasons().contains("generator"), "{}", run.reasons());
    assert_eq!(run.summary["generator"]["limited"], true);
    support::assert_balanced(&run.summary);
    assert_eq!(run.summary["generator"]["priority"], "none");
    let late = &host(&run)["while_late"];
    let share = |who: &str| late[who].as_f64().unwrap();
    assert_eq!(host(&run)["processors"], 1);
    assert!(share("busy") > 0.8 && share("other_processes") > share("this_program"), "{late:#}");
    assert!(run.reasons().contains("other processes"), "{}", run.reasons());
    assert!(run.stderr.contains("late: this run will be invalid"), "{}", run.stderr);
    // Nothing of the target is judged by it.
    for slo in run.summary["slos"].as_array().unwrap() {
        assert_eq!((&slo["judged"], &slo["pass"]), (&false.into(), &false.into()), "{slo:#}");
    }
    let junit = std::fs::read_to_string(run.folder().join("junit.xml")).unwrap();
    assert!(junit.contains("failures=\"0\" errors=\"1\""), "{junit}");
    assert!(!junit.contains("<failure") && junit.matches("<skipped").count() >= 1, "{junit}");
}

/// The simulator's thread alone, on processor 0 and behind everybody there, beside two that never rest; the rest of the run has
/// another processor.
#[test]
fn a_simulator_that_alone_is_starved_makes_the_run_invalid_and_accuses_nobody() {
    if std::thread::available_parallelism().map_or(1, usize::from) < 2 {
        skipped("two-processors", "there is one");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = scenario(folder.path(), &registrations(1_500, 100, 15, ""));
    let out = tempfile::tempdir().unwrap();
    let mut command = support::roamstorm();
    command.args([
        "run",
        &path,
        "--json",
        "--seed",
        "4",
        "--target",
        "sim:udp",
        "--priority",
        "none",
        "--out",
    ]);
    let mut run = Process::start(command.arg(out.path()));
    run.wait_for(" s of ");
    let threads = std::fs::read_dir(format!("/proc/{}/task", run.child.id())).unwrap();
    for thread in threads.map(|thread| thread.unwrap()) {
        let name = std::fs::read_to_string(thread.path().join("comm")).unwrap_or_default();
        let number = thread.file_name().into_string().unwrap();
        let simulator = name.trim() == "simulator";
        let place = |program: &str, arguments: &[&str]| {
            let done = Command::new(program).args(arguments).stdout(Stdio::null()).status().unwrap();
            assert!(done.success(), "{program} {arguments:?}");
        };
        place("taskset", &["-pc", if simulator { "0" } else { "1" }, &number]);
        if simulator {
            place("chrt", &["--idle", "-p", "0", &number]);
        }
    }
    let spin =
        || Command::new("taskset").args(["-c", "0", "sh", "-c", "while :; do :; done"]).spawn().unwrap();
    let busy = Busy(vec![spin(), spin()]);
    run.wait_for(" s of ");
    drop(busy);
    let (code, stdout, stderr) = run.finish();
    let summary: serde_json::Value =
        serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{stdout}\n{stderr}"));
    let reasons = summary["verdict"]["reasons"].to_string();
    assert_eq!((code, &summary["verdict"]["status"]), (Some(3), &"invalid".into()), "{reasons}");
    assert!(reasons.contains("target starved: "), "{reasons}");
    assert_eq!(summary["embedded_target"]["starved"], true, "{}", summary["embedded_target"]);
    assert!(summary["embedded_target"]["longest_wait_us"].as_u64() > Some(100_000), "{summary}");
    for slo in summary["slos"].as_array().unwrap() {
        assert_eq!((&slo["judged"], &slo["pass"]), (&false.into(), &false.into()), "{slo:#}");
    }
    support::assert_balanced(&summary);
}

/// Where this process may take it; else there is nothing to see.
#[test]
fn real_time_priority_keeps_starts_on_time_beside_others_that_never_rest() {
    let run = starved("auto");
    if run.summary["generator"]["priority"] != "real-time" {
        skipped("real-time", &run.summary["generator"]["priority"]);
        return;
    }
    assert_eq!(run.summary["generator"]["limited"], false, "{}", run.summary["generator"]);
    support::assert_balanced(&run.summary);
}
