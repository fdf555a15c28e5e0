//! A run that is under way, from another terminal: watched, paused, resumed, stopped.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::path::{Path, PathBuf};

use serde_json::Value;
use support::{Process, assert_balanced, assert_summary_passed, registrations, roamstorm, scenario};

/// A run of this machine that has begun, and its folder.
fn begun(folder: &Path) -> (Process, PathBuf) {
    let path = scenario(folder, &registrations(300, 50, 6, ""));
    let out = folder.join("runs");
    let mut run =
        Process::start(roamstorm().args(["run", &path, "--seed", "3", "--json", "--out"]).arg(&out));
    run.wait_for(" s of 6 s");
    let folder = std::fs::read_dir(&out).unwrap().map(|run| run.unwrap().path()).next().unwrap();
    (run, folder)
}

/// A command about a run by its name: its exit code, and what it says.
fn order(command: &str, run: &Path) -> (Option<i32>, String) {
    let (out, name) = (run.parent().unwrap(), run.file_name().unwrap());
    let output = roamstorm().arg(command).arg(name).arg("--out").arg(out).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn paused_and_resumed_run_is_watched_to_its_verdict_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (run, path) = begun(folder.path());
    let mut leaving = Process::start(roamstorm().arg("watch").arg(&path));
    leaving.wait_for(" s of 6 s");
    drop(leaving);
    let watching = Process::start(roamstorm().arg("watch").arg(&path));
    let (code, said) = order("pause", &path);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("paused at"), "{said}");
    let (code, said) = order("pause", &path);
    assert!(code == Some(2) && said.contains("paused already"), "{said}");
    let (code, said) = order("resume", &path);
    assert!(code == Some(0) && said.contains("goes on at"), "{said}");
    let (code, said) = order("resume", &path);
    assert!(code == Some(2) && said.contains("not paused"), "{said}");
    let (code, stdout, stderr) = run.finish();
    let summary: Value = serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stderr}"));
    assert_summary_passed(code, &summary, &stderr);
    assert_eq!(summary["procedures"]["registration"]["planned"], 300);
    let (watched, said, _) = watching.finish();
    assert_eq!(watched, code, "{said}");
    let status = summary["verdict"]["status"].as_str().unwrap();
    assert!(said.starts_with(status), "{said}");
    // It has ended: watching tells how, and there is nobody to be told anything.
    let (later, said) = order("watch", &path);
    assert!(later == code && said.starts_with(status), "{said}");
    let (code, said) = order("stop", &path);
    assert!(code == Some(2) && said.contains("has ended already"), "{said}");
}

#[test]
fn stopped_run_is_aborted_with_a_balanced_account() {
    let folder = tempfile::tempdir().unwrap();
    let (run, path) = begun(folder.path());
    let (code, said) = order("stop", &path);
    assert!(code == Some(0) && said.contains("stopping"), "{said}");
    let (code, stdout, stderr) = run.finish();
    assert_eq!(code, Some(3), "{stderr}");
    let summary: Value = serde_json::from_str(&stdout).unwrap();
    assert_balanced(&summary);
    assert!(summary["verdict"]["reasons"].to_string().contains("aborted by the operator"));
}

#[test]
fn run_that_is_not_there_is_said_in_words() {
    let folder = tempfile::tempdir().unwrap();
    for command in ["watch", "pause", "resume", "stop"] {
        let (code, said) = order(command, &folder.path().join("no-run"));
        assert!(code == Some(2) && said.contains("there is no run no-run"), "{said}");
    }
    std::fs::write(folder.path().join("plan.json"), "{}").unwrap();
    let (code, said) = order("watch", folder.path());
    assert!(code == Some(2) && said.contains("--resume"), "{said}");
}
