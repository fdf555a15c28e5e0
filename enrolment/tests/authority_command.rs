//! An authority whose key is elsewhere: a program that signs, fails, hangs, or says something else.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use enrolment::{Desk, Policy};
use support::{ask, issued, refused, shown, start, token};
use wire::{Authority, AuthorityCommand, NewKey};

/// A program of the shell.
fn program(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
    path
}

fn command(path: &Path) -> AuthorityCommand {
    AuthorityCommand::new(path.to_owned(), Duration::from_secs(20))
}

/// A folder with the key of an authority apart from it, and a program that signs with openssl.
fn elsewhere() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("hsm.key");
    std::fs::write(&key, NewKey::generate().unwrap().to_pem()).unwrap();
    let key = key.display();
    let text = format!(
        "case $1 in\npublic-key) exec openssl pkey -in {key} -pubout ;;\nsign) exec openssl dgst -sha256 -sign {key} ;;\nesac"
    );
    let signs = program(folder.path(), "signs", &text);
    Authority::generate_elsewhere("test", command(&signs)).unwrap().save(folder.path(), false).unwrap();
    assert!(!folder.path().join("authority.key").exists());
    (folder, signs)
}

#[test]
fn a_program_signs_and_a_key_asks_again_after_its_failure() {
    let (folder, signs) = elsewhere();
    let now = start();
    // Signs once for the check at the start, and then no more.
    let once = program(
        folder.path(),
        "once",
        &format!(
            "[ -e {0}/signed ] && echo 'the vault is sealed' >&2 && exit 3\ntouch {0}/signed\nexec {1} \"$@\"",
            folder.path().display(),
            signs.display()
        ),
    );
    let open = |path: &Path| {
        let authority = Authority::load_elsewhere(folder.path(), command(path)).unwrap();
        Desk::open(authority, folder.path().to_owned(), Policy::default()).unwrap()
    };
    let key = NewKey::generate().unwrap();
    let desk = open(&once);
    let token = token(&desk, "", 1, now + 600);
    let (code, reason) = refused(ask(&desk, &key, ("web", ""), shown(&token), now));
    assert_eq!(code, "trouble", "{reason}");
    assert!(!reason.contains("vault"), "what is wrong inside is not told outside: {reason}");
    // The use is recorded, for this key: another one is refused, and this one gets its certificate when somebody signs.
    drop(desk);
    let desk = open(&signs);
    let other = NewKey::generate().unwrap();
    assert_eq!(refused(ask(&desk, &other, ("web", ""), shown(&token), now)).0, "token-used");
    let certificate = issued(ask(&desk, &key, ("web", ""), shown(&token), now + 5));
    assert_eq!(support::facts(&certificate).name, "web");
    assert_eq!(issued(ask(&desk, &key, ("web", ""), shown(&token), now + 6)), certificate);
    assert_eq!(desk.store().identities().unwrap().len(), 1);
}

#[test]
fn who_is_revoked_while_the_certificate_is_signed_gets_none() {
    let (folder, signs) = elsewhere();
    let place = folder.path().display();
    let made = std::process::Command::new("mkfifo")
        .arg(format!("{place}/asked"))
        .arg(format!("{place}/go"))
        .status();
    assert!(made.unwrap().success());
    // The first signature is the check at the start; the next one waits to be let go.
    let waits = program(
        folder.path(),
        "waits",
        &format!(
            "[ -e {place}/checked ] && echo asked > {place}/asked && cat {place}/go\ntouch {place}/checked\nexec {} \"$@\"",
            signs.display()
        ),
    );
    let open = |path: &Path| {
        let authority = Authority::load_elsewhere(folder.path(), command(path)).unwrap();
        Desk::open(authority, folder.path().to_owned(), Policy::default()).unwrap()
    };
    let (desk, now, key) = (open(&waits), start(), NewKey::generate().unwrap());
    let token = token(&desk, "", 1, now + 600);
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| refused(ask(&desk, &key, ("web", ""), shown(&token), now)));
        assert_eq!(std::fs::read_to_string(folder.path().join("asked")).unwrap(), "asked\n");
        let revoked = open(&signs).revoke("web", support::at(now)).unwrap().unwrap();
        assert_eq!(revoked.certificates, 1, "what is being signed is in the list already");
        std::fs::write(folder.path().join("go"), "").unwrap();
        assert_eq!(asking.join().unwrap().0, "revoked");
    });
}

#[test]
fn programs_that_do_not_sign_are_told_apart() {
    let (folder, signs) = elsewhere();
    let foreign = folder.path().join("foreign.key");
    std::fs::write(&foreign, NewKey::generate().unwrap().to_pem()).unwrap();
    let base64 = program(folder.path(), "base64", &format!("{} \"$@\" | base64", signs.display()));
    Authority::load_elsewhere(folder.path(), command(&base64)).unwrap();
    for (name, text, expected) in [
        ("fails", "echo 'no such \x1b[31mkey' >&2; exit 4".to_owned(), "no such \u{fffd}[31mkey"),
        ("says-nothing", "exit 0".to_owned(), "0 octets is no signature"),
        ("nonsense", "echo nonsense".to_owned(), "is no signature by the key of authority.pem"),
        ("endless", "cat /dev/zero".to_owned(), "more than 16384 octets"),
        ("other-key", format!("exec openssl dgst -sha256 -sign {}", foreign.display()), "is no signature"),
        ("deaf", "exec <&-; exit 9".to_owned(), "it said nothing on standard error"),
    ] {
        let path = program(folder.path(), name, &text);
        let error =
            Authority::load_elsewhere(folder.path(), command(&path)).map(drop).unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains(name), "{name}: {error}");
    }
    let missing = folder.path().join("missing");
    let error =
        Authority::load_elsewhere(folder.path(), command(&missing)).map(drop).unwrap_err().to_string();
    assert!(error.contains("cannot be started"), "{error}");
}

#[test]
fn a_program_that_hangs_is_ended() {
    let (folder, _) = elsewhere();
    let hangs = program(
        folder.path(),
        "hangs",
        &format!("echo $$ > {}/pid; sleep 1000; true", folder.path().display()),
    );
    let command = AuthorityCommand::new(hangs, Duration::from_millis(500));
    let began = Instant::now();
    let error = Authority::load_elsewhere(folder.path(), command).map(drop).unwrap_err().to_string();
    assert!(error.contains("gave no answer within 0.5 s, and was ended"), "{error}");
    assert!(began.elapsed() < Duration::from_secs(10));
    let pid = std::fs::read_to_string(folder.path().join("pid")).unwrap();
    let gone = || !Path::new("/proc").join(pid.trim()).exists() || is_zombie(pid.trim());
    while !gone() {
        assert!(began.elapsed() < Duration::from_secs(20), "it runs on");
        std::thread::yield_now();
    }
}

fn is_zombie(pid: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "))
}
