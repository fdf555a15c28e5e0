//! What an AMF does to its associations, and what it says of itself, on a virtual clock: who ended an attempt and on what
//! evidence, what is waited for, and which AMF a UE goes to.

#![allow(clippy::unwrap_used, reason = "a test")]

mod world;

use std::collections::BTreeMap;
use std::time::Duration;

use simulator::amf::AmfPlace;
use simulator::{AmfEvent, AmfSettings, Command};

use world::{
    OVERLOAD, OVERLOAD_OVER, REFUSED_FOR_5_S, REFUSED_FOR_GOOD, REGISTER, World, core_of, octets, yaml,
};

#[test]
fn attempts_of_an_amf_that_dies_end_with_their_association_and_its_return_is_an_event() {
    let load = format!(
        "{REGISTER}\n  - {{procedure: periodic-registration-update, starts-after: 8s, phases: [{{rate: 4/s, for: 1s}}]}}"
    );
    let mut world = World::new(&yaml("", &load, "drain: 20s"), 3, 1);
    world.prepare();
    // Whatever is asked from here on stays unanswered, so that attempts are in flight when the AMF dies.
    let mut killed = false;
    world.run(|world, at| {
        world.silent[0] = at >= Duration::from_millis(500) && !killed;
        if at >= Duration::from_millis(700) && !killed {
            killed = true;
            world.kill(0, 2);
        }
        if at >= Duration::from_secs(5) {
            world.dead[0] = false;
        }
    });
    let ends = world.ends("registration");
    let (lost, none) = (ends["failed association-lost"], ends["failed ng-interface-down"]);
    assert!(lost >= 7 && none >= 5, "{ends:?}");
    assert_eq!(ends.len(), 3, "nobody else has ended anything: {ends:?}");
    assert_eq!(ends["succeeded"] + lost + none, 40, "{ends:?}");
    assert_eq!(world.ends("periodic-registration-update").keys().collect::<Vec<_>>(), ["succeeded"]);
    let (gone, back) = (world.events_of("association-lost"), world.events_of("association-restored"));
    assert_eq!((gone.len(), back.len()), (2, 2), "{:?}", world.events());
    assert_eq!(world.unexpected("association-lost"), 2, "a refused dial loses no association");
    assert!(gone.iter().all(|event| (700_000..720_000).contains(&event.at_us)), "{gone:?}");
    assert!(back.iter().all(|event| (5_000_000..7_100_000).contains(&event.at_us)), "{back:?}");
    let told: u64 = back
        .iter()
        .map(|event| {
            event.details.split_once("; ").unwrap().1.split(' ').next().unwrap().parse::<u64>().unwrap()
        })
        .sum();
    assert_eq!(told, lost, "what it cost: {back:?}");
}

#[test]
fn a_lost_association_is_dialled_every_one_to_two_seconds_and_not_in_step() {
    let load = format!(
        "{REGISTER}\n  - {{procedure: registration, starts-after: 12s, phases: [{{rate: 1/s, for: 1s}}]}}"
    );
    let mut world = World::new(&yaml("", &load, ""), 4, 1);
    world.prepare();
    world.dials.clear();
    let mut killed = false;
    world.run(|world, at| {
        if at >= Duration::from_millis(900)
            && !std::mem::replace(&mut killed, at >= Duration::from_millis(900))
        {
            world.kill(0, 2);
        }
    });
    let mut dials = world.dials.clone();
    assert!(dials.len() >= 4, "{dials:?}");
    let from = Duration::from_millis(1_900);
    assert!(dials.iter().all(|at| *at >= from), "{dials:?}");
    dials.dedup();
    assert_eq!(dials.len(), world.dials.len(), "two gNBs dial at the same instant: {dials:?}");
}

#[test]
fn ng_setup_that_is_refused_with_a_time_to_wait_is_waited_for_and_told() {
    let mut world = World::new(&yaml("", REGISTER, ""), 5, 1);
    world.answers = [octets(REFUSED_FOR_5_S), octets(REFUSED_FOR_5_S)].into();
    let before = world.now;
    world.prepare();
    assert!(world.ready, "{:?}", world.unprepared);
    let waited = world.now - before;
    assert!((Duration::from_secs(5)..Duration::from_secs(6)).contains(&waited), "{waited:?}");
    assert_eq!(world.waits.len(), 2, "{:?}", world.waits);
    let told = &world.waits[0];
    assert!(
        told.contains("control-processing-overload") && told.contains("in 5 s (the AMF asks for it)"),
        "{told}"
    );
    world.run(|_, _| ());
    assert_eq!(world.ends("registration")["succeeded"], 40);
    assert_eq!(world.events_of("ng-setup-refused").len(), 2);
    assert!(world.events().iter().all(|event| event.at_us == 0), "{:?}", world.events());
}

