//! Peers that lie, beside an honest agent that works: whatever they say is refused and written down, and the honest
//! agent's run ends in a pass with an exact account.
#![allow(clippy::unwrap_used, reason = "a test may panic, and its helper functions too")]

#[path = "../fleet/agent.rs"]
#[allow(dead_code, reason = "its other half is for the fleet's tests")]
mod agent;
mod honest;
#[path = "../../../wire/tests/stranger/mod.rs"]
mod stranger;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use coordinator::{Coordinator, CoordinatorConfig, RunOutcome, StopRequest};
use results::Status;
use stranger::{OFFER, connect_from, frame};
use tokio::sync::watch;
use tokio::time::timeout;
use wire::to_agent::UeBatch;
use wire::to_coordinator::{Held, Hello, IntervalReport, Part, ProcedureInterval, Return, ToCoordinator};
use wire::{Authority, Identity, Role};

const SCENARIO: &str = r#"
name: liars
subscribers:
  - {plmn: 001/01, imsi: "001010000000001", count: 100, k: "465B5CE8B199B49FAA5F0A2EE238A6BC", opc: "E8ED289DEBA952E4283B54E88E6183CA", amf: "8000"}
cells: {nodes: 4, cells-per-node: 1, tacs: [1], slices: ["1"]}
load:
  - procedure: registration
    arrivals: uniform
    phases: [{rate: 50/s, for: 2s}]
slos:
  - registration.success >= 99.5%
"#;

/// The honest agent's run while `lie` is told; and where it is written down.
async fn run_beside<F: Future<Output = ()>>(
    lie: impl FnOnce(SocketAddr, Identity, Identity) -> F,
) -> (RunOutcome, String, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::generate("test fleet").unwrap();
    authority.issue("c", Role::Coordinator, &[]).unwrap().save(folder.path(), false).unwrap();
    let agent = authority.issue("agent", Role::Agent, &[]).unwrap();
    let revoked = authority.issue("revoked", Role::Agent, &[]).unwrap();
    revoked.save(&folder.path().join("revoked"), false).unwrap();
    authority.revoke(folder.path(), &folder.path().join("revoked/agent.pem")).unwrap();
    let identity = Identity::load(folder.path(), Role::Coordinator).unwrap();

    let mut config =
        CoordinatorConfig::new(([127, 0, 0, 1], 0).into(), identity, "memory://amf", folder.path());
    config.run.run_id = Some("liars".to_owned());
    let coordinator = Coordinator::bind(config).await.unwrap();
    let address = coordinator.local_addr();
    let (_operator, stopped) = watch::channel(StopRequest::None);
    let (over, lies_are_over) = watch::channel(false);
    let mut progress = coordinator.progress();
    let working = tokio::spawn(honest::work(address.to_string(), agent.clone(), lies_are_over));
    let lying = async {
        let begun =
            |progress: &results::Progress| progress.procedures.get("registration").is_some_and(|p| p.due > 0);
        progress.wait_for(begun).await.unwrap();
        lie(address, agent, revoked).await;
        over.send(true).unwrap();
    };
    let (outcome, ()) = tokio::join!(coordinator.run(agent::plan(SCENARIO), stopped), lying);
    working.await.unwrap();
    let outcome = outcome.unwrap();
    let journal = agent::read(&outcome, "journal.ndjson");
    (outcome, journal, folder)
}

fn assert_undisturbed(outcome: &RunOutcome) {
    let summary = &outcome.summary;
    assert_eq!((summary.verdict.status, &summary.verdict.reasons), (Status::Pass, &vec![]));
    let registration = &summary.procedures["registration"];
    assert_eq!((registration.planned, registration.succeeded, registration.never_started), (100, 100, 0));
    assert!(registration.failed.is_empty() && registration.abandoned.is_empty(), "{registration:?}");
}

#[tokio::test]
async fn agents_that_lie_are_sent_away_and_the_account_is_the_honest_ones() {
    let (outcome, journal, _folder) = run_beside(|address, agent, _| async move {
        for (name, part, lies) in lies() {
            tell(address, &agent, name, part, lies).await;
        }
    })
    .await;
    assert_undisturbed(&outcome);
    for reason in [
        "reported shard 0, which is another's",
        "reported shard 4000000000, which does not exist",
        "claimed to be a supervisor",
        "said hello twice",
        "did not know a returning agent",
        "an unknown process ended",
        "sent what a supervisor does not send",
    ] {
        assert!(journal.contains(reason), "{reason:?} is not in the journal: {journal}");
    }
    assert!(journal.contains("an agent left") && journal.contains("]0;owned"), "{journal}");
    assert!(journal.len() < 50_000 && !journal.contains("\\u001b"), "{}: {journal}", journal.len());
}

