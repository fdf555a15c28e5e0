#![no_main]
//! Enrolment: requests before anybody is known, answers, certificate requests and certificates, tokens, documents of instances.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::LazyLock;
use std::time::SystemTime;

use enrolment::ec2::Ec2Policy;
use enrolment::{Answer, Desk, JoinToken, Policy, Request, ShownProof, pin_of};
use wire::{Authority, CertificateFacts, CertificateRequest};

/// The desk of an authority in a folder of its own, with an instance policy.
static DESK: LazyLock<(tempfile::TempDir, Desk)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::generate("fuzz").expect("an authority");
    authority.save(folder.path(), false).expect("its files");
    let certificates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../enrolment/testdata/ec2-test.pem");
    let ec2 = Ec2Policy::new(&certificates, vec!["123456789012".to_owned()], 900, String::new()).expect("a policy");
    let policy = Policy { ec2: Some(ec2), ..Policy::default() };
    let desk = Desk::open(authority, folder.path().to_owned(), policy).expect("a desk");
    (folder, desk)
});

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    if let Ok(request) = Request::decode(input) {
        assert_eq!(Request::decode(&request.encode()).as_ref(), Ok(&request));
        assert!(enrolment::names::is_name(&request.name));
    }
    if let Some(answer) = Answer::decode(input) {
        let _ = Answer::decode(&answer.encode());
    }
    let _ = CertificateRequest::from_der(input);
    if let Some(facts) = CertificateFacts::of(input) {
        let _ = facts.issued();
    }
    let text = String::from_utf8_lossy(input);
    let _ = (text.parse::<JoinToken>(), pin_of(&text));
    // Through the desk: as it came, and as the parts of a request in order.
    let peer = SocketAddr::from(([192, 0, 2, 7], 7));
    let now = SystemTime::now();
    let desk = &DESK.1;
    let _ = desk.answer(input, peer, CertificateFacts::of(input).as_ref(), now);
    let (document, signature) = text.split_once('\n').unwrap_or_default();
    let proof = ShownProof::Ec2 { document: document.to_owned(), signature: signature.to_owned() };
    let now_s = enrolment::clock::seconds(now);
    let request = Request::new("fuzz", now_s, ("web", ""), input, proof);
    let _ = desk.answer(&request.encode(), peer, None, now);
});