#[test]
fn waiting_for_ng_setup_is_bounded_and_a_cause_that_does_not_pass_is_not_waited_for() {
    let mut world = World::new(&yaml("", REGISTER, ""), 5, 1);
    world.answers = vec![octets(REFUSED_FOR_5_S); 1000].into();
    let before = world.now;
    world.prepare();
    let error = world.unprepared.clone().unwrap();
    assert!(
        error.contains("refused NG setup: control-processing-overload") && error.contains("of waiting"),
        "{error}"
    );
    assert!(world.now - before <= Duration::from_secs(190));

    let mut world = World::new(&yaml("", REGISTER, ""), 5, 1);
    world.answers = vec![octets(REFUSED_FOR_GOOD); 2].into();
    let before = world.now;
    world.prepare();
    let error = world.unprepared.clone().unwrap();
    assert!(world.now - before < Duration::from_secs(1));
    assert!(error.contains("memory://amf-0 refused NG setup: unknown-plmn"), "{error}");
    assert!(error.contains("PLMN 001/01, TAC 1"), "{error}");
}

#[test]
fn ng_setup_without_an_answer_is_not_called_a_refusal() {
    let mut world = World::new(&yaml("", REGISTER, ""), 6, 1);
    world.silent[0] = true;
    world.prepare();
    let error = world.unprepared.clone().unwrap();
    assert!(error.contains("did not answer NG setup within 10 s") && !error.contains("refused"), "{error}");
    assert!(error.contains("PLMN 001/01, TAC 1"), "{error}");
}

#[test]
fn shard_that_never_begins_reports_every_message_and_leaves_the_plan_to_who_made_it() {
    // Refused, unanswered, lost, and aborted by the operator before the start.
    let mut refused = World::new(&yaml("", REGISTER, ""), 5, 1);
    refused.answers = vec![octets(REFUSED_FOR_GOOD); 2].into();
    let mut silent = World::new(&yaml("", REGISTER, ""), 6, 1);
    silent.silent[0] = true;
    let mut aborted = World::new(&yaml("", REGISTER, ""), 7, 1);
    for world in [&mut refused, &mut silent, &mut aborted] {
        world.prepare();
    }
    assert!(aborted.ready && !refused.ready && !silent.ready);
    let now = aborted.now;
    aborted.shard.drain("aborted-by-operator", now, now);
    let mut lost = World::new(&yaml("", REGISTER, ""), 8, 1);
    lost.silent[0] = true;
    lost.shard.prepare(&mut lost.actions);
    lost.carry_out();
    lost.kill(0, 1);
    assert!(lost.unprepared.as_ref().unwrap().contains("lost"), "{:?}", lost.unprepared);
    for mut world in [refused, silent, aborted, lost] {
        world.part();
        world.assert_all_is_told();
    }
}

#[test]
fn overload_is_obeyed_where_the_scenario_says_so_and_told_in_any_case() {
    for (cells, obeyed) in [("", false), (", overload: obey", true)] {
        let mut world = World::new(&yaml(cells, REGISTER, ""), 7, 1);
        world.prepare();
        let (mut said, mut over) = (false, false);
        world.run(|world, at| {
            if at >= Duration::from_millis(300)
                && !std::mem::replace(&mut said, at >= Duration::from_millis(300))
            {
                (0..2).for_each(|interface| world.say(interface, OVERLOAD));
            }
            if at >= Duration::from_millis(700)
                && !std::mem::replace(&mut over, at >= Duration::from_millis(700))
            {
                (0..2).for_each(|interface| world.say(interface, OVERLOAD_OVER));
            }
        });
        let ends = world.ends("registration");
        let barred = ends.get("abandoned barred-by-overload").copied().unwrap_or_default();
        assert_eq!(ends["succeeded"] + barred, 40, "{ends:?}");
        assert!(if obeyed { (8..=30).contains(&barred) } else { barred == 0 }, "{ends:?}");
        let (start, stop) = (world.events_of("overload-start"), world.events_of("overload-stop"));
        assert_eq!((start.len(), stop.len()), (2, 2));
        assert!(start[0].details.contains("reject signalling and data"), "{start:?}");
        assert!((300_000..320_000).contains(&start[0].at_us), "{start:?}");
    }
}

