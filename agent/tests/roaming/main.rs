//! A roaming life in virtual time: sessions with traffic, handovers within a shard and between shards that stand for
//! agents, idle and back, release. The account balances, and what was used is what was charged.

#![allow(clippy::unwrap_used, reason = "a test")]

mod abroad;
mod mix_ups;
mod moves;
mod n3;
mod overload;
mod races;
mod strangers;
mod world;

use std::time::Duration;

use proptest::prelude::*;
use sctp::memory::Conditions;
use world::{World, plan};

fn yaml(path: &str, radio: &str, retry: &str, more: &str) -> String {
    format!(
        r#"
name: roaming
description: A roaming life.
subscribers:
  - {{plmn: 001/01, imsi: "001010000000001", count: 24, k: "465B5CE8B199B49FAA5F0A2EE238A6BC",
     opc: "E8ED289DEBA952E4283B54E88E6183CA", amf: "8000", suci: null-scheme}}
cells: {{nodes: 4, cells-per-node: 2, tacs: [1, 2], slices: ["1"]}}
nas: {{nr: {{ciphering: [2, 1, 0], integrity: [2, 1], retry: {retry}}}}}
radio: {radio}
mobility: {{path: {path}, interruption: 20ms}}
sessions:
  - {{name: web, dnn: internet, uplink: {{rate: 64kbit/s, packet: [200, 1200]}}, downlink: {{rate: 256kbit/s, packet: [200, 1200]}}}}
load:
  - {{procedure: registration, phases: [{{rate: 24/s, for: 1s}}]}}
  - {{procedure: pdu-session, starts-after: 1500ms, phases: [{{rate: 24/s, for: 1s}}]}}
{more}
slos: [registration.success >= 1%]
network: {{processing-delay: 1ms, nr: {{release-after-registration: true}}}}
"#
    )
}

const HANDOVERS: &str = "
  - {procedure: handover-n2, starts-after: 3s, phases: [{rate: 24/s, for: 2s}]}";

const LIFE: &str = "
  - {procedure: handover-n2, starts-after: 3s, phases: [{rate: 24/s, for: 2s}]}
  - {procedure: ue-context-release, starts-after: 5500ms, phases: [{rate: 12/s, for: 1s}]}
  - {procedure: service-request, starts-after: 6s, phases: [{rate: 8/s, for: 1s}]}
  - {procedure: pdu-session-release, starts-after: 7s, phases: [{rate: 12/s, for: 1s}]}
  - {procedure: deregistration, starts-after: 8s, phases: [{rate: 12/s, for: 1s}]}";

#[test]
fn sessions_carry_traffic_and_are_charged_for_what_was_used() {
    let plan = plan(&yaml("within-shard", "ideal", "never", ""), 3, 2);
    let mut world = World::new(&plan, 3);
    world.prepare();
    world.run();
    world.assert_balanced();
    world.assert_all_that_started_succeeded();
    assert_eq!(world.succeeded("pdu-session"), 24);
    assert!(world.user_plane.uplink_packets > 24 && world.user_plane.downlink_packets > 24);
    world.assert_charged_as_used();
}

#[test]
fn handovers_within_a_shard_keep_sessions_and_their_charges() {
    for procedure in ["handover-n2", "handover-xn"] {
        let load = HANDOVERS.replace("handover-n2", procedure);
        let plan = plan(&yaml("within-shard", "urban", "never", &load), 4, 2);
        let mut world = World::new(&plan, 4);
        world.prepare();
        world.run();
        world.assert_balanced();
        assert!(world.succeeded(procedure) >= 40, "{:?} {:?}", world.totals, world.unexpected);
        assert_eq!(world.handovers, world.totals[procedure].ended());
        assert!(world.phases.contains_key("execution") && world.phases.contains_key("completion"));
        world.assert_charged_as_used();
    }
}

#[test]
fn handovers_to_another_agent_carry_the_ue_with_its_sessions_and_traffic() {
    let plan = plan(&yaml("ring", "ideal", "never", HANDOVERS), 5, 2);
    let mut world = World::new(&plan, 5);
    world.prepare();
    world.run();
    world.assert_balanced();
    world.assert_all_that_started_succeeded();
    assert_eq!(world.succeeded("handover-n2"), 48);
    assert_eq!(world.registered.iter().sum::<u64>(), 24, "no UE is lost or doubled: {:?}", world.unexpected);
    assert!(world.user_plane.end_markers > 0);
    assert!(world.used.iter().any(|record| record.sequence > 0), "parts of one session on two agents");
    world.assert_charged_as_used();
}

