//! Procedures that cross each other. Whatever the order in which their messages come, every attempt ends once, nobody is half
//! attached when things have settled, and the ledgers agree.

use std::time::Duration;

use sctp::memory::Conditions;
use simulator::Command;
use simulator::amf::Refusal;

use crate::world::{World, plan};

/// Subscribers 1 to 24, each with a session after 3 s; `load` runs from then on, and nothing does after 6 s.
fn yaml(path: &str, load: &str) -> String {
    super::yaml(path, "ideal", "never", &format!("{load}{QUIET}"))
        .replace("64kbit/s", "16kbit/s")
        .replace("256kbit/s", "32kbit/s")
}

/// Runs a world in which N2 takes up to 80 ms either way, in order; `at` does something about a subscriber, or about
/// another moment, every 40 ms from 3 s to 5 s.
fn run(yaml: &str, seed: u64, mut at: impl FnMut(&mut World, u32) + 'static) -> World {
    let plan = plan(yaml, seed, 2);
    let mut world = World::new(&plan, seed);
    world.prepare();
    let (delay_min, delay_max) = (Duration::ZERO, Duration::from_millis(80));
    world.network.set_conditions(Conditions { delay_min, delay_max, ..Conditions::default() });
    world.look_after = Some(SETTLED);
    let (mut next, step) = (Duration::from_secs(3), Duration::from_millis(40));
    let mut number = 0;
    world.run_with(move |world, elapsed| {
        while next <= elapsed && number < 50 {
            at(world, number);
            number += 1;
            next += step;
        }
    });
    world.assert_balanced();
    world.assert_nobody_is_half_attached();
    world
}

fn imsi(number: u32) -> identity::Imsi {
    format!("00101{:010}", number % 24 + 1).parse().unwrap()
}

const HANDOVERS: &str = "
  - {procedure: handover-PROCEDURE, starts-after: 3s, phases: [{rate: 24/s, for: 2s}]}";

/// Keeps the run going, until every timer of a race has run out.
const QUIET: &str = "
  - {procedure: periodic-registration-update, starts-after: 62s, phases: [{rate: 1/s, for: 1s}]}";
const SETTLED: Duration = Duration::from_secs(60);

#[test]
fn a_path_switch_that_crosses_a_release_of_its_session() {
    let session = identity::SessionId::new(1).unwrap();
    let load = HANDOVERS.replace("PROCEDURE", "xn");
    let world = run(&yaml("within-shard", &load), 21, move |world, number| {
        world.command(Command::ReleaseSession { imsi: imsi(number), session });
    });
    assert!(world.succeeded("handover-xn") > 0, "{:?}", world.totals);
    world.assert_charged_as_used();
}

#[test]
fn a_paging_that_crosses_a_service_request() {
    let load = "
  - {procedure: ue-context-release, starts-after: 2900ms, phases: [{rate: 24/s, for: 1s}]}
  - {procedure: service-request, starts-after: 3200ms, phases: [{rate: 24/s, for: 2s}]}";
    let world = run(&yaml("within-shard", load), 22, |world, number| {
        world.command(Command::Page { imsi: imsi(number) });
    });
    assert!(world.succeeded("service-request") > 0, "{:?}", world.totals);
    world.assert_charged_as_used();
}

#[test]
fn handovers_of_both_kinds_at_once_while_targets_refuse() {
    let load = HANDOVERS.replace("PROCEDURE", "n2") + &HANDOVERS.replace("PROCEDURE", "xn");
    let yaml = yaml("within-shard", &load)
        .replace("interruption: 20ms", "interruption: 20ms, refuse: 30%, cancel: 20%");
    let world = run(&yaml, 23, |_, _| {});
    assert!(world.succeeded("handover-n2") > 0 && world.succeeded("handover-xn") > 0, "{:?}", world.totals);
    world.assert_charged_as_used();
}

#[test]
fn a_deregistration_by_the_network_during_a_handover() {
    for path in ["within-shard", "ring"] {
        let load = HANDOVERS.replace("PROCEDURE", "n2");
        let world = run(&yaml(path, &load), 24, |world, number| {
            world.command(Command::Deregister { imsi: imsi(number), re_registration: false });
        });
        assert!(world.succeeded("handover-n2") > 0, "{:?}", world.totals);
        // A UE that has accepted while its handover was commanded is not heard: the network sends on until the gNB says
        // that there is no tunnel.
        world.assert_charged_but_for(2 * 1_200);
    }
}

#[test]
fn an_association_that_is_lost_during_handovers() {
    let load = HANDOVERS.replace("PROCEDURE", "n2");
    let world = run(&yaml("within-shard", &load), 25, |world, number| {
        if number % 20 == 10 {
            world.lose_association(0, u16::try_from(number / 20).unwrap());
        }
    });
    assert!(world.unexpected["association-lost"] >= 2, "{:?}", world.unexpected);
    world.assert_charged_as_used();
}

/// The AMF loses the UEs of both gNBs of a shard: what is in flight ends, tunnels go, and UEs and sessions stay.
#[test]
fn an_ng_reset_by_the_amf_during_handovers_and_traffic() {
    let load = HANDOVERS.replace("PROCEDURE", "n2")
        + "
  - {procedure: service-request, starts-after: 6s, phases: [{rate: 24/s, for: 1s}]}";
    let world = run(&yaml("within-shard", &load), 26, |world, number| {
        if number == 25 {
            (0..2).for_each(|gnb| world.reset(0, gnb));
        }
    });
    let handovers = &world.totals["handover-n2"];
    assert!(handovers.failed.contains_key("ng-reset-by-amf"), "{handovers:?}");
    assert_eq!(handovers.failed.len(), 1, "{handovers:?}");
    assert!(!world.unexpected.contains_key("association-lost"), "{:?}", world.unexpected);
    let settled = world.settled.unwrap();
    assert_eq!((settled.registered, settled.sessions), ([24; 2], [24; 4]));
    // Those of the shard were idle by then, and have their tunnels again.
    assert!(world.succeeded("service-request") >= 10, "{:?}", world.totals);
    world.assert_charged_but_for(2 * 1_200);
}

/// What a UE takes to another shard was sealed when its handover began. What the network says to it after that is repeated where
/// it arrives: had it heard and answered, its counts and its 5G-GUTI would have stayed behind.
#[test]
fn nas_for_a_ue_that_has_packed_is_left_to_the_network_to_repeat() {
    let load = HANDOVERS.replace("PROCEDURE", "n2")
        + "
  - {procedure: periodic-registration-update, starts-after: 40s, phases: [{rate: 24/s, for: 1s}]}";
    for path in ["ring", "within-shard"] {
        let world = run(&yaml(path, &load), 27, |world, number| {
            world.command(Command::UpdateConfiguration { imsi: imsi(number) });
        });
        let left = world.unexpected.get("nas-while-leaving").copied().unwrap_or_default();
        // Within its shard a UE packs nothing, and hears everything.
        assert_eq!(left > 0, path == "ring", "{path}: {:?}", world.unexpected);
        assert!(world.succeeded("handover-n2") > 40, "{path}: {:?}", world.totals);
        let statistics = world.core.statistics();
        assert_eq!(
            statistics.refusals(Refusal::ConfigurationUpdateTimeout),
            0,
            "{path}: somebody never answered"
        );
        let updates = &world.totals["periodic-registration-update"];
        assert_eq!(updates.succeeded, updates.due, "{path}: {updates:?} {:?}", world.unexpected);
        world.assert_charged_as_used();
    }
}