#[test]
fn a_silent_amf_ends_attempts_by_their_timers_and_a_short_drain_names_the_timer() {
    for (drain, end) in [("20s", "timed-out T3510"), ("3s", "abandoned end-of-run-unanswered-T3510")] {
        let mut world = World::new(&yaml("", REGISTER, &format!("drain: {drain}")), 8, 1);
        world.prepare();
        world.silent[0] = true;
        world.run(|_, _| ());
        assert_eq!(world.ends("registration"), BTreeMap::from([(end.to_owned(), 40)]));
    }
}

#[test]
fn an_attempt_for_which_everybody_is_busy_says_so() {
    let load = format!(
        "{REGISTER}\n  - {{procedure: deregistration, starts-after: 2s, phases: [{{rate: 60/s, for: 1s}}]}}"
    );
    let mut world = World::new(&yaml("", &load, "drain: 3s"), 9, 1);
    world.prepare();
    world.run(|world, at| world.silent[0] = at >= Duration::from_millis(1_900));
    let ends = world.ends("deregistration");
    assert_eq!(ends["never-started busy"], 20, "40 are registered, and none answered: {ends:?}");
    assert_eq!(ends["abandoned end-of-run-unanswered-T3521"], 40, "{ends:?}");
}

#[test]
fn several_amfs_share_the_load_and_take_over_from_one_that_dies() {
    let load = format!(
        "{REGISTER}\n  - {{procedure: periodic-registration-update, starts-after: 2s, phases: [{{rate: 20/s, for: 2s}}]}}\n  \
         - {{procedure: deregistration, starts-after: 5s, phases: [{{rate: 40/s, for: 1s}}]}}\n  \
         - {{procedure: registration, starts-after: 8s, phases: [{{rate: 40/s, for: 1s}}]}}"
    );
    let mut world = World::new(&yaml("", &load, "drain: 20s"), 10, 2);
    world.prepare();
    let mut killed = false;
    world.run(|world, at| {
        let after = at >= Duration::from_secs(7);
        if after && !std::mem::replace(&mut killed, after) {
            world.kill(1, 4);
        }
    });
    let (first, second) = (world.amf(0), world.amf(1));
    assert_eq!((first.name.as_str(), second.name.as_str()), ("roamstorm-amf", "roamstorm-amf"));
    // Equal capacities: 40 registrations are dealt to both, and each UE stays with the AMF that gave its 5G-GUTI.
    assert!(second.connections >= 30, "{first:?} {second:?}");
    assert_eq!(world.ends("periodic-registration-update"), BTreeMap::from([("succeeded".to_owned(), 40)]));
    assert_eq!(world.ends("deregistration"), BTreeMap::from([("succeeded".to_owned(), 40)]));
    // The other one is gone: all register with the first.
    let ends = world.ends("registration");
    assert_eq!(ends["succeeded"], 80, "{ends:?}");
    let lost = world.events_of("association-lost");
    assert_eq!(lost.len(), 2);
    assert!(lost.iter().all(|event| event.node.ends_with("with memory://amf-1")), "{lost:?}");
}

/// What the radio lost is drawn beside the messages that the UE's AMF did get.
#[test]
fn a_message_that_the_radio_lost_is_traced_at_the_interface_with_the_ues_amf() {
    let load = format!(
        "{REGISTER}\n  - {{procedure: periodic-registration-update, starts-after: 2s, phases: [{{rate: 40/s, for: 2s}}]}}"
    );
    let lossy = yaml("", &load, "drain: 60s")
        .replace("radio: ideal", "radio: {name: lossy, latency: 1ms, jitter: 0ms, loss: 10%}");
    let mut world = World::new(&lossy, 14, 2);
    world.prepare();
    world.run(|_, _| ());
    let mut lost_at = BTreeMap::<String, u64>::new();
    for trace in world.shard.take_last_traces() {
        // Before its first message a UE has no AMF.
        let mut of_its_amf = None;
        for packet in &trace.packets {
            if !packet.lost {
                of_its_amf = Some(&packet.core);
            } else if let Some(core) = of_its_amf {
                assert_eq!(core, &packet.core, "{}: {}", trace.imsi, packet.name);
                *lost_at.entry(core.clone()).or_default() += 1;
            }
        }
    }
    assert_eq!(lost_at.keys().cloned().collect::<Vec<_>>(), [0, 1].map(core_of), "{lost_at:?}");
}

