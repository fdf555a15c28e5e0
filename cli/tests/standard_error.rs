//! Standard error may be dead, full, or read by nobody: nothing ends, waits or stops handing over because of it.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use support::{assert_summary_passed, finish, registrations, roamstorm, scenario};

/// A device that is always full.
fn full() -> Stdio {
    File::options().write(true).open("/dev/full").unwrap().into()
}

/// What became of a short run with this standard error.
fn run_with(arguments: &[&str], stderr: impl FnOnce(&mut Command) -> Child) {
    let folder = tempfile::tempdir().unwrap();
    let path = scenario(folder.path(), &registrations(100, 100, 1, ""));
    let out = tempfile::tempdir().unwrap();
    let mut command = roamstorm();
    command.args(["run", &path, "--seed", "5", "--json", "--out"]).arg(out.path()).args(arguments);
    let mut child = stderr(command.stdout(Stdio::piped()));
    let kept = child.stderr.take();
    let output = child.wait_with_output().unwrap();
    drop(kept);
    let run = finish(output, out);
    assert_summary_passed(run.code, &run.summary, "");
    assert!(run.folder().join("summary.json").is_file() && run.folder().join("report.html").is_file());
}

#[test]
fn wrong_input_ends_with_2_on_a_full_standard_error() {
    for arguments in [&["check", "smoek"][..], &["run", "--no-such-option"], &["report", "nowhere"]] {
        let status = roamstorm().args(arguments).stdout(Stdio::null()).stderr(full()).status().unwrap();
        assert_eq!(status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn standard_output_that_cannot_be_written_is_told_once() {
    let output = roamstorm().arg("catalogue").stdout(full()).stderr(Stdio::piped()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said.matches("standard output cannot be written").count(), 1, "{said}");
}

#[test]
fn run_passes_on_a_full_standard_error() {
    run_with(&["--log", "debug"], |command| command.stderr(full()).spawn().unwrap());
}

#[test]
fn run_passes_when_the_reader_of_its_log_goes() {
    run_with(&["--log", "info"], |command| {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut head = BufReader::new(child.stderr.take().unwrap()).lines();
        for _ in 0..3 {
            head.next().unwrap().unwrap();
        }
        child
    });
}

#[test]
fn run_passes_when_nobody_reads_its_log() {
    // A pipe holds 64 KiB, of which the log of this run makes many: the pipe stays open, and full.
    run_with(&["--log", "trace"], |command| command.stderr(Stdio::piped()).spawn().unwrap());
}

#[test]
fn agent_with_a_dead_standard_error_hands_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = scenario(folder.path(), &registrations(600, 60, 10, ""));
    let certs = support::certs(folder.path());
    let (_simulator, target) = support::simulator(&path, 2, |_| {});
    let (mut coordinator, address) = support::coordinator(folder.path(), (&path, 2), (2, &target), |_| {});
    let agent = |name: &str, stderr: Stdio| {
        let mut command = roamstorm();
        command.args(["--log", "debug", "agent", "--name", name, "--workers", "1", "--coordinator"]);
        command.arg(&address).arg("--certs").arg(&certs).stderr(stderr).spawn().unwrap()
    };
    let mut stays = agent("stays", Stdio::null());
    let mut leaves = agent("leaves", Stdio::piped());
    // Its reader goes before it has said a word.
    drop(leaves.stderr.take());
    coordinator.wait_for(" s of 10 s");
    assert!(Command::new("kill").arg(leaves.id().to_string()).status().unwrap().success());
    assert_eq!(leaves.wait().unwrap().code(), Some(0), "told to leave, it has handed over and left");
    let (code, stdout, stderr) = coordinator.finish();
    let summary: Value = serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stderr}"));
    assert_summary_passed(code, &summary, &stderr);
    assert_eq!(summary["procedures"]["registration"]["succeeded"], 600, "{}", summary["procedures"]);
    assert_eq!(stays.wait().unwrap().code(), Some(0));
}

/// Runs the program under a shell that limits it, in a mount namespace of its own if that is asked for.
fn limited(limits: &str, arguments: &[&str], out: &Path) -> Output {
    support::have_the_machine_alone();
    let script = format!("{limits}; program=$1; out=$2; shift 2; exec \"$program\" \"$@\" --out \"$out\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script, "sh", env!("CARGO_BIN_EXE_roamstorm")]).arg(out).args(arguments);
    command.stdin(Stdio::null()).output().unwrap()
}

#[test]
fn run_without_descriptors_leaves_nothing_and_names_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let path = scenario(folder.path(), &registrations(100, 100, 1, ""));
    let mut refused = 0;
    for descriptors in (8..=24).step_by(2) {
        let out = folder.path().join(format!("runs-{descriptors}"));
        std::fs::create_dir(&out).unwrap();
        let output = limited(&format!("ulimit -n {descriptors}"), &["run", &path, "--seed", "1"], &out);
        let said = String::from_utf8_lossy(&[output.stderr, output.stdout].concat()).into_owned();
        let code = output.status.code();
        let left = std::fs::read_dir(&out).unwrap().count();
        match code {
            // It got so far that there is a verdict.
            Some(0 | 3) if left == 1 => {}
            Some(2 | 3) => {
                refused += 1;
                assert_eq!(left, 0, "{descriptors}: {said}");
                assert!(said.contains("ulimit -n"), "{descriptors}: {said}");
            }
            _ => panic!("{descriptors}: {code:?} {said}"),
        }
    }
    assert!(refused > 3, "{refused}");
}

#[test]
fn last_line_names_a_report_that_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = scenario(folder.path(), &registrations(200, 200, 1, ""));
    let small = folder.path().join("small");
    std::fs::create_dir(&small).unwrap();
    for kib in [200, 700, 1200] {
        let script = format!(
            r#"mount -t tmpfs -o size={kib}k none "$1" && "$2" run "$3" --seed 1 --trace all --out "$1"; code=$?;
            for report in "$1"/*/report.html; do test -f "$report" && echo there; done; exit $code"#
        );
        support::have_the_machine_alone();
        let output = Command::new("unshare")
            .args(["--mount", "--map-root-user", "sh", "-c", &script, "sh"])
            .args([small.as_path(), env!("CARGO_BIN_EXE_roamstorm").as_ref(), path.as_ref()])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let stdout = String::from_utf8_lossy(&output.stdout);
        let there = stdout.lines().any(|line| line == "there");
        assert_eq!(stdout.contains("report.html"), there, "{kib} KiB: {stdout}");
    }
}

#[test]
fn limits_of_the_system_end_with_an_exit_code_of_ours() {
    let folder = tempfile::tempdir().unwrap();
    let path = scenario(folder.path(), &registrations(100, 100, 1, ""));
    let mut seen = 0;
    for limit in ["ulimit -v 300000", "ulimit -v 150000", "ulimit -v 1000000", "ulimit -f 8"] {
        let out = folder.path().join(limit.replace(' ', ""));
        let output = limited(limit, &["run", &path, "--seed", "1"], &out);
        let said = String::from_utf8_lossy(&[output.stderr, output.stdout].concat()).into_owned();
        // A program that the system does not even start is no matter of ours.
        let started = !said.is_empty();
        seen += u32::from(started);
        assert!(
            !started || matches!(output.status.code(), Some(0 | 2 | 3)),
            "{limit}: {:?} {said}",
            output.status
        );
    }
    assert!(seen > 0, "the system started the program under none of the limits");
}

#[test]
fn subscribers_beyond_any_memory_are_refused_with_both_figures() {
    let folder = tempfile::tempdir().unwrap();
    let many = &["--set", "subscribers.0.count=4294967296", "--set", "cells.nodes=1"];
    let checked = roamstorm().args(["check", "attach-10k"]).args(many).output().unwrap();
    let said = String::from_utf8_lossy(&[checked.stdout, checked.stderr].concat()).into_owned();
    assert_eq!(checked.status.code(), Some(0), "{said}");
    assert!(said.contains("memory: about 2.8 TB at the agents"), "{said}");
    let output = limited("ulimit -v 6000000", &[&["run", "attach-10k"], &many[..]].concat(), folder.path());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("2.8 TB") || said.contains("TB of memory"), "{said}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "no run folder is left");
}

/// What a run says on a terminal of this kind: `script` (bsdutils, essential on Debian) gives it one.
fn on_a_terminal(term: &str, path: &str, out: &Path) -> String {
    support::have_the_machine_alone();
    let command = format!("{} run {path} --seed 1 --out {}", env!("CARGO_BIN_EXE_roamstorm"), out.display());
    let mut script = Command::new("script");
    script.args(["-qec", &command, "/dev/null"]).env("TERM", term).env_remove("NO_COLOR");
    String::from_utf8_lossy(&script.stdin(Stdio::null()).output().unwrap().stdout).into_owned()
}

#[test]
fn dumb_terminal_gets_the_plain_lines_of_a_pipe() {
    let folder = tempfile::tempdir().unwrap();
    let path = scenario(folder.path(), &registrations(100, 100, 1, ""));
    let plain = on_a_terminal("dumb", &path, &folder.path().join("dumb"));
    assert!(plain.contains("setting up NG interfaces") && !plain.contains('\u{1b}'), "{plain:?}");
    let drawn = on_a_terminal("xterm", &path, &folder.path().join("xterm"));
    assert!(drawn.contains("\u{1b}[36m") && drawn.contains("\u{1b}[J"), "{drawn:?}");
    // It is taken away in the end, and the result stands where it was.
    let (_, result) = drawn.rsplit_once("\u{1b}[J").unwrap();
    assert!(result.contains("test, seed 1"), "{result:?}");
}