/// What is due for subscribers whom handovers have taken to other shards happens there, and is counted once, at home.
#[test]
fn attempts_follow_their_subscribers_to_other_shards() {
    let load = "
  - {procedure: handover-n2, starts-after: 3s, phases: [{rate: 48/s, for: 1s}]}
  - {procedure: periodic-registration-update, starts-after: 5s, phases: [{rate: 24/s, for: 1s}]}
  - {procedure: pdu-session-release, starts-after: 7s, phases: [{rate: 24/s, for: 1s}]}
  - {procedure: deregistration, starts-after: 9s, phases: [{rate: 24/s, for: 1s}]}
  - {procedure: registration, starts-after: 11s, phases: [{rate: 24/s, for: 1s}]}";
    for (path, seed) in [("random", 41), ("random", 42), ("random", 43), ("ring", 44)] {
        // 24 subscribers in two shards, of whom handovers leave more in one than in the other.
        let plan = plan(&yaml(path, "ideal", "never", load), seed, 4);
        let mut world = World::new(&plan, seed);
        world.prepare();
        world.run();
        world.assert_balanced();
        for procedure in ["periodic-registration-update", "pdu-session-release", "deregistration"] {
            let totals = &world.totals[procedure];
            assert_eq!(totals.succeeded, 24, "{path} {seed} {procedure}: {totals:?}");
        }
        assert_eq!(
            world.totals["registration"].succeeded, 48,
            "{path} {seed}: {:?}",
            world.totals["registration"]
        );
        assert_eq!(world.registered.iter().sum::<u64>(), 24, "{path} {seed}: {:?}", world.unexpected);
        world.assert_charged_as_used();
    }
}

#[test]
fn a_whole_life_ends_with_equal_ledgers() {
    for path in ["ring", "random", "within-shard"] {
        let plan = plan(&yaml(path, "ideal", "never", LIFE), 6, 2);
        let mut world = World::new(&plan, 6);
        world.prepare();
        world.run();
        world.assert_balanced();
        for procedure in ["handover-n2", "ue-context-release", "pdu-session-release", "deregistration"] {
            assert!(world.succeeded(procedure) > 0, "{path} {procedure}: {:?}", world.totals);
        }
        world.assert_charged_as_used();
    }
}

#[test]
fn handovers_that_fail_end_once_and_leave_no_ue_half_attached() {
    for (path, procedure) in
        [("ring", "handover-n2"), ("within-shard", "handover-n2"), ("ring", "handover-xn")]
    {
        let fates = "failure: 20%, cancel: 20%, refuse: 20%";
        let load = HANDOVERS.replace("handover-n2", procedure);
        let yaml = yaml(path, "ideal", "never", &load)
            .replace("interruption: 20ms", &format!("interruption: 20ms, {fates}"))
            + "drain: 60s\n";
        let plan = plan(&yaml, 8, 2);
        let mut world = World::new(&plan, 8);
        world.prepare();
        world.run();
        world.assert_balanced();
        let totals = &world.totals[procedure];
        if procedure == "handover-n2" {
            // Cancelled, refused by the target, and lost on the way.
            assert!(
                totals.failed.contains_key("handover-cancelled") && totals.failed.len() >= 2,
                "{totals:?}"
            );
            assert!(totals.timed_out.contains_key("TNGRELOCoverall"), "{totals:?}");
        } else {
            assert!(totals.failed.contains_key("radio-link-failure"), "{totals:?}");
        }
        assert_eq!(world.registered.iter().sum::<u64>(), 24, "{path} {procedure}: {:?}", world.unexpected);
        world.assert_charged_as_used();
    }
}