/// TS 38.413 §8.7.4.2.1: the AMF has lost the UEs of a gNB, and says so. The association stays.
#[test]
fn an_ng_reset_by_the_amf_ends_what_is_in_flight_and_nobodys_registration() {
    let load = format!(
        "{REGISTER}\n  - {{procedure: periodic-registration-update, starts-after: 3s, phases: [{{rate: 40/s, for: 1s}}]}}"
    );
    let mut world = World::new(&yaml("", &load, "drain: 20s"), 11, 1);
    world.prepare();
    world.dials.clear();
    let mut reset = false;
    world.run(|world, at| {
        // What is asked from here on stays unanswered, so that attempts are in flight.
        world.silent[0] = at >= Duration::from_millis(500) && !reset;
        if at >= Duration::from_millis(700)
            && !std::mem::replace(&mut reset, at >= Duration::from_millis(700))
        {
            world.silent[0] = false;
            for association in [1, 2] {
                world.amf_handles(0, AmfEvent::Command(Command::Reset { association }));
            }
        }
    });
    let ends = world.ends("registration");
    let (reset, succeeded) = (ends["failed ng-reset-by-amf"], ends["succeeded"]);
    assert!((4..=12).contains(&reset) && reset + succeeded == 40, "{ends:?}");
    // Who had registered is idle, and asks again.
    let ends = world.ends("periodic-registration-update");
    assert_eq!(ends, BTreeMap::from([("succeeded".to_owned(), 40)]));
    let told = world.events_of("ng-reset-by-amf");
    assert_eq!(told.len(), 2, "{:?}", world.events());
    assert!(told.iter().all(|event| (700_000..820_000).contains(&event.at_us)), "{told:?}");
    assert!(world.events_of("association-lost").is_empty() && world.dials.is_empty(), "{:?}", world.events());
    let registered: u64 = world.reports.last().unwrap().registered;
    assert_eq!(registered, succeeded);
}

#[test]
fn a_core_without_5g_gutis_is_named_and_what_needs_one_fails_by_that_name() {
    let load = format!(
        "{REGISTER}\n  - {{procedure: service-request, starts-after: 3s, phases: [{{rate: 40/s, for: 1s}}]}}\n  \
         - {{procedure: periodic-registration-update, starts-after: 5s, phases: [{{rate: 40/s, for: 1s}}]}}\n  \
         - {{procedure: deregistration, starts-after: 7s, phases: [{{rate: 40/s, for: 1s}}]}}"
    );
    let mut world =
        World::with(&yaml("", &load, ""), 12, 1, |settings| AmfSettings { assigns_guti: false, ..settings });
    world.prepare();
    world.run(|_, _| ());
    let all = |end: &str| BTreeMap::from([(end.to_owned(), 40)]);
    assert_eq!(world.ends("registration"), all("succeeded"));
    assert_eq!(world.unexpected("registration-without-5g-guti"), 40);
    assert_eq!(world.ends("service-request"), all("failed no-5g-guti"));
    assert_eq!(world.ends("periodic-registration-update"), all("failed no-5g-guti"));
    assert_eq!(world.ends("deregistration"), all("succeeded"), "a UE leaves by its SUCI");
}

#[test]
fn amfs_get_ues_by_their_relative_capacities_and_keep_them() {
    let load = format!(
        "{REGISTER}\n  - {{procedure: periodic-registration-update, starts-after: 2s, phases: [{{rate: 40/s, for: 2s}}]}}"
    );
    let small = |settings: AmfSettings| {
        let capacity = if settings.place.set == 2 { 85 } else { 255 };
        AmfSettings { place: AmfPlace { capacity, ..settings.place }, ..settings }
    };
    let mut world = World::with(&yaml("", &load, ""), 13, 2, small);
    world.prepare();
    world.run(|_, _| ());
    assert_eq!(world.ends("registration"), BTreeMap::from([("succeeded".to_owned(), 40)]));
    assert_eq!(world.ends("periodic-registration-update"), BTreeMap::from([("succeeded".to_owned(), 80)]));
    // One of four goes to the second: of 40 registrations, and so of 80 updates.
    let (first, second) = (world.amf(0).connections, world.amf(1).connections);
    assert_eq!(first + second, 120);
    assert!((15..=50).contains(&second), "{first} and {second}");
}
