//! `roamstorm doctor`, and what `run` finds out before it begins.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::path::Path;

use serde_json::Value;
use support::{registrations, roamstorm, scenario, simulator};

fn doctor(arguments: &[&str]) -> (Option<i32>, Value, String) {
    let output = roamstorm().arg("doctor").args(arguments).arg("--json").output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let found = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {stderr}"));
    (output.status.code(), found, stderr)
}

fn levels(found: &Value) -> Vec<(String, String, String)> {
    let parts = found["parts"].as_array().unwrap().iter();
    let findings = parts.flat_map(|part| part["findings"].as_array().unwrap());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    findings.map(|one| (text(&one["topic"]), text(&one["level"]), text(&one["found"]))).collect()
}

fn entries(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn one_subscriber_of_a_scenario_goes_through_its_life_and_leaves_nothing() {
    let (temporary, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let output = roamstorm()
        .env("TMPDIR", temporary.path())
        .args(["doctor", "smoke", "--json", "--out"])
        .arg(out.path())
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    let found: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {stderr}"));
    let all = levels(&found);
    for topic in ["registration", "session", "downlink", "deregistration", "left-behind"] {
        let (_, level, text) =
            all.iter().find(|(of, ..)| of == topic).unwrap_or_else(|| panic!("{topic}: {all:?}"));
        assert_eq!(level, "good", "{topic}: {text}\n{stderr}");
    }
    assert_eq!(output.status.code(), Some(0), "{all:?}");
    assert_eq!(found["ready"], true);
    assert_eq!(entries(out.path()), [""; 0]);
    let left: Vec<_> = entries(temporary.path()).into_iter().filter(|name| name.contains("doctor")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_subscriber_whom_the_core_does_not_know_is_told_with_what_to_provision() {
    let folder = tempfile::tempdir().unwrap();
    let path = scenario(folder.path(), &registrations(10, 10, 1, ""));
    let (_core, target) = simulator(&path, 1, |_| {});
    let wrong = ["--set", "subscribers.0.opc=00000000000000000000000000000001"];
    let (code, found, stderr) = doctor(&[&[path.as_str(), "--target", &target], &wrong[..]].concat());
    assert_eq!(code, Some(1), "{stderr}");
    let advice = found.to_string();
    assert!(advice.contains("roamstorm subscribers"), "{advice}");
    let (code, found, _) = doctor(&[&target]);
    assert_eq!(code, Some(0), "{found}");
    assert!(levels(&found).iter().any(|(topic, ..)| topic == "ng-setup"), "{found}");
    assert!(
        !levels(&found).iter().any(|(topic, ..)| topic == "registration"),
        "a target alone: nobody registers"
    );
}

#[test]
fn a_target_that_cannot_be_used_ends_a_run_in_one_sentence_without_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = scenario(folder.path(), &registrations(10, 10, 1, ""));
    let (_core, target) = simulator(&path, 1, |_| {});
    let nobody = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (target, more, expected) in [
        (target, ["--set", "cells.tacs=[9]"], "TAC 9"),
        (format!("sctp+udp://{nobody}"), ["--seed", "1"], "association refused"),
    ] {
        let out = folder.path().join("runs");
        let mut run = roamstorm();
        let output =
            run.args(["run", &path, "--target", &target]).args(more).arg("--out").arg(&out).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{stderr}");
        assert_eq!(stderr.lines().filter(|line| line.starts_with("error: ")).count(), 1, "{stderr}");
        let others: Vec<_> = stderr
            .lines()
            .filter(|line| !line.starts_with("error: ") && !line.starts_with("warning: no SLO"))
            .collect();
        assert!(others.iter().all(|line| line.starts_with("warning: ")), "{others:?}");
        assert!(stderr.contains(expected), "{stderr}");
        assert!(output.stdout.is_empty());
        assert_eq!(entries(&out), [""; 0]);
    }
}