#[tokio::test]
async fn strangers_garbage_giant_frames_and_revoked_certificates_disturb_nothing() {
    let (outcome, journal, _folder) = run_beside(|address, agent, revoked| async move {
        let foreign = Authority::generate("theirs").unwrap().issue("a", Role::Agent, &[]).unwrap();
        for identity in [&foreign, &revoked] {
            if let Ok(connection) = connect_from(Ipv4Addr::LOCALHOST, address, identity).await {
                timeout(Duration::from_secs(5), connection.closed()).await.unwrap();
            }
        }
        let hello = ToCoordinator::Hello(hello("giant", Part::Agent));
        let hello = frame(&wire::frame::encode(&hello).unwrap());
        let giant = [&0x4000_0000u32.to_be_bytes()[..], &[0; 100_000]].concat();
        for octets in [[OFFER, &hello, &giant].concat(), [OFFER, &hello, &frame(&[0xee, 1])].concat()] {
            let connection = connect_from(Ipv4Addr::LOCALHOST, address, &agent).await.unwrap();
            let (mut send, _receive) = connection.open_bi().await.unwrap();
            // It is cut off in the middle of it.
            let _ = send.write_all(&octets).await;
            timeout(Duration::from_secs(5), connection.closed()).await.unwrap();
        }
        // One that belongs to the fleet and joins again and again.
        for _ in 0..50 {
            drop(wire::join(&address.to_string(), &agent, self::hello("flood", Part::Agent)).await.unwrap());
        }
    })
    .await;
    assert_undisturbed(&outcome);
    for reason in ["it was revoked by the fleet's authority", "another authority", "1073741824 octets"] {
        assert!(journal.contains(reason), "{reason:?} is not in the journal: {journal}");
    }
}

/// Joins as this part, says all of it, and waits to be sent away; where nothing of it is worth that, leaves.
async fn tell(address: SocketAddr, identity: &Identity, name: &str, part: Part, lies: Vec<ToCoordinator>) {
    let mut link = wire::join(&address.to_string(), identity, hello(name, part)).await.unwrap();
    for lie in &lies {
        // It may be sent away after the first one.
        let _ = link.send(lie).await;
    }
    let sent_away = async { while let Ok(Some(_)) = link.receive().await {} };
    let _ = timeout(Duration::from_millis(200), sent_away).await;
}

fn hello(name: &str, part: Part) -> Hello {
    let program = "test".to_owned();
    Hello {
        name: name.to_owned(),
        program,
        workers: 1,
        agent_us: 1,
        part,
        mark: Some([9; 16]),
        belongs: Default::default(),
    }
}

/// Who says what. Shard 0 is the honest agent's, under its first epoch.
fn lies() -> Vec<(&'static str, Part, Vec<ToCoordinator>)> {
    let report = |shard, epoch, sequence| {
        let much = 1 << 40;
        let registration = "registration".to_owned();
        let procedures = vec![ProcedureInterval {
            procedure: registration,
            due: much,
            started: 3,
            succeeded: much,
            ..ProcedureInterval::default()
        }];
        let run = "liars".to_owned();
        let report = IntervalReport { run, shard, epoch, sequence, procedures, ..IntervalReport::default() };
        ToCoordinator::Report(Box::new(report))
    };
    let released = ToCoordinator::Released { shard: 0, epoch: 1, reports: 0, batches: 0, lapsed: false };
    let exited = ToCoordinator::ChildExited { mark: honest::MARK, status: "killed".to_owned() };
    let unknown = ToCoordinator::ChildExited { mark: [1; 16], status: "a\nb".to_owned() };
    let before = Return {
        run: "liars".to_owned(),
        agent: "honest".to_owned(),
        token: [1; 16],
        held: (0..4).map(|shard| Held { shard, epoch: 1, unacknowledged: 0, lapsed: true }).collect(),
        losses: 7,
        paused_us: u64::MAX,
    };
    let batch = UeBatch { shard: 0, epoch: 1, part: 7, parts: 2, sealed: vec![1; 1000] };
    let finished = ToCoordinator::Finished { shard: 0, epoch: 1, last_sequence: 0 };
    let cannot = ToCoordinator::CannotPrepare { shard: 0, epoch: 1, error: "no".to_owned(), own: true };
    let twice = ToCoordinator::Hello(hello("twice", Part::Agent));
    vec![
        ("another's", Part::Agent, vec![report(0, 1, 1)]),
        ("old epoch", Part::Agent, vec![report(0, 0, 0)]),
        ("future epoch", Part::Agent, vec![report(0, 1 << 60, 0)]),
        ("gap", Part::Agent, vec![report(1, 1, 1 << 50)]),
        ("nowhere", Part::Agent, vec![report(4_000_000_000, 1, 0)]),
        ("gives up", Part::Agent, vec![released]),
        ("finishes", Part::Agent, vec![finished, cannot]),
        ("hands over", Part::Agent, vec![ToCoordinator::Ues(Box::new(batch))]),
        ("buries", Part::Agent, vec![exited]),
        ("twice", Part::Agent, vec![twice]),
        ("returns", Part::Returning(Box::new(before)), vec![report(0, 1, 1)]),
        ("guesses", Part::Supervisor, vec![unknown]),
        ("works", Part::Supervisor, vec![report(0, 1, 1)]),
        ("leaves", Part::Agent, vec![ToCoordinator::Leaving { reason: agent::HOSTILE.repeat(50_000) }]),
        ("flees", Part::Agent, vec![ToCoordinator::Draining { reason: "\0".to_owned(), within_us: Some(0) }]),
    ]
}