/// What an impairment starts is self-started in the account, and no session is charged wrongly for it.
#[test]
fn impairments_move_ues_through_their_life() {
    for (impairment, procedure) in [
        ("signal-loss: {share: 100%}", "service-request"),
        ("rrc-oscillation: {share: 100%, period: 1s}", "ue-context-release"),
        ("signalling-storm: {share: 100%, period: 2s}", "registration-retry"),
        ("throttle: {factor: 10%}", ""),
        ("interference: {loss: 0%, latency: 50ms}", ""),
        ("congestion: {capacity: 2, wait: 2s}", ""),
    ] {
        let more = "
  - {procedure: periodic-registration-update, starts-after: 3s, phases: [{rate: 4/s, for: 6s}]}";
        let conditions = format!(
            "drain: 30s\nconditions:\n  override: {{by: a test, reason: a short run}}\n  impairments:\n    \
             - {{name: it, {impairment}, at: 4s, for: 3s}}\n"
        );
        let plan = plan(&(yaml("within-shard", "ideal", "never", more) + &conditions), 9, 2);
        let mut world = World::new(&plan, 9);
        world.prepare();
        world.run();
        world.assert_balanced();
        if !procedure.is_empty() {
            let totals = &world.totals[procedure];
            assert!(totals.self_started > 0 && totals.succeeded > 0, "{impairment}: {totals:?}");
        }
        world.assert_charged_as_used();
    }
}

#[test]
fn another_usim_registers_and_ends_the_swap_once() {
    for kind in ["new-keys", "other-identity"] {
        let more = "
  - {procedure: deregistration, starts-after: 3s, phases: [{rate: 8/s, for: 1s}]}
  - {procedure: sim-swap, starts-after: 5s, phases: [{rate: 8/s, for: 1s}]}";
        let yaml = yaml("within-shard", "ideal", "never", more) + &format!("sim-swap: {kind}\ndrain: 20s\n");
        let plan = plan(&yaml, 10, 2);
        let mut world = World::new(&plan, 10);
        world.prepare();
        world.run();
        world.assert_balanced();
        assert_eq!(world.succeeded("sim-swap"), 8, "{kind}: {:?} {:?}", world.totals, world.unexpected);
        world.assert_charged_as_used();
    }
}

#[test]
fn the_same_seed_gives_the_same_account_of_a_life() {
    let account = || {
        let plan = plan(&yaml("random", "urban", "as-specified", LIFE), 11, 2);
        let mut world = World::new(&plan, 11);
        world.prepare();
        world.network.set_conditions(Conditions { loss: 0.02, duplicate: 0.02, ..Conditions::default() });
        world.run();
        (world.totals, world.used)
    };
    assert_eq!(account(), account());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Whatever N2 does with the messages of sessions and handovers, every attempt ends exactly once, every usage record
    /// comes once, no UE is in two places, and none believes itself registered where the AMF does not.
    #[test]
    fn hostile_signalling_never_unbalances_a_life(
        seed in any::<u64>(),
        path in prop_oneof![Just("ring"), Just("random"), Just("within-shard")],
        retry in prop_oneof![Just("never"), Just("as-specified")],
        loss in 0.0..0.3f64,
        duplicate in 0.0..0.3f64,
        reorder in 0.0..0.5f64,
        mutation in prop_oneof![Just(0.0), 0.0..0.2f64],
        delay_max_ms in 1u64..3000,
    ) {
        let quiet = "
  - {procedure: periodic-registration-update, starts-after: 121s, phases: [{rate: 1/s, for: 1s}]}";
        let yaml = yaml(path, "urban", retry, &format!("{LIFE}{quiet}"))
            .replace("64kbit/s", "8kbit/s")
            .replace("256kbit/s", "16kbit/s");
        let plan = plan(&yaml, seed, 2);
        let mut world = World::new(&plan, seed);
        world.prepare();
        world.look_after = Some(Duration::from_secs(120));
        let delay_max = Duration::from_millis(delay_max_ms);
        world.network.set_conditions(Conditions { loss, duplicate, reorder, delay_min: Duration::ZERO, delay_max });
        world.mutation = mutation;
        world.run();
        world.assert_balanced();
        // What a UE says last may never come, and then the network keeps it for hours; the other way round nobody is.
        let [ues, amf] = world.settled.unwrap().registered;
        prop_assert!(ues <= amf, "{ues} UEs are registered, and the AMF knows {amf}: {:?}", world.unexpected);
        let mut parts: Vec<_> =
            world.used.iter().map(|part| (part.supi, part.session, part.opened_us, part.sequence, part.from_us)).collect();
        let count = parts.len();
        parts.sort_unstable();
        parts.dedup();
        prop_assert_eq!(parts.len(), count, "a usage record came twice");
    }
}
