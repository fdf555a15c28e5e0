//! Identities in files: what is written, what is refused, and what the errors say.

#![allow(clippy::unwrap_used, reason = "how a test fails")]

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;
use wire::{Authority, Identity, Role};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A folder with everything that a fleet needs.
fn fleet() -> TempDir {
    let folder = TempDir::new().unwrap();
    let authority = Authority::generate("fleet").unwrap();
    authority.save(folder.path(), false).unwrap();
    authority
        .issue("c", Role::Coordinator, &["127.0.0.1".to_owned()])
        .unwrap()
        .save(folder.path(), false)
        .unwrap();
    authority.issue("a", Role::Agent, &[]).unwrap().save(folder.path(), false).unwrap();
    folder
}

fn load_error(folder: &Path, role: Role) -> String {
    Identity::load(folder, role).unwrap_err().to_string()
}

#[test]
fn fleet_saved_to_files_loads_again() {
    let fleet = fleet();
    for role in [Role::Coordinator, Role::Agent] {
        assert_eq!(Identity::load(fleet.path(), role).unwrap().role(), role);
    }
    let authority = Authority::load(fleet.path()).unwrap();
    let later = TempDir::new().unwrap();
    authority.issue("b", Role::Agent, &[]).unwrap().save(later.path(), false).unwrap();
    Identity::load(later.path(), Role::Agent).unwrap();
    assert!(
        !later.path().join("authority.key").exists(),
        "an agent's folder must not hold the authority's key"
    );
}

#[cfg(unix)]
#[test]
fn private_keys_are_readable_by_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let fleet = fleet();
    let mode = |file: &str| fs::metadata(fleet.path().join(file)).unwrap().permissions().mode() & 0o777;
    fs::set_permissions(fleet.path().join("agent.key"), PermissionsExt::from_mode(0o666)).unwrap();
    Identity::load(fleet.path(), Role::Agent).unwrap().save(fleet.path(), true).unwrap();
    assert_eq!([mode("authority.key"), mode("coordinator.key"), mode("agent.key")], [0o600; 3]);
}

#[test]
fn existing_files_are_kept_unless_forced() {
    let fleet = fleet();
    let before = fs::read(fleet.path().join("agent.pem")).unwrap();
    let other = Authority::generate("other").unwrap();
    let error = other.save(fleet.path(), false).unwrap_err().to_string();
    assert!(
        error.ends_with("authority.pem: exists already, and is not overwritten without --force"),
        "{error}"
    );
    let agent = other.issue("a", Role::Agent, &[]).unwrap();
    agent.save(fleet.path(), false).unwrap_err();
    assert_eq!(fs::read(fleet.path().join("agent.pem")).unwrap(), before);

    fs::remove_file(fleet.path().join("agent.pem")).unwrap();
    fs::remove_file(fleet.path().join("agent.key")).unwrap();
    let error = agent.save(fleet.path(), false).unwrap_err().to_string();
    assert!(
        error.contains("authority.pem: exists already"),
        "another authority's file must be kept: {error}"
    );
    agent.save(fleet.path(), true).unwrap();
    Identity::load(fleet.path(), Role::Agent).unwrap();
}

#[test]
fn missing_file_is_named() {
    let fleet = fleet();
    fs::remove_file(fleet.path().join("agent.key")).unwrap();
    let error = load_error(fleet.path(), Role::Agent);
    assert!(error.contains("agent.key: no such file") && error.contains("`roamstorm certs`"), "{error}");
}

#[test]
fn file_that_is_not_pem_is_named() {
    let fleet = fleet();
    fs::write(fleet.path().join("agent.pem"), [0x30, 0x82, 0xff]).unwrap();
    let error = load_error(fleet.path(), Role::Agent);
    assert!(error.contains("agent.pem: no PEM in it") && error.contains("BEGIN CERTIFICATE"), "{error}");
    fs::write(fleet.path().join("coordinator.key"), "secret").unwrap();
    let error = load_error(fleet.path(), Role::Coordinator);
    assert!(error.contains("coordinator.key: no PEM in it") && error.contains("PRIVATE KEY"), "{error}");
    fs::write(fleet.path().join("authority.pem"), "").unwrap();
    let error = load_error(fleet.path(), Role::Coordinator);
    assert!(error.contains("authority.pem: no PEM in it"), "{error}");
}

#[test]
fn expired_certificate_is_named_with_its_age() {
    let fleet = fleet();
    let authority = Authority::load(fleet.path()).unwrap();
    let now = SystemTime::now();
    let expired =
        authority.issue_between("a", Role::Agent, &[], now - 9 * DAY, now - 3 * DAY - DAY / 2).unwrap();
    expired.save(fleet.path(), true).unwrap();
    let error = load_error(fleet.path(), Role::Agent);
    assert!(error.contains("agent.pem: expired 3 days ago"), "{error}");
    let early = authority.issue_between("a", Role::Agent, &[], now + DAY, now + 2 * DAY).unwrap();
    early.save(fleet.path(), true).unwrap();
    let error = load_error(fleet.path(), Role::Agent);
    assert!(error.contains("agent.pem: not valid yet; check this machine's clock"), "{error}");
}

#[test]
fn certificate_of_another_authority_is_named() {
    let (ours, theirs) = (fleet(), fleet());
    for file in ["agent.pem", "agent.key"] {
        fs::copy(theirs.path().join(file), ours.path().join(file)).unwrap();
    }
    let error = load_error(ours.path(), Role::Agent);
    assert!(
        error.contains("agent.pem: not issued by the authority in") && error.contains("authority.pem"),
        "{error}"
    );
}

#[test]
fn key_of_another_certificate_is_named() {
    let fleet = fleet();
    fs::copy(fleet.path().join("coordinator.key"), fleet.path().join("agent.key")).unwrap();
    let error = load_error(fleet.path(), Role::Agent);
    assert!(error.contains("agent.key: not the key of") && error.contains("agent.pem"), "{error}");
    fs::copy(fleet.path().join("coordinator.key"), fleet.path().join("authority.key")).unwrap();
    let error = Authority::load(fleet.path()).err().unwrap().to_string();
    assert!(error.contains("authority.key: not the key of") && error.contains("authority.pem"), "{error}");
}

#[test]
fn certificate_for_the_other_role_is_refused_whatever_its_file_is_called() {
    let fleet = fleet();
    for (from, to) in [("agent.pem", "coordinator.pem"), ("agent.key", "coordinator.key")] {
        fs::copy(fleet.path().join(from), fleet.path().join(to)).unwrap();
    }
    let error = load_error(fleet.path(), Role::Coordinator);
    assert!(error.contains("coordinator.pem: not a certificate for a coordinator"), "{error}");
}

#[test]
fn host_that_cannot_stand_in_a_certificate_is_refused() {
    let authority = Authority::generate("fleet").unwrap();
    let error = authority.issue("c", Role::Coordinator, &["not a host".to_owned()]).unwrap_err().to_string();
    assert!(error.starts_with("`not a host` cannot stand in a certificate"), "{error}");
}

#[test]
fn identity_shown_for_debugging_holds_no_key() {
    let agent = Authority::generate("fleet").unwrap().issue("a", Role::Agent, &[]).unwrap();
    assert!(agent.key_pem().contains("PRIVATE KEY"));
    assert!(!format!("{agent:?}").contains("KEY"));
}
