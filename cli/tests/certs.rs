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
