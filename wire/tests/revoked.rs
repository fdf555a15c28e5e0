//! Revoked certificates: entered in the authority's list, refused with a reason on both sides, and cut off in mid-run.

#![allow(clippy::unwrap_used, reason = "how a test fails")]

mod fleet;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use fleet::{bind, in_time, meet};
use tempfile::TempDir;
use wire::{Authority, CertificateFault, Identity, IdentityError, Role, Settings, WireError};

/// A folder with an authority, a coordinator and agents of these names, each in a folder of its own.
fn fleet_of(agents: &[&str]) -> (TempDir, Authority) {
    let folder = TempDir::new().unwrap();
    let authority = Authority::generate("fleet").unwrap();
    authority.save(folder.path(), false).unwrap();
    authority.issue("coordinator", Role::Coordinator, &[]).unwrap().save(folder.path(), false).unwrap();
    for agent in agents {
        authority.issue(agent, Role::Agent, &[]).unwrap().save(&folder.path().join(agent), false).unwrap();
    }
    (folder, authority)
}

fn certificate(folder: &Path, agent: &str) -> PathBuf {
    folder.join(agent).join("agent.pem")
}

fn agent(folder: &Path, agent: &str) -> Identity {
    Identity::load(&folder.join(agent), Role::Agent).unwrap()
}

#[tokio::test]
async fn revoked_agent_is_refused_and_both_sides_say_so() {
    let (folder, authority) = fleet_of(&["lost", "kept", "stolen"]);
    let folder = folder.path();
    assert!(authority.revoke(folder, &certificate(folder, "lost")).unwrap());
    assert!(authority.revoke(folder, &certificate(folder, "stolen")).unwrap(), "the list is extended");
    assert!(!authority.revoke(folder, &certificate(folder, "lost")).unwrap(), "it was there already");

    let endpoint = bind(&Identity::load(folder, Role::Coordinator).unwrap(), Settings::default());
    for revoked in ["lost", "stolen"] {
        let (at_coordinator, at_agent) = meet(&endpoint, &agent(folder, revoked), Settings::default()).await;
        let error = at_coordinator.unwrap_err().to_string();
        assert!(error.starts_with("refused the certificate of the agent at 127.0.0.1:"), "{error}");
        assert!(error.contains("it was revoked by the fleet's authority"), "{error}");
        let error = at_agent.unwrap_err();
        assert!(!error.is_transient(), "{error}");
        assert!(
            matches!(error, WireError::OurCertificateRefused { fault: CertificateFault::Revoked, .. }),
            "{error:?}"
        );
        assert!(error.to_string().contains("refused this agent's certificate: it was revoked"), "{error}");
    }
    let (at_coordinator, at_agent) = meet(&endpoint, &agent(folder, "kept"), Settings::default()).await;
    at_coordinator.unwrap();
    at_agent.unwrap();
}

#[tokio::test]
async fn agent_whose_certificate_has_ended_meanwhile_is_cut_off_all_the_same() {
    let (folder, authority) = fleet_of(&[]);
    let folder = folder.path();
    let now = SystemTime::now();
    let until = now + Duration::from_secs(2);
    let short =
        authority.issue_between("short", Role::Agent, &[], now - Duration::from_secs(60), until).unwrap();
    short.save(&folder.join("short"), false).unwrap();
    let endpoint = bind(&Identity::load(folder, Role::Coordinator).unwrap(), Settings::default());
    let (_here, mut there) = both(meet(&endpoint, &short, Settings::default()).await);
    while SystemTime::now() < until + Duration::from_secs(1) {
        let quiet = tokio::time::timeout(Duration::from_millis(100), endpoint.accept()).await;
        quiet.map(|joined| panic!("nobody joins: {joined:?}")).unwrap_err();
    }
    authority.revoke(folder, &certificate(folder, "short")).unwrap();
    let cut_off = in_time(async {
        tokio::select! {
            joined = endpoint.accept() => panic!("nobody joins: {joined:?}"),
            cut_off = there.receive() => cut_off,
        }
    });
    assert!(cut_off.await.unwrap_err().is_revocation());
}

