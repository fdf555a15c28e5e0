//! Arguments may be any octets: paths work, and where a text is needed the error names the argument.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use support::{assert_passed, finish, registrations, roamstorm};

/// `r\xfcns` in Latin-1: no UTF-8.
fn latin1() -> &'static OsStr {
    OsStr::from_bytes(b"r\xfcns")
}

#[test]
fn folders_and_scenarios_may_have_any_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(latin1()).with_extension("yaml");
    std::fs::write(&path, registrations(50, 50, 1, "")).unwrap();
    let out = tempfile::tempdir().unwrap();
    let runs = out.path().join(latin1());
    let mut command = roamstorm();
    command.arg("run").arg(&path).args(["--json", "--seed", "1", "--out"]).arg(&runs);
    let run = finish(command.output().unwrap(), out);
    assert_passed(&run);
    let folder = runs.join(run.summary["run_id"].as_str().unwrap());
    assert!(folder.join("report.html").is_file());

    // Its own commands find it again.
    let watched = roamstorm().arg("watch").arg(&folder).output().unwrap();
    assert_eq!(watched.status.code(), run.code, "{}", String::from_utf8_lossy(&watched.stderr));
    let report = roamstorm().arg("report").arg(&folder).output().unwrap();
    assert_eq!(report.status.code(), Some(0), "{}", String::from_utf8_lossy(&report.stderr));
}

#[test]
fn text_that_is_not_utf8_is_named() {
    for (arguments, named) in [
        (
            vec![OsStr::new("run"), OsStr::new("smoke"), OsStr::new("--target"), latin1()],
            "argument 4 of --target",
        ),
        (
            vec![OsStr::new("check"), OsStr::new("smoke"), OsStr::new("--set"), latin1()],
            "argument 4 of --set",
        ),
        (
            vec![OsStr::new("--log"), latin1(), OsStr::new("check"), OsStr::new("smoke")],
            "argument 2 of --log",
        ),
        (vec![OsStr::new("certs"), OsStr::new("x"), OsStr::new("issue"), latin1()], "argument 4"),
    ] {
        let output = roamstorm().args(&arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains(named) && said.contains(r"r\xfcns"), "{arguments:?}: {said}");
    }
    let output = roamstorm().arg("check").arg(latin1()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && said.contains("no such scenario file"), "{said}");
}

fn modes(folder: &Path, all: &mut Vec<(String, u32)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let mode = path.symlink_metadata().unwrap().permissions().mode() & 0o777;
        all.push((path.display().to_string(), mode));
        if path.is_dir() {
            modes(&path, all);
        }
    }
}

#[test]
fn run_folder_is_its_owners_alone_whatever_the_umask() {
    let folder = tempfile::tempdir().unwrap();
    let path = support::scenario(folder.path(), &registrations(50, 50, 1, ""));
    let out = folder.path().join("runs");
    support::have_the_machine_alone();
    let output = std::process::Command::new("sh")
        .args(["-c", "umask 0; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_roamstorm"), "run", &path])
        .args(["--seed", "1", "--trace", "all", "--out"])
        .arg(&out)
        .output()
        .unwrap();
    assert!(matches!(output.status.code(), Some(0 | 3)), "{}", String::from_utf8_lossy(&output.stderr));
    let mut all = Vec::new();
    modes(&out, &mut all);
    assert!(all.iter().any(|(path, _)| path.ends_with(".pcapng")), "{all:?}");
    let open: Vec<_> = all.iter().filter(|(_, mode)| mode & 0o077 != 0).collect();
    assert!(open.is_empty(), "{open:?}");
}
