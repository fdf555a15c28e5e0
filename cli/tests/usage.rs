//! What is said when a command line cannot be understood, and what helps to write one.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::process::Output;

use support::{refused, roamstorm};

fn assert_refused(arguments: &[&str], expected: &[&str]) {
    let (code, stderr) = refused(arguments);
    assert_eq!(code, Some(2), "{stderr}");
    for text in expected {
        assert!(stderr.contains(text), "{text:?} is not in: {stderr}");
    }
    for talk in ["digit found", "memory://NAME", "untagged", "budget", "variant", "os error"] {
        assert!(!stderr.contains(talk), "{stderr}");
    }
}

fn done(arguments: &[&str]) -> Output {
    let output = roamstorm().args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

#[test]
fn values_are_asked_for_in_words_of_this_program() {
    assert_refused(&["run", "smoke", "--agents", "many"], &["--agents", "a whole number is accepted"]);
    assert_refused(&["run", "smoke", "--seed", "abc"], &["--seed", "a whole number is accepted"]);
    assert_refused(&["run", "smoke", "--target", "127.0.0.1:38412"], &["sctp://HOST", "or sim:"]);
    assert_refused(&["run", "smoke", "--target", "memory://here"], &["sctp+udp://HOST", "or sim:"]);
    assert_refused(&["check", "smoke", "--set", "laod.0.phases.0.rate=5/s"], &["did you mean \"load\"?"]);
}

#[test]
fn mistyped_names_are_answered_with_the_one_that_was_meant() {
    assert_refused(
        &["validate", "mine.yaml"],
        &["did you mean `check`?", "commands: run, init, import, check"],
    );
    assert_refused(&["rnu", "smoke"], &["did you mean `run`?"]);
    assert_refused(&["catalogue", "smok"], &["did you mean \"smoke\"?"]);
    assert_refused(
        &["check", "campaign-10k", "--set", "charging.tariff=roamin"],
        &["did you mean \"roaming\"?"],
    );
    let nowhere = ["check", "campaign-10k", "--set", "charging.tariff=nosuch"];
    assert!(!refused(&nowhere).1.contains("prices.yaml"), "a scenario of the catalogue reads no file");
    let folder = tempfile::tempdir().unwrap();
    let typed = folder.path().join("evenig.yaml");
    std::fs::write(folder.path().join("evening.yaml"), "").unwrap();
    assert_refused(&["check", typed.to_str().unwrap()], &["did you mean", "/evening.yaml\"?"]);
}

#[test]
fn completions_know_the_commands_and_options() {
    for shell in ["bash", "zsh", "fish"] {
        let script = String::from_utf8(done(&["completions", shell]).stdout).unwrap();
        assert!(script.contains("coordinator") && script.contains("join-timeout"), "{shell}: {script}");
    }
}

#[test]
fn manual_pages_are_written_for_every_command_and_can_be_read_by_everybody() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    done(&["man", folder.path().to_str().unwrap()]);
    for page in ["roamstorm.1", "roamstorm-run.1", "roamstorm-certs-issue.1", "roamstorm-agent-drain.1"] {
        let path = folder.path().join(page);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(".TH") && !text.contains("memory://"), "{page}");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o644, "{page}");
    }
    let run = std::fs::read_to_string(folder.path().join("roamstorm-run.1")).unwrap();
    assert!(run.contains("Examples:") && run.contains("Exit codes:"), "{run}");
}

#[cfg(not(feature = "s3"))]
#[test]
fn a_program_without_s3_says_how_to_get_it_before_anything_runs() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    for arguments in [
        &["run", "smoke", "--out", out, "--artifacts", "s3://campaigns/nightly"][..],
        &["artifacts", "list", "s3://campaigns/nightly"],
        &["artifacts", "verify", "s3://campaigns/nightly/r-1"],
        &["report", "s3://campaigns/nightly/r-1"],
        &["compare", "s3://campaigns/nightly/r-1", "s3://campaigns/nightly/r-2"],
        &["reconcile", "s3://campaigns/nightly/r-1"],
        &["runs", "--out", "s3://campaigns/nightly"],
        &["trend", "registration.success", "--out", "s3://campaigns/nightly"],
    ] {
        assert_refused(arguments, &["built without S3", "--features full", "make dist"]);
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing has run");
    assert_refused(&["run", "smoke", "--artifacts", "campaigns"], &["s3://BUCKET/PREFIX"]);
    assert_refused(&["watch", "s3://campaigns/r-1"], &["lies in S3", "a folder is needed"]);
}