#[tokio::test]
async fn agent_revoked_in_mid_run_is_cut_off_and_the_others_stay() {
    let (folder, authority) = fleet_of(&["lost", "kept"]);
    let folder = folder.path();
    let endpoint = bind(&Identity::load(folder, Role::Coordinator).unwrap(), Settings::default());
    let (mut lost_here, mut lost) = both(meet(&endpoint, &agent(folder, "lost"), Settings::default()).await);
    let (mut kept_here, mut kept) = both(meet(&endpoint, &agent(folder, "kept"), Settings::default()).await);

    authority.revoke(folder, &certificate(folder, "lost")).unwrap();
    let cut_off = in_time(async {
        tokio::select! {
            joined = endpoint.accept() => panic!("nobody joins: {joined:?}"),
            cut_off = lost.receive() => cut_off,
        }
    });
    let error = cut_off.await.unwrap_err();
    assert!(!error.is_transient(), "it must not come back: {error}");
    assert!(error.to_string().contains("it was revoked by the fleet's authority"), "{error}");
    in_time(lost_here.receive()).await.unwrap_err();

    let message = wire::to_coordinator::ToCoordinator::Alive { agent_us: 1 };
    kept.send(&message).await.unwrap();
    assert_eq!(in_time(kept_here.receive()).await.unwrap(), Some(message));
}

#[tokio::test]
async fn list_that_becomes_garbage_changes_nothing() {
    let (folder, authority) = fleet_of(&["lost", "kept"]);
    let folder = folder.path();
    authority.revoke(folder, &certificate(folder, "lost")).unwrap();
    let endpoint = bind(&Identity::load(folder, Role::Coordinator).unwrap(), Settings::default());
    for garbage in ["", "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"] {
        fs::write(folder.join("authority.crl"), garbage).unwrap();
        let waited = tokio::time::timeout(2 * TICK, endpoint.accept()).await;
        assert!(waited.is_err(), "{waited:?}");
        let (_, at_agent) = meet(&endpoint, &agent(folder, "lost"), Settings::default()).await;
        at_agent.unwrap_err();
        let (at_coordinator, at_agent) = meet(&endpoint, &agent(folder, "kept"), Settings::default()).await;
        at_coordinator.unwrap();
        at_agent.unwrap();
    }
    let error = Identity::load(folder, Role::Coordinator).unwrap_err().to_string();
    assert!(error.contains("authority.crl: not a list of revoked certificates"), "{error}");
}

#[test]
fn list_of_another_authority_is_named() {
    let ((ours, _), (theirs, authority)) = (fleet_of(&[]), fleet_of(&["a"]));
    authority.revoke(theirs.path(), &certificate(theirs.path(), "a")).unwrap();
    fs::copy(theirs.path().join("authority.crl"), ours.path().join("authority.crl")).unwrap();
    let error = Identity::load(ours.path(), Role::Coordinator).unwrap_err();
    assert!(matches!(error, IdentityError::NotRevocations { .. }), "{error:?}");
}

#[test]
fn certificate_of_another_authority_is_not_ours_to_revoke() {
    let ((ours, authority), (theirs, _)) = (fleet_of(&[]), fleet_of(&["a"]));
    let before = fs::read(ours.path().join("authority.crl")).unwrap();
    let error = authority.revoke(ours.path(), &certificate(theirs.path(), "a")).unwrap_err();
    assert!(matches!(error, IdentityError::OtherAuthority { .. }), "{error:?}");
    assert_eq!(fs::read(ours.path().join("authority.crl")).unwrap(), before);
}

#[test]
fn revoked_coordinator_is_told_when_it_loads() {
    let (folder, authority) = fleet_of(&[]);
    authority.revoke(folder.path(), &folder.path().join("coordinator.pem")).unwrap();
    let error = Identity::load(folder.path(), Role::Coordinator).unwrap_err().to_string();
    assert!(error.contains("coordinator.pem: revoked by its authority"), "{error}");
}

#[tokio::test]
async fn new_authority_has_a_list_with_nothing_in_it() {
    let (folder, authority) = fleet_of(&["kept"]);
    assert!(folder.path().join("authority.crl").exists());
    let endpoint = bind(&Identity::load(folder.path(), Role::Coordinator).unwrap(), Settings::default());
    let (at_coordinator, at_agent) =
        meet(&endpoint, &agent(folder.path(), "kept"), Settings::default()).await;
    both((at_coordinator, at_agent));
    assert!(authority.revoke(folder.path(), &certificate(folder.path(), "kept")).unwrap());
}

fn both<A, B>((here, there): (Result<A, WireError>, Result<B, WireError>)) -> (A, B) {
    (here.unwrap(), there.unwrap())
}

/// Longer than the endpoint takes to see a file change.
const TICK: Duration = Duration::from_millis(400);
