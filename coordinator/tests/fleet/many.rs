//! Several runs over one fleet.

use std::path::Path;
use std::time::Duration;

use coordinator::{Fleet, RunConfig, RunHandle, RunOutcome, StopRequest};
use results::{Phase, Progress, Status};
use tokio::task::JoinHandle;
use wire::to_coordinator::{Hello, Part, ToCoordinator};

use crate::agent::Behaviour::{self, *};
use crate::agent::{Certificates, certificates, mark, plan, play, read};
use crate::runs::{SCENARIO, account};

async fn fleet(certificates: &Certificates) -> Fleet {
    let listen = "127.0.0.1:0".parse().unwrap();
    Fleet::open(listen, &certificates.coordinator, wire::Settings::default()).await.unwrap()
}

fn start(fleet: &Fleet, runs: &Path, name: &str, agents_wanted: usize) -> RunHandle {
    let config = RunConfig {
        agents_wanted,
        run_id: Some(name.to_owned()),
        join_timeout: Duration::from_secs(20),
        lease: Duration::from_secs(1),
        ..RunConfig::new("memory://amf", runs)
    };
    fleet.start(plan(SCENARIO), config).unwrap()
}

fn agent(fleet: &Fleet, certificates: &Certificates, behaviour: Behaviour) -> JoinHandle<()> {
    tokio::spawn(play(fleet.local_addr().to_string(), certificates.agent.clone(), behaviour))
}

/// Waits until the run is so far.
async fn until(run: &RunHandle, is_so: impl FnMut(&Progress) -> bool) {
    let waited = tokio::time::timeout(PATIENCE, run.progress.clone().wait_for(is_so)).await.map(drop);
    assert!(waited.is_ok(), "{:?}", *run.progress.borrow());
}

async fn ended(run: RunHandle) -> RunOutcome {
    tokio::time::timeout(PATIENCE, run.done).await.expect("the run ends").unwrap().unwrap()
}

fn first_reason(outcome: &RunOutcome) -> &str {
    outcome.summary.verdict.reasons.first().map_or("", String::as_str)
}

/// Of two runs that last until they are ended, one is aborted and one loses its agents, after a third has played through.
#[tokio::test]
async fn three_runs_at_once_over_one_fleet_each_keep_an_exact_account() {
    let (runs, certificates) = (tempfile::tempdir().unwrap(), certificates());
    let fleet = fleet(&certificates).await;
    let [aborted, killed, whole] =
        ["aborted", "killed", "whole"].map(|name| start(&fleet, runs.path(), name, 2));
    let mut agents = Vec::new();
    // A run is complete before the next one gets anybody.
    for (run, behaviour) in [(&aborted, Waits), (&killed, Waits), (&whole, Honest)] {
        for present in 1..=2 {
            agents.push(agent(&fleet, &certificates, behaviour));
            until(run, |progress| progress.agents.len() == present).await;
        }
    }
    let under_way = |progress: &Progress| progress.procedures["registration"].due >= 4;
    until(&aborted, under_way).await;
    until(&killed, under_way).await;
    let whole = ended(whole).await;
    for run in [&aborted, &killed] {
        assert_eq!(run.progress.borrow().phase, Phase::Running, "it was not at the same time");
    }
    agents[2..4].iter().for_each(JoinHandle::abort);
    aborted.orders.stop(StopRequest::Drain);
    let (aborted, killed) = (ended(aborted).await, ended(killed).await);

    assert_eq!((whole.summary.verdict.status, account(&whole)), (Status::Pass, [100, 100, 0, 0, 0, 0]));
    assert_eq!(
        (aborted.summary.verdict.status, first_reason(&aborted)),
        (Status::Invalid, "aborted by the operator")
    );
    assert_eq!(account(&aborted), [100, 0, 0, 0, 4, 96]);
    assert_eq!(killed.summary.verdict.status, Status::Invalid);
    assert!(first_reason(&killed).starts_with("fleet lost: 100 of 100"), "{:?}", killed.summary.verdict);
    for run in [&aborted, &killed, &whole] {
        let [planned, outcomes @ ..] = account(run);
        assert_eq!((planned, outcomes.iter().sum()), (100, 100), "{}", run.summary.run_id);
        assert_eq!(run.summary.agents.len(), 2, "{}", run.summary.run_id);
        let doubts = |reason: &&String| reason.starts_with("accounting not proven");
        assert_eq!(run.summary.verdict.reasons.iter().find(doubts), None);
    }
    fleet.close("the test is over").await;
}

#[tokio::test]
async fn an_agent_that_waits_plays_in_the_next_run_and_one_too_many_goes_on_waiting() {
    let (runs, certificates) = (tempfile::tempdir().unwrap(), certificates());
    let fleet = fleet(&certificates).await;
    let waiting = [agent(&fleet, &certificates, Honest), agent(&fleet, &certificates, Honest)];
    let both = async {
        while fleet.idle() < 2 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, both).await.expect("both wait");
    for name in ["first", "second"] {
        let outcome = ended(start(&fleet, runs.path(), name, 1)).await;
        assert_eq!((outcome.summary.verdict.status, outcome.summary.agents.len()), (Status::Pass, 1));
        assert_eq!(fleet.idle(), usize::from(name == "first"));
    }
    for agent in waiting {
        tokio::time::timeout(PATIENCE, agent).await.expect("it was dismissed").unwrap();
    }
    fleet.close("the test is over").await;
}

/// A supervisor has a connection with one run, and watches over processes of all.
#[tokio::test]
async fn the_end_of_a_process_is_known_in_its_run_whichever_run_its_supervisor_is_of() {
    let (runs, certificates) = (tempfile::tempdir().unwrap(), certificates());
    let fleet = fleet(&certificates).await;
    let [first, second] = ["first", "second"].map(|name| start(&fleet, runs.path(), name, 1));
    let mut agents = Vec::new();
    for (run, behaviour) in [(&first, NeverReady), (&second, Waits)] {
        agents.push(agent(&fleet, &certificates, behaviour));
        until(run, |progress| progress.agents.len() == 1).await;
    }
    until(&second, |progress| progress.procedures["registration"].due >= 4).await;
    let hello = Hello {
        name: "host".to_owned(),
        program: "test".to_owned(),
        workers: 0,
        agent_us: 0,
        part: Part::Supervisor,
        mark: Some([99; 16]),
        belongs: Default::default(),
    };
    let address = fleet.local_addr().to_string();
    let mut supervisor = wire::join(&address, &certificates.agent, hello).await.unwrap();
    // Its connection goes on, and so would its lease.
    let ended_so = ToCoordinator::ChildExited { mark: mark(Waits), status: "killed by signal 9".to_owned() };
    supervisor.send(&ended_so).await.unwrap();
    let second = ended(second).await;
    assert!(first_reason(&second).starts_with("fleet lost: 100 of 100"), "{:?}", second.summary.verdict);
    let journal = read(&second, "journal.ndjson");
    assert!(journal.contains("killed by signal 9") && journal.contains("host (supervisor)"), "{journal}");
    assert_eq!(first.progress.borrow().agents.len(), 1, "nobody of the first run is lost");
    first.orders.stop(StopRequest::Drain);
    ended(first).await;
    fleet.close("the test is over").await;
}

const PATIENCE: Duration = Duration::from_secs(30);
