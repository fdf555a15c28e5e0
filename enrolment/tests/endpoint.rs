//! The endpoint and an agent's side, over QUIC on loopback: whom an agent tells its token, floods, renewal.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use enrolment::{
    Desk, EnrolError, JoinToken, Membership, Policy, Proof, Renewing, Server, State, Where, join,
    keep_renewed,
};
use support::{desk, start, token};
use wire::IdentitySlot;

fn serve(folder: &Path, life: Duration) -> (Arc<Desk>, SocketAddr) {
    let desk = Arc::new(desk(folder, Policy { life, ..Policy::default() }));
    let server = Server::bind(([127, 0, 0, 1], 0).into(), Arc::clone(&desk)).unwrap();
    let address = server.local_addr();
    tokio::spawn(server.serve());
    (desk, address)
}

fn to(address: SocketAddr, token: &JoinToken) -> Where {
    Where { endpoint: address.to_string(), pin: token.authority() }
}

fn web() -> Membership {
    Membership { name: "web".to_owned(), pool: String::new() }
}

async fn enrol(
    folder: &Path,
    address: SocketAddr,
    token: &JoinToken,
) -> Result<enrolment::Enrolled, EnrolError> {
    let state = State::open(folder).unwrap();
    join(&state, &to(address, token), &web(), &Proof::Token(token.clone())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_with_a_token_gets_a_certificate_that_it_finds_again() {
    let (authority, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (desk, address) = serve(authority.path(), Duration::from_secs(3_600));
    let token = token(&desk, "spot", 1, start() + 600);
    let enrolled = enrol(state.path(), address, &token).await.unwrap();
    assert_eq!((enrolled.facts.name.as_str(), enrolled.facts.pool.as_deref()), ("web", Some("spot")));
    let kept = State::open(state.path()).unwrap().load().unwrap().unwrap();
    assert_eq!(kept.certificate_pem(), enrolled.identity.certificate_pem());
    let error = enrol(tempfile::tempdir().unwrap().path(), address, &token).await.unwrap_err();
    assert!(error.to_string().contains("used up") && !error.is_transient(), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_told_to_its_own_authority_alone() {
    let (ours, theirs, state) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (desk, _) = serve(ours.path(), Duration::from_secs(3_600));
    let (other, address) = serve(theirs.path(), Duration::from_secs(3_600));
    let token = token(&desk, "", 1, start() + 600);
    let error = enrol(state.path(), address, &token).await.unwrap_err();
    assert!(matches!(error, EnrolError::OtherAuthority { .. }), "{error}");
    assert!(!error.is_transient() && error.to_string().contains("nothing was told"), "{error}");
    // The other side knows that somebody came, and not with what.
    let journal = loop {
        let journal = other.store().journal(10).unwrap();
        if !journal.is_empty() {
            break journal;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(journal.len(), 1);
    assert!(journal[0].text.contains("its token is of another authority"), "{journal:?}");
    assert_eq!(other.store().identities().unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coordinator_of_the_fleet_is_no_enrolment_endpoint() {
    let (authority, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (desk, _) = serve(authority.path(), Duration::from_secs(3_600));
    let identity = desk.authority().issue("coordinator", wire::Role::Coordinator, &[]).unwrap();
    let coordinator = wire::CoordinatorEndpoint::bind(([127, 0, 0, 1], 0).into(), &identity).unwrap();
    let address = coordinator.local_addr();
    tokio::spawn(async move { while coordinator.accept().await.is_err() {} });
    let token = token(&desk, "", 1, start() + 600);
    let error = enrol(state.path(), address, &token).await.unwrap_err();
    assert!(matches!(error, EnrolError::NotEnrolment { .. } | EnrolError::OtherAuthority { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_wrong_tokens_keeps_nobody_out() {
    let authority = tempfile::tempdir().unwrap();
    let (desk, address) = serve(authority.path(), Duration::from_secs(3_600));
    let forged = JoinToken::generate(desk.authority().pin()).unwrap();
    let mut flood = tokio::task::JoinSet::new();
    for _ in 0..60 {
        let forged = forged.clone();
        flood.spawn(async move {
            let state = tempfile::tempdir().unwrap();
            enrol(state.path(), address, &forged).await.unwrap_err().to_string()
        });
    }
    let token = token(&desk, "", 1, start() + 600);
    let state = tempfile::tempdir().unwrap();
    enrol(state.path(), address, &token).await.unwrap();
    while let Some(error) = flood.join_next().await {
        assert!(error.unwrap().contains("no such token"));
    }
    let journal = desk.store().journal(1_000).unwrap();
    assert!(journal.len() <= 2 + 8 + 2, "{}", journal.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_agent_renews_until_it_is_revoked() {
    let (authority, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (desk, address) = serve(authority.path(), Duration::from_secs(4));
    let token = token(&desk, "spot", 1, start() + 600);
    let enrolled = enrol(folder.path(), address, &token).await.unwrap();
    let state = State::open(folder.path()).unwrap();
    let slot = IdentitySlot::new(enrolled.identity.clone());
    let lock = state.lock().unwrap();
    assert!(state.lock().unwrap_err().to_string().contains("another agent"), "one process renews");
    let renewing = Renewing { state: state.clone(), lock, to: to(address, &token), slot: slot.clone() };
    let renewals = tokio::spawn(keep_renewed(renewing));
    while slot.current().certificate_pem() == enrolled.identity.certificate_pem() {
        tokio::task::yield_now().await;
    }
    assert_eq!(state.load().unwrap().unwrap().certificate_pem(), slot.current().certificate_pem());
    assert_eq!(slot.current().facts().unwrap().pool.as_deref(), Some("spot"));
    desk.revoke("web", std::time::SystemTime::now()).unwrap().unwrap();
    let error = renewals.await.unwrap();
    assert!(error.is_revocation(), "{error}");
    assert!(state.load().unwrap().is_none(), "the next start enrols anew");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_there_is_said_with_what_to_look_at() {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let token = JoinToken::generate([1; 32]).unwrap();
    let state = tempfile::tempdir().unwrap();
    let error = enrol(state.path(), socket.local_addr().unwrap(), &token).await.unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("certs DIR serve"), "{error}");
}
