//! What becomes of requests, at times that the tests choose: tokens, names, renewals, revocation, restarts.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::time::Duration;

use enrolment::{Desk, JoinToken, NewToken, Policy, Request, ShownProof};
use support::{answer, ask, at, desk, facts, issued, refused, renew, shown, start, token};
use wire::{Authority, NewKey};

fn policy(life_s: u64) -> Policy {
    Policy { life: Duration::from_secs(life_s), ..Policy::default() }
}

fn key() -> NewKey {
    NewKey::generate().unwrap()
}

#[test]
fn a_token_of_one_use_lets_in_one_key_which_may_ask_again() {
    let folder = tempfile::tempdir().unwrap();
    let desk = desk(folder.path(), policy(1_000));
    let (now, first, second) = (start(), key(), key());
    let token = token(&desk, "spot", 1, now + 600);
    let certificate = issued(ask(&desk, &first, ("web", ""), shown(&token), now));
    let says = facts(&certificate);
    assert_eq!((says.name.as_str(), says.pool.as_deref()), ("web", Some("spot")));
    assert_eq!((says.key, says.until), (first.hash(), at(now + 1_000)));
    // The answer was lost, or the request is replayed: it is the same certificate, which only its key can use.
    assert_eq!(issued(ask(&desk, &first, ("web", ""), shown(&token), now + 300)), certificate);
    let (code, reason) = refused(ask(&desk, &second, ("web", ""), shown(&token), now));
    assert_eq!(code, "token-used", "{reason}");
    assert_eq!(desk.store().tokens().unwrap()[0].used, 1);
}

#[test]
fn tokens_that_are_not_good_are_refused_with_a_reason_that_the_journal_has() {
    let folder = tempfile::tempdir().unwrap();
    let desk = desk(folder.path(), policy(1_000));
    let now = start();
    let good = token(&desk, "spot", 1, now + 600);
    let revoked = token(&desk, "spot", 1, now + 600);
    desk.store().revoke_token(&revoked.id()[..8], now).unwrap().unwrap();
    let forged = JoinToken::generate(desk.authority().pin()).unwrap();
    let ShownProof::Token { id, .. } = shown(&good) else { panic!("a token") };
    let ShownProof::Token { secret, .. } = shown(&forged) else { panic!("a token") };
    for (proof, pool, at_s, code) in [
        (shown(&good), "", now + 600, "token-expired"),
        (shown(&good), "lab", now, "other-pool"),
        (shown(&revoked), "", now, "token-revoked"),
        (shown(&forged), "", now, "token-unknown"),
        (ShownProof::Token { id: id.clone(), secret: secret.clone() }, "", now, "token-unknown"),
        (ShownProof::Certificate, "", now, "malformed"),
        (ShownProof::Ec2 { document: "{}".to_owned(), signature: String::new() }, "", now, "ec2"),
    ] {
        let (found, reason) = refused(ask(&desk, &key(), ("web", pool), proof, at_s));
        assert_eq!(found, code, "{reason}");
        assert!(reason.len() > 30, "{reason}");
        let last = desk.store().journal(1).unwrap().remove(0);
        assert_eq!((last.what.as_str(), last.text.starts_with(code)), ("refused", true), "{last:?}");
        assert!(!format!("{last:?}").contains(&secret), "the journal has no secret");
    }
    assert_eq!(desk.store().tokens().unwrap().iter().map(|token| token.used).sum::<u32>(), 0);
    issued(ask(&desk, &key(), ("web", "spot"), shown(&good), now));
}

#[test]
fn clocks_that_are_apart_are_told_by_how_much() {
    let folder = tempfile::tempdir().unwrap();
    let desk = desk(folder.path(), policy(1_000));
    let (now, key) = (start(), key());
    let token = token(&desk, "", 1, now + 600);
    let request = Request::new("test", now - 7_200, ("web", ""), &key.request().unwrap(), shown(&token));
    let (code, reason) = refused(answer(&desk, &request.encode(), None, now).outcome);
    assert_eq!(code, "clock");
    assert!(reason.contains("7200 s behind"), "{reason}");
    assert_eq!(answer(&desk, &request.encode(), None, now).now_s, now, "the agent learns the time");
    issued(ask(&desk, &key, ("web", ""), shown(&token), now));
}

