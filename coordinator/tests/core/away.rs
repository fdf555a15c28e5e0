//! Attempts that are due for subscribers in shards of other agents are passed on, and so are their ends.

use std::time::Duration;

use wire::away::{AwayEnd, AwayOutcome, DueAway};
use wire::to_agent::ToAgent;
use wire::to_coordinator::ToCoordinator;

use crate::bench::Bench;

const TWO_SHARDS: &str = r#"
name: away
subscribers:
  - {plmn: 001/01, imsi: "001010000000001", count: 100, k: "465B5CE8B199B49FAA5F0A2EE238A6BC", opc: "E8ED289DEBA952E4283B54E88E6183CA", amf: "8000"}
cells: {nodes: 4, cells-per-node: 1, tacs: [1], slices: ["1"]}
load:
  - {procedure: registration, arrivals: uniform, phases: [{rate: 1/s, for: 100s}]}
"#;

fn first_lease(bench: &mut Bench, agent: usize) -> (u32, u64) {
    let mut held =
        bench.agent(agent).shards.values().map(|playing| (playing.lease.shard, playing.lease.epoch));
    held.next().unwrap()
}

fn heard(bench: &mut Bench, agent: usize) -> Vec<ToAgent> {
    bench.listen(agent);
    let passed_on = |message: &&ToAgent| matches!(message, ToAgent::DueAway { .. } | ToAgent::AwayEnded(_));
    bench.agent(agent).heard.iter().filter(passed_on).cloned().collect()
}

#[test]
fn an_attempt_goes_to_the_holder_of_the_shard_and_its_end_comes_back() {
    let mut bench = Bench::playing(TWO_SHARDS, 2);
    bench.run_for(Duration::from_secs(2));
    let ((home, epoch), (to, _)) = (first_lease(&mut bench, 0), first_lease(&mut bench, 1));
    let due = DueAway { home, epoch, number: 1, ue: 7, procedure: 4 };
    bench.say(0, ToCoordinator::DueAway { to, due: due.clone() });
    assert_eq!(heard(&mut bench, 1), [ToAgent::DueAway { to, due: due.clone() }]);
    let end =
        AwayEnd { home, epoch, number: 1, ue: 7, outcome: AwayOutcome::Succeeded, ..AwayEnd::default() };
    bench.say(1, ToCoordinator::AwayEnded(end.clone()));
    assert_eq!(heard(&mut bench, 0), [ToAgent::AwayEnded(end)]);
    // Who does not hold a shard does not ask for it.
    bench.say(1, ToCoordinator::DueAway { to, due });
    assert_eq!(heard(&mut bench, 1).len(), 1);
}

#[test]
fn an_attempt_for_a_shard_that_nobody_can_be_told_of_comes_back_at_once() {
    let mut bench = Bench::playing(TWO_SHARDS, 2);
    bench.run_for(Duration::from_secs(2));
    let ((home, epoch), (to, _)) = (first_lease(&mut bench, 0), first_lease(&mut bench, 1));
    bench.cut(1);
    let due = DueAway { home, epoch, number: 1, ue: 7, procedure: 4 };
    bench.say(0, ToCoordinator::DueAway { to, due });
    let told = heard(&mut bench, 0);
    let [ToAgent::AwayEnded(end)] = &told[..] else { panic!("{told:?}") };
    assert_eq!((end.number, end.outcome), (1, AwayOutcome::NotBegun));
    assert_eq!(end.cause, "away-in-a-shard-that-nobody-has");
}
