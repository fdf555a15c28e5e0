//! Runs that ask for agents of a pool, or with a label.

use std::time::Duration;

use coordinator::{Coordinator, CoordinatorConfig, Fleet, RunConfig, StopRequest};
use identity::Membership;
use results::Status;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::agent::Behaviour::Honest;
use crate::agent::{certificates, plan, play_of};
use crate::runs::SCENARIO;

fn of(pool: &str, labels: &[(&str, &str)]) -> Membership {
    let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Membership { pool: pool.to_owned(), labels: labels.collect() }
}

/// Whatever the order in which they come.
#[tokio::test]
async fn of_two_runs_each_has_the_agents_that_it_asks_for() {
    let (runs, certificates) = (tempfile::tempdir().unwrap(), certificates());
    let listen = "127.0.0.1:0".parse().unwrap();
    let fleet = Fleet::open(listen, &certificates.coordinator, wire::Settings::default()).await.unwrap();
    let start = |name: &str, agents_like: Membership| {
        let config = RunConfig {
            run_id: Some(name.to_owned()),
            agents_like,
            join_timeout: Duration::from_secs(20),
            ..RunConfig::new("memory://amf", runs.path())
        };
        fleet.start(plan(SCENARIO), config).unwrap()
    };
    let asked = [of("lab", &[]), of("spot", &[("zone", "b")])];
    let started = [start("lab", asked[0].clone()), start("spot-b", asked[1].clone())];
    let belong =
        [of("spot", &[("zone", "a")]), of("spot", &[("zone", "b"), ("radio", "n78")]), of("lab", &[])];
    let mut agents = Vec::new();
    for belongs in belong {
        let play = play_of(fleet.local_addr().to_string(), certificates.agent.clone(), Honest, belongs);
        agents.push(tokio::spawn(play));
    }
    for (run, asked) in started.into_iter().zip(asked) {
        let outcome = timeout(PATIENCE, run.done).await.expect("the run ends").unwrap().unwrap();
        assert_eq!(outcome.summary.verdict.status, Status::Pass, "{:?}", outcome.summary.verdict);
        let [agent] = &outcome.summary.agents[..] else { panic!("{:?}", outcome.summary.agents) };
        assert!(agent.belongs().fits(&asked), "{} for {asked}", agent.belongs());
    }
    // The one of zone a is in no run, and waits.
    assert_eq!(fleet.idle(), 1);
    fleet.close("the test is over").await;
}

#[tokio::test]
async fn a_run_that_has_the_fleet_to_itself_refuses_who_it_does_not_ask_for_and_says_why() {
    let (runs, certificates) = (tempfile::tempdir().unwrap(), certificates());
    let listen = "127.0.0.1:0".parse().unwrap();
    let ends = CoordinatorConfig::new(listen, certificates.coordinator, "memory://amf", runs.path());
    let asked = of("spot", &[("zone", "a")]);
    let run = RunConfig { agents_like: asked, join_timeout: Duration::from_secs(20), ..ends.run };
    let coordinator = Coordinator::bind(CoordinatorConfig { run, ..ends }).await.unwrap();
    let address = coordinator.local_addr().to_string();
    let (_operator, stopped) = watch::channel(StopRequest::None);
    let run = tokio::spawn(coordinator.run(plan(SCENARIO), stopped));
    let identity = certificates.agent;
    for (belongs, has) in [
        (of("lab", &[]), "pool lab"),
        (of("", &[]), "no pool and no labels"),
        (of("spot", &[("zone", "b")]), "zone=b"),
    ] {
        let refused =
            timeout(PATIENCE, play_of(address.clone(), identity.clone(), Honest, belongs)).await.unwrap();
        let refused = refused.expect("it is refused");
        assert!(
            refused.contains("this run takes agents with pool spot, zone=a") && refused.contains(has),
            "{refused}"
        );
    }
    let taken = play_of(address, identity, Honest, of("spot", &[("zone", "a"), ("rack", "7")]));
    assert_eq!(timeout(PATIENCE, taken).await.unwrap(), None);
    let outcome = timeout(PATIENCE, run).await.unwrap().unwrap().unwrap();
    assert_eq!(outcome.summary.verdict.status, Status::Pass);
    assert_eq!(outcome.summary.agents.len(), 1);
    assert_eq!(outcome.summary.agents[0].labels["rack"], "7");
}

const PATIENCE: Duration = Duration::from_secs(30);
