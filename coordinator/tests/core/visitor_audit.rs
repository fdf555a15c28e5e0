//! After a loss every shard is asked whom it has as a guest, and every home is told who was found.

use std::time::Duration;

use wire::to_agent::ToAgent;
use wire::to_coordinator::ToCoordinator;

use crate::bench::{Bench, LEASE};

/// The handovers come after everything that is played here.
const ROAMING: &str = r#"
name: roll-call
subscribers:
  - {plmn: 001/01, imsi: "001010000000001", count: 2000, k: "465B5CE8B199B49FAA5F0A2EE238A6BC", opc: "E8ED289DEBA952E4283B54E88E6183CA", amf: "8000"}
cells: {nodes: 4, cells-per-node: 1, tacs: [1], slices: ["1"]}
sessions: [{name: web, dnn: internet}]
load:
  - {procedure: registration, arrivals: uniform, phases: [{rate: 10/s, for: 200s}]}
  - {procedure: pdu-session, starts-after: 300s, phases: [{rate: 10/s, for: 1s}]}
  - {procedure: handover-n2, starts-after: 310s, phases: [{rate: 10/s, for: 1s}]}
"#;

/// An agent is lost with its shards, which others have soon.
fn lose(bench: &mut Bench, agent: usize) {
    bench.cut(agent);
    bench.run_for(LEASE + seconds(2));
    assert!((0..4).all(|shard| bench.core.holder(shard).is_some()));
}

/// Each shard of an agent names these guests.
fn answer(bench: &mut Bench, agent: usize, call: u64, guests: impl Fn(u32) -> Vec<(u32, u32)>) {
    let held: Vec<(u32, u64)> = bench
        .agent(agent)
        .shards
        .values()
        .map(|playing| (playing.lease.shard, playing.lease.epoch))
        .collect();
    for (shard, epoch) in held {
        bench.say(agent, ToCoordinator::Visitors { shard, epoch, call, guests: guests(shard) });
    }
    (0..3).for_each(|agent| bench.listen(agent));
}

/// Three agents, of which the last was lost.
fn after_a_loss() -> Bench {
    let mut bench = Bench::playing(ROAMING, 3);
    bench.run_for(seconds(2));
    lose(&mut bench, 2);
    bench
}

fn until_called(bench: &mut Bench) {
    (0..600).for_each(|_| {
        if bench.agent(0).calls.is_empty() {
            bench.run_for(Duration::from_millis(100));
        }
    });
}

#[test]
fn after_a_loss_every_home_learns_who_was_found() {
    let mut bench = after_a_loss();
    bench.run_for(seconds(5));
    assert!(
        (0..2).all(|agent| bench.agent(agent).calls.is_empty()),
        "too early: guests may still be arriving"
    );
    until_called(&mut bench);
    let call = bench.agent(0).calls[0];
    assert!((0..2).all(|agent| bench.agent(agent).calls == [call]), "each agent is asked once");
    answer(&mut bench, 0, call, |shard| vec![((shard + 1) % 4, 7), ((shard + 2) % 4, 8)]);
    assert!(bench.agent(0).found.is_empty(), "not before everybody has answered");
    answer(&mut bench, 1, call, |shard| vec![((shard + 1) % 4, 7), ((shard + 1) % 4, 3)]);
    let mut found: Vec<_> = (0..2).flat_map(|agent| bench.agent(agent).found.clone()).collect();
    found.sort_unstable();
    assert_eq!(found.iter().map(|(shard, ..)| *shard).collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert!(found.iter().all(|(_, of, ues)| *of == call && ues.is_sorted() && ues.contains(&7)), "{found:?}");
    assert_eq!(found.iter().map(|(.., ues)| ues.len()).sum::<usize>(), 8);
    bench.run_for(seconds(30));
    assert!((0..2).all(|agent| bench.agent(agent).calls == [call]), "one loss, one call");
    // What was found may have been lost with a connection.
    bench.cut(1);
    bench.come_back(1);
    bench.run_for(seconds(15));
    assert!(bench.agent(0).calls[1..].iter().all(|next| *next > call) && bench.agent(0).calls.len() > 1);
}

#[test]
fn call_that_is_not_answered_or_crossed_by_a_loss_is_made_again() {
    let mut bench = after_a_loss();
    bench.run_for(seconds(50));
    assert!(bench.agent(0).calls.len() == 2, "{:?}", bench.agent(0).calls);
    bench.agent(0).calls.clear();
    until_called(&mut bench);
    let call = bench.agent(0).calls[0];
    answer(&mut bench, 0, call, |_| Vec::new());
    // The other agent is lost in the middle, and what it might have said comes too late.
    lose(&mut bench, 1);
    answer(&mut bench, 0, call, |_| Vec::new());
    assert!(bench.agent(0).found.is_empty());
    bench.agent(0).calls.clear();
    until_called(&mut bench);
    let next = bench.agent(0).calls[0];
    assert!(next > call);
    answer(&mut bench, 0, next, |_| Vec::new());
    assert_eq!(bench.agent(0).found.len(), 4, "all shards are its own now");
}

#[test]
fn restarted_coordinator_asks_again_and_a_returning_agent_hears_every_loss_once() {
    let mut bench = after_a_loss();
    let told = bench.agent(0).losses.clone();
    assert!(!told.is_empty());
    // One of them was lost with the connection.
    let missed = bench.agent(0).losses.pop().unwrap();
    bench.agent(0).lost.pop();
    bench.restart(3, Duration::from_millis(10));
    (0..2).for_each(|agent| bench.come_back(agent));
    assert_eq!(bench.agent(0).losses, told, "{missed} is told again, the others are not");
    bench.run_for(seconds(14));
    assert_eq!(bench.agent(0).calls.len(), 1);
}

#[test]
fn lease_after_losses_names_them() {
    let mut bench = after_a_loss();
    let mut takeovers = Vec::new();
    for agent in 0..2 {
        takeovers
            .extend(bench.agent(agent).shards.values().filter_map(|playing| playing.lease.takeover.clone()));
    }
    assert!(!takeovers.is_empty());
    for takeover in takeovers {
        assert!(takeover.losses >= 1 && takeover.lost.len() as u64 == takeover.losses, "{takeover:?}");
    }
}

#[test]
fn guests_that_cannot_be_are_not_believed() {
    let mut bench = Bench::playing(ROAMING, 3);
    bench.run_for(seconds(2));
    let (shard, epoch) =
        bench.agent(1).shards.values().map(|p| (p.lease.shard, p.lease.epoch)).next().unwrap();
    bench.say(1, ToCoordinator::Visitors { shard, epoch, call: 9, guests: vec![(0, 1)] });
    assert!(bench.closed.is_empty(), "an answer that nobody waits for is no crime");
    bench.say(1, ToCoordinator::Visitors { shard, epoch, call: 9, guests: vec![(4, 1)] });
    bench.listen(1);
    assert_eq!(bench.closed.len(), 1);
    assert!(
        matches!(bench.agent(1).heard.last(), Some(ToAgent::Drain { .. })),
        "{:?}",
        bench.agent(1).heard.last()
    );
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
