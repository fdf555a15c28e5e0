//! A fleet's authority on the command line: identities are issued and revoked one by one.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::path::Path;
use std::process::Output;

use support::roamstorm;
use wire::{Identity, Role};

fn certs(folder: &Path, arguments: &[&str]) -> Output {
    roamstorm().arg("certs").arg(folder).args(arguments).output().unwrap()
}

#[test]
fn agents_get_identities_of_their_own_and_lose_them_one_by_one() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    assert!(certs(folder, &[]).status.success());
    assert!(certs(folder, &["issue", "spot-1"]).status.success());
    Identity::load(&folder.join("spot-1"), Role::Agent).unwrap();
    assert!(!certs(folder, &["issue", "spot-1"]).status.success(), "what is there is not overwritten");

    let revoked = certs(folder, &["revoke", "spot-1"]);
    assert!(revoked.status.success(), "{}", String::from_utf8_lossy(&revoked.stderr));
    let again = certs(folder, &["revoke", folder.join("spot-1/agent.pem").to_str().unwrap()]);
    assert!(String::from_utf8_lossy(&again.stdout).contains("was revoked already"), "by its file, too");
    assert!(certs(folder, &["revoke", "agent"]).status.success(), "the one that agents may share");
    Identity::load(folder, Role::Coordinator).unwrap();
    let error = Identity::load(folder, Role::Agent).unwrap_err().to_string();
    assert!(error.contains("agent.pem: revoked by its authority"), "{error}");
}

#[test]
fn names_that_mean_nothing_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert!(certs(folder.path(), &[]).status.success());
    for (arguments, expected) in
        [(["issue", "../out"], "letters, digits"), (["revoke", "nobody"], "no certificate of `nobody`")]
    {
        let refused = certs(folder.path(), &arguments);
        let error = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(2), "{error}");
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn certificates_say_how_long_they_are_valid_and_a_new_authority_blocks_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let said = |output: &Output| {
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
    };
    let made = certs(folder, &["--days", "20"]);
    assert!(said(&made).contains("(20 days), the authority until "), "{}", said(&made));
    assert!(certs(folder, &["issue", "spot-1", "--days", "90"]).status.success());
    assert!(certs(folder, &["revoke", "spot-1"]).status.success());

    let again = certs(folder, &["issue", "spot-1"]);
    assert!(said(&again).contains("--force"), "{}", said(&again));
    assert!(certs(folder, &["issue", "spot-1", "--force"]).status.success());
    Identity::load(&folder.join("spot-1"), Role::Agent).unwrap();

    // A new authority: the list of the old one, and what that has issued, are in nobody's way.
    assert!(certs(folder, &["--force"]).status.success());
    Identity::load(folder, Role::Coordinator).unwrap();
    assert!(certs(folder, &["issue", "spot-1"]).status.success(), "the old one is void");
    Identity::load(&folder.join("spot-1"), Role::Agent).unwrap();
    let beyond = certs(folder, &["issue", "spot-2", "--days", "3650"]);
    assert!(said(&beyond).contains("the authority itself ends"), "{}", said(&beyond));
}

#[test]
fn who_uses_a_certificate_that_ends_soon_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let certs_ = folder.path().join("certs");
    assert!(certs(&certs_, &["--days", "20"]).status.success());
    let mut command = roamstorm();
    command.args(["coordinator", "smoke", "--target", "sctp+udp://127.0.0.1:9", "--join-timeout", "1s"]);
    command.args(["--listen", "127.0.0.1:0", "--certs"]).arg(&certs_).arg("--out").arg(folder.path());
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        stderr.contains("coordinator.pem is valid for 19 days more") || stderr.contains("for 20 days more"),
        "{stderr}"
    );
    assert!(stderr.contains("0 of 1 agents joined within 1 s"), "{stderr}");
}
