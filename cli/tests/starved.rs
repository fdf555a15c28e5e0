//! A generator that gets too little processor time says so: its figures are not the target's.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::process::{Child, Command, Stdio};

use support::{finish, registrations, scenario};

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

#[test]
fn a_generator_starved_of_processor_time_makes_the_run_invalid() {
    let folder = tempfile::tempdir().unwrap();
    let path = scenario(folder.path(), &registrations(900, 300, 3, ""));
    // At nice 15 beside two busy processes, the program gets about one fiftieth of processor 0.
    let spin =
        || Command::new("taskset").args(["-c", "0", "sh", "-c", "while :; do :; done"]).spawn().unwrap();
    let busy = Busy(vec![spin(), spin()]);
    let out = tempfile::tempdir().unwrap();
    let output = Command::new("taskset")
        .args([
            "-c",
            "0",
            "nice",
            "-n",
            "15",
            env!("CARGO_BIN_EXE_roamstorm"),
            "run",
            &path,
            "--json",
            "--seed",
            "4",
            "--out",
        ])
        .arg(out.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    drop(busy);
    let run = finish(output, out);
    assert_eq!((run.code, run.status()), (Some(3), "invalid"), "{}", run.reasons());
    assert!(run.reasons().contains("generator"), "{}", run.reasons());
    assert_eq!(run.summary["generator"]["limited"], true);
    support::assert_balanced(&run.summary);
}
