//! What goes wrong in the middle: Ctrl-C, an agent that vanishes, a disk that is full.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::process::Command;

use support::{Process, assert_balanced, registrations, roamstorm, scenario};

#[test]
fn ctrl_c_drains_writes_the_folder_and_says_aborted() {
    let folder = tempfile::tempdir().unwrap();
    let path = scenario(folder.path(), &registrations(6000, 100, 60, ""));
    let mut process = Process::start(
        roamstorm().args(["run", &path, "--json", "--seed", "1", "--out"]).arg(folder.path().join("runs")),
    );
    process.wait_for("registration ");
    process.signal("INT");
    let (code, stdout, stderr) = process.finish();
    assert_eq!(code, Some(3), "{stderr}");
    let summary: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(summary["verdict"]["status"], "invalid");
    assert!(summary["verdict"]["reasons"].to_string().contains("abort"), "{}", summary["verdict"]);
    assert_balanced(&summary);
    let report = folder.path().join("runs").join(summary["run_id"].as_str().unwrap()).join("report.html");
    assert!(report.exists());
}

#[test]
fn a_full_disk_is_named_and_the_run_is_not_a_pass() {
    let folder = tempfile::tempdir().unwrap();
    let path = scenario(folder.path(), &registrations(400, 200, 2, ""));
    let small = folder.path().join("small");
    std::fs::create_dir(&small).unwrap();
    let script =
        r#"mount -t tmpfs -o size=400k none "$1" && exec "$2" run "$3" --seed 1 --trace all --out "$1""#;
    support::have_the_machine_alone();
    let output = Command::new("unshare")
        .args(["--mount", "--map-root-user", "sh", "-c", script, "sh"])
        .args([small.as_path(), env!("CARGO_BIN_EXE_roamstorm").as_ref(), path.as_ref()])
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{stderr}\n{}", String::from_utf8_lossy(&output.stdout));
    let said = format!("{stderr}{}", String::from_utf8_lossy(&output.stdout));
    assert!(said.contains("No space left") || said.contains("full"), "{said}");
    assert!(said.contains("small"), "the path is named: {said}");
}
