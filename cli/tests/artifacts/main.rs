//! What runs leave, in a real S3 server: pushed, locked, verified, read from there; and what goes wrong on the way.

#![allow(clippy::unwrap_used, reason = "a test")]
#![allow(unreachable_pub, reason = "a test's modules")]

mod faults;
mod proxy;
mod reading;
mod server;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use server::{Room, Server};
use support::{Run, assert_failed, assert_passed, finish, scenario};

/// What a command said; it ends with this code.
pub fn said(command: &mut Command, code: i32) -> (String, String) {
    let output = command.output().unwrap();
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{command:?}\n{out}\n{err}");
    (out, err)
}

/// A run of the smallest kind, which is over in a second and is pushed nowhere.
pub fn small_run() -> Run {
    let folder = tempfile::tempdir().unwrap();
    let file = scenario(folder.path(), &support::registrations(20, 20, 1, ""));
    let run = support::run(&file, &["--seed", "1"]);
    assert_passed(&run);
    run
}

/// The paths of all files in a folder.
fn files(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else {
                found.insert(entry.strip_prefix(folder).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found
}

#[test]
fn a_campaign_lies_locked_under_the_same_names_with_a_signed_manifest() {
    let server = Server::start(Room::Enough, &["locked"]);
    let work = tempfile::tempdir().unwrap();
    let certs = support::certs(work.path());
    let out = tempfile::tempdir().unwrap();
    let mut command = server.roamstorm();
    command.args(["run", "smoke", "--json", "--seed", "12", "--attempts", "all", "--trace", "all", "--out"]);
    command.arg(out.path()).args(["--artifacts", "s3://locked/nightly", "--artifacts-lock", "compliance"]);
    command.arg("--artifacts-certs").arg(&certs);
    command.args(["--artifacts-keep", "traces=7d", "--set", "charging.faults.lost=5%"]);
    let run = finish(command.output().unwrap(), out);
    assert_failed(&run);
    let id = run.summary["run_id"].as_str().unwrap();
    let pushed = format!("artifacts: s3://locked/nightly/{id}: ");
    assert!(
        run.stderr.contains(&pushed) && run.stderr.contains("locked (compliance), signed"),
        "{}",
        run.stderr
    );

    // Every file that a run leaves is known to the table, and is there with its content.
    let here: BTreeSet<String> = files(&run.folder())
        .into_iter()
        .filter(|path| {
            let fate = artifacts::fate(path);
            assert!(fate.is_some(), "artifacts/src/classes.rs does not know {path}");
            fate != Some(artifacts::Fate::Stays)
        })
        .collect();
    for expected in ["usage.csv", "charging.csv", "attempts.ndjson.zst", "traces/all.pcapng", "report.html"] {
        assert!(here.contains(expected), "{here:?}");
    }
    let hashes = server.boto(&format!(
        "for o in s3.list_objects_v2(Bucket='locked', Prefix='nightly/{id}/')['Contents']:\n    \
         print(o['Key'], hashlib.sha256(s3.get_object(Bucket='locked', Key=o['Key'])['Body'].read()).hexdigest())"
    ));
    let prefix = format!("nightly/{id}/");
    let there: BTreeSet<String> =
        hashes.lines().map(|line| line.strip_prefix(&prefix).unwrap().to_owned()).collect();
    let local: BTreeSet<String> =
        here.iter().map(|path| format!("{path} {}", sha256(&run.folder().join(path)))).collect();
    let manifest: BTreeSet<String> =
        there.iter().filter(|line| line.starts_with("manifest.ndjson ")).cloned().collect();
    assert_eq!(manifest.len(), 1, "{there:?}");
    assert_eq!(there.difference(&manifest).cloned().collect::<BTreeSet<_>>(), local);

    assert_locked(&server, id);
    assert_tagged(&server, id, run.status());
    assert_verified(&server, id, &certs);
    // Pushed again, nothing is sent.
    let mut again = server.roamstorm();
    again.args(["artifacts", "push"]).arg(run.folder()).args([
        "s3://locked/nightly/",
        "--artifacts-lock",
        "compliance",
    ]);
    let (out, _) = said(&mut again, 0);
    assert!(out.contains(&format!("({} files were there already)", here.len())), "{out}");
}

fn sha256(path: &Path) -> String {
    let output = Command::new("sha256sum").arg(path).output().unwrap();
    String::from_utf8(output.stdout).unwrap().split(' ').next().unwrap().to_owned()
}

/// Nobody can delete a version, or shorten its time, and each class has its own.
fn assert_locked(server: &Server, id: &str) {
    let answers = server.boto(&format!(
        "for name, days in (('usage.csv', 3 * 365), ('report.html', 365), ('traces/all.pcapng', 7), ('manifest.ndjson', 3 * 365)):\n    \
         key = 'nightly/{id}/' + name\n    \
         head = s3.head_object(Bucket='locked', Key=key)\n    \
         version = head['VersionId']\n    \
         refused(lambda: s3.delete_object(Bucket='locked', Key=key, VersionId=version))\n    \
         refused(lambda: s3.put_object_retention(Bucket='locked', Key=key, VersionId=version, Retention={{'Mode': 'COMPLIANCE', 'RetainUntilDate': until(1)}}))\n    \
         left = head['ObjectLockRetainUntilDate'] - datetime.datetime.now(datetime.timezone.utc)\n    \
         print(head['ObjectLockMode'], round(left.total_seconds() / 86400) == days)"
    ));
    let expected = "AccessDenied\nAccessDenied\nCOMPLIANCE True\n".repeat(4);
    assert_eq!(answers, expected.trim_end(), "delete, shorten, mode and time");
}

fn assert_tagged(server: &Server, id: &str, verdict: &str) {
    let tags = server.boto(&format!(
        "for name in ('usage.csv', 'report.html', 'traces/all.pcapng'):\n    \
         tags = s3.get_object_tagging(Bucket='locked', Key='nightly/{id}/' + name)['TagSet']\n    \
         print(' '.join(sorted(tag['Key'] + '=' + tag['Value'] for tag in tags)))"
    ));
    let expected: Vec<String> = ["billing", "reports", "traces"]
        .map(|class| format!("retention-class={class} run={id} scenario=smoke verdict={verdict}"))
        .to_vec();
    assert_eq!(tags.lines().collect::<Vec<_>>(), expected);
}

fn assert_verified(server: &Server, id: &str, certs: &Path) {
    let url = format!("s3://locked/nightly/{id}");
    let mut verify = server.roamstorm();
    verify.args(["artifacts", "verify", &url, "--json", "--authority"]).arg(certs.join("authority.pem"));
    let found: Value = serde_json::from_str(&said(&mut verify, 0).0).unwrap();
    assert_eq!((&found["good"], &found["trusted"]), (&true.into(), &true.into()), "{found:#}");
    assert_eq!((&found["agree"], &found["lock"]), (&found["files"], &"compliance".into()), "{found:#}");
    assert_eq!((&found["problems"], &found["others"]), (&Value::Array(vec![]), &Value::Array(vec![])));

    let elsewhere = tempfile::tempdir().unwrap();
    let strangers = support::certs(elsewhere.path());
    let mut verify = server.roamstorm();
    verify.args(["artifacts", "verify", &url, "--authority"]).arg(strangers.join("authority.pem"));
    let (out, _) = said(&mut verify, 1);
    assert!(out.contains("NOT AS PUSHED") && out.contains("not issued by the authority"), "{out}");
}
