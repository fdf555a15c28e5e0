//! An authority in a folder, its desk, and agents that ask.

#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use enrolment::{Answer, Desk, JoinToken, NewToken, Outcome, Policy, Request, ShownProof};
use wire::{Authority, CertificateFacts, NewKey};

/// When the tests begin: now, because the authority's own certificate begins now.
pub fn start() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

pub fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

/// A new authority in this folder, and its desk.
pub fn desk(folder: &Path, policy: Policy) -> Desk {
    if !folder.join("authority.pem").exists() {
        Authority::generate("test").unwrap().save(folder, false).unwrap();
    }
    Desk::open(Authority::load(folder).unwrap(), folder.to_owned(), policy).unwrap()
}

pub fn token(desk: &Desk, pool: &str, uses: u32, expires_s: u64) -> JoinToken {
    let new = NewToken { pool: pool.to_owned(), name: String::new(), uses, expires_s };
    desk.store().create_token(&new, desk.authority().pin(), start()).unwrap()
}

/// The parts of a token, as a request has them.
pub fn shown(token: &JoinToken) -> ShownProof {
    let text = token.reveal();
    let parts: Vec<&str> = text.split('.').collect();
    ShownProof::Token { id: parts[2].to_owned(), secret: parts[3].to_owned() }
}

pub fn peer() -> SocketAddr {
    ([192, 0, 2, 7], 7).into()
}

/// Asks at this time, by the clocks of both.
pub fn ask(desk: &Desk, key: &NewKey, (name, pool): (&str, &str), proof: ShownProof, now_s: u64) -> Outcome {
    let request = Request::new("test", now_s, (name, pool), &key.request().unwrap(), proof);
    answer(desk, &request.encode(), None, now_s).outcome
}

/// Renews at this time.
pub fn renew(desk: &Desk, key: &NewKey, certificate: &str, now_s: u64) -> Outcome {
    let facts = CertificateFacts::of_pem(certificate).unwrap();
    let csr = key.request().unwrap();
    let request = Request::new("test", now_s, (&facts.name, ""), &csr, ShownProof::Certificate);
    answer(desk, &request.encode(), Some(&facts), now_s).outcome
}

pub fn answer(desk: &Desk, request: &[u8], facts: Option<&CertificateFacts>, now_s: u64) -> Answer {
    desk.answer(request, peer(), facts, at(now_s))
}

pub fn issued(outcome: Outcome) -> String {
    match outcome {
        Outcome::Issued { certificate, .. } => certificate,
        Outcome::Refused { reason, .. } => panic!("refused: {reason}"),
    }
}

/// The word and the sentence of a refusal.
pub fn refused(outcome: Outcome) -> (String, String) {
    match outcome {
        Outcome::Issued { .. } => panic!("issued"),
        Outcome::Refused { code, reason, .. } => (code, reason),
    }
}

pub fn facts(certificate: &str) -> CertificateFacts {
    CertificateFacts::of_pem(certificate).unwrap()
}