#[test]
fn requests_that_are_none_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let desk = desk(folder.path(), policy(1_000));
    let now = start();
    let token = token(&desk, "", 1, now + 600);
    let mut altered = key().request().unwrap();
    let place = altered.len() - 10;
    altered[place] ^= 1;
    for request in [
        Vec::new(),
        b"{}".to_vec(),
        vec![b'['; 20_000],
        Request::new("test", now, ("web", ""), b"no request", shown(&token)).encode(),
        Request::new("test", now, ("web", ""), &altered, shown(&token)).encode(),
        Request::new("test", now, ("../web", ""), &key().request().unwrap(), shown(&token)).encode(),
    ] {
        let (code, reason) = refused(answer(&desk, &request, None, now).outcome);
        assert_eq!(code, "malformed", "{reason}");
    }
    assert_eq!(desk.store().tokens().unwrap()[0].used, 0);
}

#[test]
fn names_are_one_agents_each() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("rack-1")).unwrap();
    let desk = desk(folder.path(), policy(1_000));
    let now = start();
    let token = token(&desk, "", 10, now + 600);
    let name = |wish: &str| facts(&issued(ask(&desk, &key(), (wish, ""), shown(&token), now))).name;
    let names = ["web", "web", "coordinator", "rack-1"].map(name);
    assert_eq!(names, ["web", "web-2", "coordinator-2", "rack-1-2"]);
    let new = NewToken { pool: String::new(), name: "web".to_owned(), uses: 1, expires_s: now + 600 };
    let named = desk.store().create_token(&new, desk.authority().pin(), now).unwrap();
    assert_eq!(refused(ask(&desk, &key(), ("x", ""), shown(&named), now)).0, "name-taken");
}

#[test]
fn certificates_are_renewed_with_new_keys_and_copied_ones_are_found_out() {
    let folder = tempfile::tempdir().unwrap();
    let desk = desk(folder.path(), policy(1_000));
    let now = start();
    let token = token(&desk, "spot", 1, now + 600);
    let first = issued(ask(&desk, &key(), ("web", ""), shown(&token), now));
    assert_eq!(refused(renew(&desk, &key(), &first, now + 10)).0, "too-early");
    let next = key();
    let second = issued(renew(&desk, &next, &first, now + 600));
    let says = facts(&second);
    assert_eq!((says.name.as_str(), says.pool.as_deref(), says.key), ("web", Some("spot"), next.hash()));
    assert_eq!(issued(renew(&desk, &next, &first, now + 610)), second, "the answer was lost");
    let (code, reason) = refused(renew(&desk, &key(), &first, now + 620));
    assert_eq!(code, "renewed-elsewhere", "{reason}");
    issued(renew(&desk, &key(), &second, now + 1_200));
    let copied = Authority::load(folder.path()).unwrap().issue("copied", wire::Role::Agent, &[]).unwrap();
    assert_eq!(refused(renew(&desk, &key(), copied.certificate_pem(), now)).0, "not-renewable");
}

