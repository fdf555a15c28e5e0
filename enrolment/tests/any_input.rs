//! Whatever comes from the network or a file is survived, and lets nobody in: real requests, answers, certificates and tokens that
//! were changed anywhere.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::sync::LazyLock;

use enrolment::{Answer, Desk, JoinToken, Outcome, Policy, Request, pin_of};
use proptest::prelude::*;
use support::{answer, ask, desk, issued, shown, start, token};
use wire::{CertificateFacts, CertificateRequest, NewKey};

struct Real {
    _folder: tempfile::TempDir,
    desk: Desk,
    now: u64,
    request: Vec<u8>,
    csr: Vec<u8>,
    certificate: Vec<u8>,
    token: String,
}

static REAL: LazyLock<Real> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let desk = desk(folder.path(), Policy::default());
    let (now, key) = (start(), NewKey::generate().unwrap());
    let token = token(&desk, "spot", 1, now + 600);
    let csr = key.request().unwrap();
    let certificate = issued(ask(&desk, &key, ("web", ""), shown(&token), now));
    let request = Request::new("test", now, ("web", ""), &csr, shown(&token)).encode();
    let pem = rustls::pki_types::pem::PemObject::from_pem_slice(certificate.as_bytes());
    let der: rustls::pki_types::CertificateDer<'static> = pem.unwrap();
    Real { _folder: folder, desk, now, request, csr, certificate: der.to_vec(), token: token.reveal() }
});

/// Some octets changed, and the end cut off.
fn changed(octets: &[u8], changes: &[(usize, u8)], kept: usize) -> Vec<u8> {
    let mut octets = octets.to_vec();
    for (place, value) in changes {
        let length = octets.len();
        octets[place % length] = *value;
    }
    octets.truncate(kept.max(1));
    octets
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_is_changed_lets_nobody_in(
        changes in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..6),
        kept in prop_oneof![Just(usize::MAX), 0usize..700],
    ) {
        let real = &*REAL;
        let request = changed(&real.request, &changes, kept);
        let outcome = answer(&real.desk, &request, None, real.now).outcome;
        // The one use is taken: at most the same certificate is given to the same key once more.
        if let Outcome::Issued { certificate, .. } = outcome {
            let facts = CertificateFacts::of_pem(&certificate).unwrap();
            prop_assert_eq!(&facts.serial, &CertificateFacts::of(&real.certificate).unwrap().serial);
        }
        let csr = changed(&real.csr, &changes, kept);
        if csr != real.csr {
            prop_assert!(CertificateRequest::from_der(&csr).is_err() || csr.len() == real.csr.len());
        }
        let _ = CertificateFacts::of(&changed(&real.certificate, &changes, kept));
        let text = String::from_utf8_lossy(&changed(real.token.as_bytes(), &changes, kept)).into_owned();
        let _ = (text.parse::<JoinToken>(), pin_of(&text));
        let _ = Answer::decode(&request);
    }
}

#[test]
fn one_certificate_is_all_that_a_use_gives() {
    let real = &*REAL;
    assert_eq!(real.desk.store().identities().unwrap().len(), 1);
    assert_eq!(real.desk.store().tokens().unwrap()[0].used, 1);
}
