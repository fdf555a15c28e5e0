//! Attempts that follow their subscribers to other shards: what conditions see of them, and the account of each, whatever happens
//! to the shards and to what they say to each other.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::world::{Mail, Totals, World, plan};
use crate::yaml;

/// Handovers scatter the subscribers; then all of them have something due, in which most shards lack some.
const SCATTERED: &str = "
  - {procedure: handover-n2, starts-after: 3s, phases: [{name: scatter, rate: 48/s, for: 1s}]}
  - {procedure: handover-n2, starts-after: 5s, phases: [{name: on, rate: 24/s, for: 2s}]}
  - {procedure: periodic-registration-update, starts-after: 9s, phases: [{name: first, rate: 24/s, for: 500ms}, {name: second, rate: 24/s, for: 500ms}]}
  - {procedure: pdu-session-release, starts-after: 11s, phases: [{rate: 24/s, for: 1s}]}
  - {procedure: pdu-session, starts-after: 13s, phases: [{rate: 24/s, for: 1s}]}";

/// Conditions of every kind of limit. Those with equal limits share a part: west, east, the network, the slice, the phases, the DNN.
const LIMITED: &str = "slos:
  - {that: periodic-registration-update.success >= 1%, cells: west}
  - {that: periodic-registration-update.success >= 1%, cells: east}
  - {that: periodic-registration-update.success >= 1%, network: 001/01}
  - {that: periodic-registration-update.success >= 1%, slice: \"1\"}
  - {that: periodic-registration-update.success >= 1%, phase: first}
  - {that: periodic-registration-update.success >= 1%, phase: second, network: 001/01}
  - {that: pdu-session-release.success >= 1%, dnn: internet}
  - {that: handover-n2.success >= 1%, cells: west}
  - {that: handover-n2.success >= 1%, cells: east}
";

fn limited() -> String {
    yaml("random", "ideal", "never", SCATTERED)
        .replace("slos: [registration.success >= 1%]\n", LIMITED)
        .replace(
            "slices: [\"1\"]}",
            "slices: [\"1\"], groups: [{name: west, first: 0, count: 2}, {name: east, first: 2, count: 2}]}",
        )
}

/// What of all parts with these numbers is counted of a procedure: due, begun, succeeded, ended.
fn of_parts(world: &World, parts: &[u32], procedure: &str) -> [u64; 4] {
    let those = parts.iter().filter_map(|part| world.parts.get(&(*part, procedure.to_owned())));
    those.map(counts).fold([0; 4], |sum, more| std::array::from_fn(|at| sum[at] + more[at]))
}

/// Without what nobody was there for: it has no place.
fn counts(totals: &Totals) -> [u64; 4] {
    let never: u64 = totals.never_started.values().sum();
    [totals.due - never, totals.started, totals.succeeded, totals.ended()]
}

/// The places of two groups of cells are all that there are: what is counted in both is the whole, wherever each UE was.
#[test]
fn what_a_limit_sees_does_not_depend_on_where_the_ue_is() {
    for seed in 201..206 {
        let plan = plan(&limited(), seed, 4);
        let mut world = World::new(&plan, seed);
        world.mail.delay = Duration::from_millis(3);
        world.prepare();
        world.run();
        world.assert_balanced();
        assert!(world.asked > 5, "seed {seed}: {} attempts abroad show nothing", world.asked);
        let parts_of_wholes: [(&str, &[&[u32]]); 3] = [
            ("periodic-registration-update", &[&[0, 1], &[2], &[3], &[4, 5]]),
            ("pdu-session-release", &[&[6]]),
            ("handover-n2", &[&[0, 1]]),
        ];
        for (procedure, divisions) in parts_of_wholes {
            let whole = counts(&world.totals[procedure]);
            for parts in divisions {
                assert_eq!(
                    of_parts(&world, parts, procedure),
                    whole,
                    "seed {seed}: {procedure} in {parts:?}"
                );
            }
        }
        let handovers = world.succeeded("handover-n2");
        for phase in ["preparation", "execution"] {
            assert_eq!(
                world.phases[phase], handovers,
                "seed {seed}: {phase} of each handover that succeeded"
            );
        }
    }
}

/// The end of the run ends what is under way elsewhere as it ends what is under way here: with its cause and its place.
#[test]
fn an_attempt_that_the_end_of_the_run_finds_abroad_is_counted_with_its_cause_and_place() {
    let yaml = limited() + "drain: 1s\n";
    let plan = plan(&yaml, 211, 4);
    let mut world = World::new(&plan, 211);
    world.mail.delay = Duration::from_millis(3);
    world.prepare();
    let mut silent = false;
    world.run_with(|world, elapsed| {
        if elapsed >= Duration::from_millis(8_900) && !std::mem::replace(&mut silent, true) {
            world.network.set_conditions(sctp::memory::Conditions { loss: 1.0, ..Default::default() });
        }
    });
    world.assert_balanced();
    let totals = &world.totals["periodic-registration-update"];
    assert!(world.asked > 5 && totals.started > 0, "{totals:?}");
    for parts in [&[0, 1][..], &[2], &[4, 5]] {
        assert_eq!(
            of_parts(&world, parts, "periodic-registration-update"),
            counts(totals),
            "{parts:?}: {totals:?}"
        );
    }
    assert!(!totals.abandoned.contains_key("other-shard-silent"), "{totals:?}");
}

/// What nobody says a word of is the fleet's loss, and no failure of the target's.
#[test]
fn a_word_that_is_lost_between_shards_is_no_failure_of_the_target() {
    let plan = plan(&(yaml("random", "ideal", "never", SCATTERED) + "drain: 5s\n"), 221, 4);
    let mut world = World::new(&plan, 221);
    world.prepare();
    world.run_with(|world, elapsed| {
        world.mail.lost = if elapsed >= Duration::from_secs(8) { 1.0 } else { 0.0 };
    });
    world.assert_balanced();
    let silent: u64 =
        world.totals.values().filter_map(|totals| totals.abandoned.get("other-shard-silent")).sum();
    assert!(silent > 0, "{:?}", world.totals);
    for (procedure, totals) in &world.totals {
        assert!(!totals.abandoned.contains_key("end-of-run"), "{procedure}: {totals:?}");
    }
    world.assert_charged_as_used();
}

/// Shards move and are lost, their connections are cut and heal, words between them come late or never: under every seed each
/// attempt of the plan is ended once, and nobody lives twice.
#[test]
fn attempts_abroad_are_accounted_for_under_cuts_moves_and_losses() {
    let load = format!(
        "{SCATTERED}
  - {{procedure: periodic-registration-update, starts-after: 3s, phases: [{{rate: 12/s, for: 12s}}]}}
  - {{procedure: handover-n2, starts-after: 8s, phases: [{{rate: 6/s, for: 6s}}]}}"
    );
    let yaml = yaml("random", "ideal", "never", &load)
        .replace("64kbit/s", "8kbit/s")
        .replace("256kbit/s", "16kbit/s")
        + "drain: 10s\n";
    let seeds = std::env::var("SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(60);
    let (mut asked, mut moved, mut lost) = (0, 0, 0);
    for seed in 1_000..1_000 + seeds {
        println!("seed {seed}");
        let mut chance = SmallRng::seed_from_u64(seed);
        let plan = plan(&yaml, seed, chance.random_range(2..=4));
        let shards = plan.shards() as usize;
        let mut world = World::new(&plan, seed);
        world.mail = Mail {
            delay: Duration::from_micros(chance.random_range(0..50_000)),
            lost: if chance.random_bool(0.3) { chance.random_range(0.0..0.3) } else { 0.0 },
            ..Mail::default()
        };
        let mut faults: Vec<(f64, usize, u32)> = (0..chance.random_range(1..=4))
            .map(|_| {
                let at = chance.random_range(3.0..15.0);
                (at, chance.random_range(0..shards), chance.random_range(0..3))
            })
            .collect();
        faults.sort_by(|a, b| a.0.total_cmp(&b.0));
        let healing = chance.random_range(0.1..3.0);
        let mut cut_until = vec![0.0; shards];
        world.prepare();
        world.run_with(|world, elapsed| {
            let elapsed = elapsed.as_secs_f64();
            for (shard, until) in cut_until.iter().enumerate() {
                if *until <= elapsed {
                    world.mail.cut.remove(&shard);
                }
            }
            while faults.first().is_some_and(|(at, ..)| *at <= elapsed) {
                let (_, shard, kind) = faults.remove(0);
                match kind {
                    0 => {
                        world.mail.cut.insert(shard);
                        cut_until[shard] = elapsed + healing;
                    }
                    // One that is on its way, or has come to its end, is neither moved nor lost.
                    1 if world.holds(shard) => {
                        moved += 1;
                        world.release(shard, Duration::from_millis(500));
                    }
                    2 if world.holds(shard) => {
                        lost += 1;
                        world.lose(shard);
                    }
                    _ => {}
                }
            }
        });
        world.assert_balanced();
        asked += world.asked;
        let registered: u64 = world.registered.iter().sum();
        assert!(registered <= 24, "seed {seed}: {registered} of 24 are registered: {:?}", world.unexpected);
    }
    println!("{asked} attempts abroad, {moved} moves, {lost} losses");
    assert!(asked > 5 * seeds && (seeds < 20 || (moved > 0 && lost > 0)), "{asked} {moved} {lost}");
}