#[test]
fn who_is_revoked_is_in_the_list_with_all_that_was_issued_and_renews_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let desk = desk(folder.path(), policy(1_000));
    let now = start();
    let token = token(&desk, "", 2, now + 600);
    let first = key();
    let old = issued(ask(&desk, &first, ("web", ""), shown(&token), now));
    let new = issued(renew(&desk, &key(), &old, now + 600));
    let other = issued(ask(&desk, &key(), ("db", ""), shown(&token), now));
    let revoked = desk.revoke("web", at(now + 700)).unwrap().unwrap();
    assert_eq!((revoked.names, revoked.certificates), (vec!["web".to_owned()], 2));
    assert_eq!(desk.revoke("web", at(now + 700)).unwrap().unwrap().certificates, 0, "once is enough");
    assert_eq!(desk.revoke("nobody", at(now)).unwrap(), None);

    assert_eq!(refused(renew(&desk, &key(), &new, now + 1_200)).0, "revoked");
    assert_eq!(refused(ask(&desk, &first, ("web", ""), shown(&token), now + 10)).0, "revoked");
    issued(renew(&desk, &key(), &other, now + 600));
    let list = std::fs::read(folder.path().join("authority.crl")).unwrap();
    assert!(String::from_utf8_lossy(&list).contains("X509 CRL"));
    assert_eq!(
        desk.authority().revoke_serials(folder.path(), &[facts(&old).serial, facts(&new).serial]).unwrap(),
        0
    );
    let stolen = desk.revoke_by_token(token.id(), at(now + 800)).unwrap().unwrap();
    assert_eq!(stolen.names, ["db", "web"]);
}

#[test]
fn a_revocation_whose_list_cannot_be_written_is_said_so_and_is_made_up_for() {
    let folder = tempfile::tempdir().unwrap();
    let desk = desk(folder.path(), policy(1_000));
    let now = start();
    let token = token(&desk, "", 1, now + 600);
    let certificate = issued(ask(&desk, &key(), ("web", ""), shown(&token), now));
    let list = folder.path().join("authority.crl");
    std::fs::remove_file(&list).unwrap();
    std::fs::create_dir(&list).unwrap();
    let error = desk.revoke("web", at(now)).unwrap_err().to_string();
    assert!(error.contains("web: not renewed any more") && error.contains("revoke it again"), "{error}");
    assert_eq!(refused(renew(&desk, &key(), &certificate, now + 600)).0, "revoked");
    std::fs::remove_dir(&list).unwrap();
    assert_eq!(desk.revoke("web", at(now)).unwrap().unwrap().certificates, 1);
}

#[test]
fn a_restart_forgets_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (now, first) = (start(), key());
    let open = || desk(folder.path(), policy(1_000));
    let token = token(&open(), "", 1, now + 600);
    let certificate = issued(ask(&open(), &first, ("web", ""), shown(&token), now));
    assert_eq!(issued(ask(&open(), &first, ("web", ""), shown(&token), now)), certificate);
    assert_eq!(refused(ask(&open(), &key(), ("web", ""), shown(&token), now)).0, "token-used");
    let text = std::fs::read(open().store().path()).unwrap();
    let ShownProof::Token { secret, .. } = shown(&token) else { panic!("a token") };
    assert!(
        !text.windows(secret.len()).any(|octets| octets == secret.as_bytes()),
        "the secret is not stored"
    );
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(std::fs::metadata(open().store().path()).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_flood_of_refusals_is_a_few_lines_of_the_journal() {
    let folder = tempfile::tempdir().unwrap();
    let desk = desk(folder.path(), policy(1_000));
    let (now, key) = (start(), key());
    let forged = JoinToken::generate(desk.authority().pin()).unwrap();
    for _ in 0..500 {
        refused(ask(&desk, &key, ("web", ""), shown(&forged), now));
    }
    assert_eq!(desk.store().journal(1_000).unwrap().len(), 8);
}

#[test]
fn a_store_that_is_damaged_or_newer_is_said_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = desk(folder.path(), policy(1_000)).store().path().to_owned();
    std::fs::write(&path, "something else, which is long enough to be looked at as a database of SQLite")
        .unwrap();
    let authority = || Authority::load(folder.path()).unwrap();
    let open = || {
        Desk::open(authority(), folder.path().to_owned(), policy(1_000)).map(drop).unwrap_err().to_string()
    };
    assert!(open().contains("damaged"), "{}", open());
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
    assert!(open().contains("symbolic link"), "{}", open());
}
