//! Identity documents of EC2 instances, signed by a certificate of the tests.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::path::Path;

use base64::Engine as _;
use enrolment::ec2::Ec2Policy;
use enrolment::{Policy, ShownProof};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use support::{ask, desk, facts, issued, refused, start};
use wire::NewKey;

const ACCOUNT: &str = "123456789012";

fn testdata(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name)
}

fn policy() -> Policy {
    let ec2 = Ec2Policy::new(&testdata("ec2-test.pem"), vec![ACCOUNT.to_owned()], 900, "spot".to_owned());
    Policy { ec2: Some(ec2.unwrap()), ..Policy::default() }
}

/// The fields as the EC2 user guide shows them.
fn document(account: &str, instance: &str, started_s: u64) -> String {
    let started = enrolment::clock::iso(started_s);
    format!(
        "{{\n  \"accountId\" : \"{account}\",\n  \"architecture\" : \"x86_64\",\n  \"availabilityZone\" : \"eu-west-1a\",\n  \
         \"billingProducts\" : null,\n  \"imageId\" : \"ami-5fb8c835\",\n  \"instanceId\" : \"{instance}\",\n  \
         \"instanceType\" : \"c7g.large\",\n  \"pendingTime\" : \"{started}\",\n  \"privateIp\" : \"10.158.112.84\",\n  \
         \"region\" : \"eu-west-1\",\n  \"version\" : \"2017-09-30\"\n}}"
    )
}

fn signed(document: String) -> ShownProof {
    let key = PrivatePkcs8KeyDer::from_pem_file(testdata("ec2-test.key")).unwrap();
    let key = RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).unwrap();
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), document.as_bytes(), &mut signature).unwrap();
    // In lines, as the metadata service prints it.
    let text = base64::engine::general_purpose::STANDARD.encode(signature);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    ShownProof::Ec2 { document, signature: lines.join("\n") }
}

#[test]
fn an_instance_of_the_account_enrols_once_under_its_own_name() {
    let folder = tempfile::tempdir().unwrap();
    let desk = desk(folder.path(), policy());
    let (now, key) = (start(), NewKey::generate().unwrap());
    let proof = signed(document(ACCOUNT, "i-1234567890abcdef0", now - 60));
    let certificate = issued(ask(&desk, &key, ("ip-10-0-0-7", ""), proof.clone(), now));
    let says = facts(&certificate);
    assert_eq!((says.name.as_str(), says.pool.as_deref()), ("i-1234567890abcdef0", Some("spot")));
    assert_eq!(issued(ask(&desk, &key, ("ip-10-0-0-7", ""), proof.clone(), now + 1)), certificate);
    let (_, reason) = refused(ask(&desk, &NewKey::generate().unwrap(), ("x", ""), proof.clone(), now + 2));
    assert!(reason.contains("has enrolled already"), "{reason}");
    // Also when everything that was issued has ended, and is forgotten.
    let later = signed(document(ACCOUNT, "i-1234567890abcdef0", now + 3_000_000));
    let (_, reason) = refused(ask(&desk, &NewKey::generate().unwrap(), ("x", ""), later, now + 3_000_100));
    assert!(reason.contains("has enrolled already"), "{reason}");
}

#[test]
fn documents_that_are_altered_old_or_of_others_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let desk = desk(folder.path(), policy());
    let now = start();
    let good = document(ACCOUNT, "i-1234567890abcdef0", now - 60);
    let ShownProof::Ec2 { signature, .. } = signed(good.clone()) else { panic!("a document") };
    let altered = good.replace("abcdef0", "abcdef1");
    let of = |document: &str, signature: &str| ShownProof::Ec2 {
        document: document.to_owned(),
        signature: signature.to_owned(),
    };
    for (proof, pool, expected) in [
        (of(&altered, &signature), "", "has signed it"),
        (of(&good, "AAAA"), "", "has signed it"),
        (of(&good, "!"), "", "not base64"),
        (signed(document("999999999999", "i-1234567890abcdef0", now - 60)), "", "account 999999999999"),
        (signed(document(ACCOUNT, "i-1234567890abcdef0", now - 901)), "", "started 901 s ago"),
        (signed(document(ACCOUNT, "i-1234567890abcdef0", now + 4_000)), "", "authority's clock is wrong"),
        (signed(document(ACCOUNT, "../web", now - 60)), "", "names no account and instance"),
        (signed("{}".to_owned()), "", "not understood"),
        (signed(good.clone()), "lab", "pool spot"),
    ] {
        let (code, reason) = refused(ask(&desk, &NewKey::generate().unwrap(), ("x", pool), proof, now));
        assert!(code == "ec2" && reason.contains(expected), "{expected}: {reason}");
    }
    issued(ask(&desk, &NewKey::generate().unwrap(), ("x", ""), of(&good, &signature), now));
}

#[test]
fn what_an_operator_gives_is_checked() {
    let new = |file: &Path, accounts: &[&str]| {
        let accounts = accounts.iter().map(|account| (*account).to_owned()).collect();
        Ec2Policy::new(file, accounts, 900, String::new()).map(drop).unwrap_err()
    };
    let good = testdata("ec2-test.pem");
    assert!(new(&good, &[]).contains("no AWS account"));
    assert!(new(&good, &["12"]).contains("twelve digits"));
    assert!(new(&testdata("missing.pem"), &[ACCOUNT]).contains("missing.pem"));
    assert!(new(&testdata("ec2-test.key"), &[ACCOUNT]).contains("no certificate in it"));
    let folder = tempfile::tempdir().unwrap();
    desk(folder.path(), Policy::default());
    assert!(new(&folder.path().join("authority.pem"), &[ACCOUNT]).contains("not RSA"));
}
