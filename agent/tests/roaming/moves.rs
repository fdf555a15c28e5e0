//! Shards that change their holder in the middle of a busy load, with sessions, traffic and handovers: no start is lost or
//! doubled, no UE is, and the bill is right.

use std::time::Duration;

use sctp::memory::Conditions;

use crate::world::{World, plan};
use crate::yaml;

/// Handovers, service requests and releases go on all the time.
const BUSY: &str = "
  - {procedure: handover-n2, starts-after: 3s, phases: [{rate: 24/s, for: 8s}]}
  - {procedure: ue-context-release, starts-after: 3s, phases: [{rate: 6/s, for: 9s}]}
  - {procedure: service-request, starts-after: 3200ms, phases: [{rate: 6/s, for: 9s}]}
  - {procedure: pdu-session-release, starts-after: 4s, phases: [{rate: 3/s, for: 8s}]}
  - {procedure: pdu-session, starts-after: 4500ms, phases: [{rate: 3/s, for: 8s}]}";

const SETTLE: Duration = Duration::from_secs(2);

fn at(second: f64, done: &mut bool, elapsed: Duration) -> bool {
    let due = elapsed.as_secs_f64() >= second && !*done;
    *done |= due;
    due
}

#[test]
fn a_move_in_a_busy_load_loses_no_start_no_ue_and_no_octet() {
    for (path, radio, seed) in
        [("within-shard", "ideal", 21), ("ring", "ideal", 22), ("random", "urban", 23), ("ring", "urban", 24)]
    {
        let plan = plan(&yaml(path, radio, "never", BUSY), seed, 2);
        let mut world = World::new(&plan, seed);
        world.prepare();
        let mut moved = [false; 3];
        world.run_with(|world, elapsed| {
            for (shard, second, done) in [(0, 5.0, 0), (1, 7.0, 1), (0, 8.5, 2)] {
                if at(second, &mut moved[done], elapsed) {
                    world.release(shard, SETTLE);
                }
            }
        });
        assert_eq!(world.generations, [2, 1], "{path} {radio}");
        world.assert_balanced();
        let registered = world.registered.iter().sum::<u64>();
        let refused: Vec<_> = world.core.statistics().refused().collect();
        assert_eq!(registered, 24, "{path} {radio}: {:?} {:?} {refused:?}", world.totals, world.unexpected);
        assert!(world.shifted > 0, "{path} {radio}: something came due on the way");
        assert!(
            world.succeeded("handover-n2") > 100,
            "{path} {radio}: {:?} {:?}",
            world.totals,
            world.unexpected
        );
        assert_eq!(world.recovery, Default::default(), "nothing had to be recovered");
        world.assert_charged_as_used();
        let (account, differences) = world.reconcile();
        assert_eq!(account.unreconciled, 0, "{path} {radio}: {differences:#?}");
        assert!(world.used.iter().any(|part| part.sequence > 1), "sessions went on with their new holders");
    }
}

/// A shard that waits for the ends of its own attempts, here for words that are long on their way, takes those who come meanwhile; they
/// travel on with its own UEs. Who finds it at rest is refused, and the source tells which shard that was.
#[test]
fn handovers_into_a_shard_that_is_to_move_succeed_until_it_is_at_rest() {
    let (mut refused, mut failed, mut told) = (0, 0, 0);
    for seed in 41..47 {
        let plan = plan(&yaml("ring", "urban", "never", BUSY), seed, 4);
        let mut world = World::new(&plan, seed);
        world.mail.delay = Duration::from_millis(700);
        world.prepare();
        let mut moved = [false; 4];
        world.run_with(|world, elapsed| {
            for (shard, second) in [4.0, 5.0, 6.0, 7.0].into_iter().enumerate() {
                if at(second, &mut moved[shard], elapsed) {
                    world.release(shard, SETTLE);
                }
            }
        });
        world.assert_balanced();
        assert_eq!(world.registered.iter().sum::<u64>(), 24, "seed {seed}: {:?}", world.unexpected);
        refused += world.unexpected.get("handover-after-the-end").copied().unwrap_or_default();
        let causes = &world.totals["handover-n2"].failed;
        let whole = |cause: &String| !cause.starts_with("ho-failure") || cause.ends_with("-target-system");
        assert!(causes.keys().all(whole), "one cause has one name: {causes:?}");
        failed += causes.values().sum::<u64>();
        told += world.failed_into.iter().map(|failed| failed.count).sum::<u64>();
    }
    println!("{refused} refused, {failed} failed, {told} of them told");
    assert!(refused <= 12 && told > 0 && told <= failed, "{refused} refused, {failed} failed, {told} told");
}

#[test]
fn a_lost_holder_costs_what_was_in_flight_and_its_ues_are_recovered() {
    for (path, radio, seed) in
        [("within-shard", "urban", 31), ("ring", "ideal", 32), ("ring", "ideal", 34), ("random", "ideal", 33)]
    {
        let plan = plan(&yaml(path, radio, "as-specified", BUSY), seed, 2);
        let mut world = World::new(&plan, seed);
        world.prepare();
        let (mut lost, mut before) = (false, (0, 0));
        world.run_with(|world, elapsed| {
            if at(6.3, &mut lost, elapsed) {
                before = (world.registered[0], world.sessions[0]);
                world.lose(0);
            }
        });
        world.assert_balanced();
        let lost: u64 = world.totals.values().filter_map(|totals| totals.abandoned.get("agent-lost")).sum();
        assert!(lost > 0, "{path}: {:?}", world.totals);
        let recovery = &world.recovery;
        // Of a shard's own twelve: visiting UEs are not its to register.
        assert_eq!(recovery.registrations, before.0.min(12), "{path}");
        assert!(recovery.sessions > 0 && recovery.sessions <= before.1, "{path}: {recovery:?} {before:?}");
        assert_eq!(recovery.succeeded, recovery.registrations + recovery.sessions, "{path}: {recovery:?}");
        let registrations = &world.totals["registration"];
        assert_eq!((registrations.due, registrations.succeeded), (24, 24), "recovery is in no statistics");
        let (account, mut differences) = world.reconcile();
        differences.retain(|difference| !difference.cause.is_explained());
        assert!(differences.is_empty(), "{path}: {differences:#?}");
        assert!(account.explained["agent-lost"] > 0 && account.matched > 0, "{path}: {account:?}");
        // The loss is over: handovers and releases work as before.
        assert!(world.succeeded("handover-n2") > 100, "{path}: {:?} {:?}", world.totals, world.unexpected);
        assert!(world.registered.iter().sum::<u64>() <= 24, "{path}: nobody is in two places");
    }
}

/// However many shards a visiting UE has passed through, its home finds it missing when the one that has it is lost, and nobody
/// else.
#[test]
fn visiting_ues_of_a_lost_shard_are_at_home_again_after_an_audit() {
    let again = format!(
        "{BUSY}\n  - {{procedure: registration, starts-after: 30s, phases: [{{rate: 24/s, for: 1s}}]}}"
    );
    for (seed, ask) in [(81, false), (81, true), (82, true), (83, true), (84, true)] {
        let plan = plan(&yaml("random", "ideal", "as-specified", &again), seed, 4);
        let mut world = World::new(&plan, seed);
        world.prepare();
        let (mut lost, mut asked) = (false, false);
        world.run_with(|world, elapsed| {
            if at(6.3, &mut lost, elapsed) {
                world.lose(1);
            }
            if ask && at(25.0, &mut asked, elapsed) {
                world.ask(0..4);
                world.tell_who_was_found();
            }
        });
        world.assert_balanced();
        let registered: u64 = world.registered.iter().sum();
        let missed = world.unexpected.get("ue-lost-elsewhere").copied().unwrap_or(0);
        println!("seed {seed}: {registered} registered, {missed} missed");
        if ask {
            assert_eq!(registered, 24, "seed {seed}: {:?} {:?}", world.registered, world.unexpected);
        } else {
            assert!(registered < 24 && missed == 0, "seed {seed}: the test would show nothing");
        }
    }
}

/// Visiting UEs go from shard to shard while one after the other answers: each is named by somebody.
#[test]
fn an_audit_in_the_middle_of_handovers_calls_nobody_home_who_lives() {
    for seed in 91..96 {
        let plan = plan(&yaml("random", "urban", "as-specified", BUSY), seed, 4);
        let mut world = World::new(&plan, seed);
        world.prepare();
        let mut asked = [false; 15];
        world.run_with(|world, elapsed| {
            // Three calls of 3.6 s: a shard answers every 900 ms, then home is told.
            for (step, asked) in asked.iter_mut().enumerate() {
                if at(4.0 + step as f64 * 0.9, asked, elapsed) {
                    match step % 5 {
                        4 => world.tell_who_was_found(),
                        shard => world.ask(shard..shard + 1),
                    }
                }
            }
        });
        assert!(world.succeeded("handover-n2") > 100, "{:?}", world.totals);
        let called_home = world.unexpected.get("ue-lost-elsewhere");
        assert_eq!(called_home, None, "seed {seed}");
        world.assert_balanced();
        world.assert_charged_as_used();
    }
}

/// Visiting UEs are on their way with the shard that has them when their home is lost, and registered anew there.
#[test]
fn a_visiting_ue_in_a_moving_shard_whose_home_is_lost_does_not_live_twice() {
    let again = format!(
        "{BUSY}\n  - {{procedure: registration, starts-after: 25s, phases: [{{rate: 24/s, for: 1s}}]}}
  - {{procedure: periodic-registration-update, starts-after: 31s, phases: [{{rate: 1/s, for: 1s}}]}}"
    );
    for ms in [1, 50, 200, 500, 1000, 1500, 2000, 2100, 2500] {
        let plan = plan(&yaml("ring", "ideal", "never", &again), 100 + ms, 2);
        let mut world = World::new(&plan, 100 + ms);
        world.prepare();
        world.look_after = Some(Duration::from_secs(30));
        let (mut moving, mut lost, mut asked) = (false, false, false);
        world.run_with(|world, elapsed| {
            if at(6.3, &mut moving, elapsed) {
                world.release(1, SETTLE);
            }
            if at(6.3 + ms as f64 / 1e3, &mut lost, elapsed) {
                world.lose(0);
            }
            if at(20.0, &mut asked, elapsed) {
                world.ask(0..2);
                world.tell_who_was_found();
            }
        });
        world.assert_balanced();
        let [ues, core] = world.settled.unwrap().registered;
        assert_eq!((ues, core), (24, 24), "{ms} ms: registered UEs, and at the core");
    }
}

/// Who has left the shard that it went to from home is not there when that one is lost.
#[test]
fn nobody_lives_twice_when_a_shard_is_lost_that_ues_have_passed_through() {
    let again = format!(
        "{BUSY}\n  - {{procedure: registration, starts-after: 7s, phases: [{{rate: 24/s, for: 3s}}]}}"
    );
    for seed in 71..76 {
        let plan = plan(&yaml("random", "ideal", "as-specified", &again), seed, 4);
        let mut world = World::new(&plan, seed);
        world.prepare();
        let mut lost = false;
        world.run_with(|world, elapsed| {
            if at(6.3, &mut lost, elapsed) {
                world.lose(1);
            }
        });
        world.assert_balanced();
        let registered: u64 = world.registered.iter().sum();
        assert!(
            registered <= 24,
            "seed {seed}: {:?} {:?} {:?}",
            world.registered,
            world.totals,
            world.unexpected
        );
    }
}

#[test]
fn recovery_that_fails_is_counted_and_leaves_the_ue_deregistered() {
    let plan = plan(&yaml("within-shard", "ideal", "as-specified", ""), 33, 2);
    let mut world = World::new(&plan, 33);
    world.prepare();
    let mut lost = false;
    world.run_with(|world, elapsed| {
        if at(2.4, &mut lost, elapsed) {
            world.lose(0);
            world.network.set_conditions(Conditions { loss: 1.0, ..Conditions::default() });
        }
    });
    assert_eq!(world.recovery.succeeded, 0, "{:?}", world.recovery);
    assert_eq!(world.registered[0], 0);
    let retries = world.totals.get("registration-retry");
    assert!(retries.is_none(), "what failed is not tried again in the load's account: {retries:?}");
    world.assert_balanced();
}

#[test]
fn a_paused_run_loses_nothing_and_takes_as_much_longer() {
    let plan = plan(&yaml("ring", "ideal", "never", BUSY), 41, 2);
    let length = |pause: bool| {
        let mut world = World::new(&plan, 41);
        world.prepare();
        let (mut paused, mut resumed, mut due_meanwhile) = (false, false, None);
        let begun = |world: &World| world.totals.values().map(|totals| totals.due).sum::<u64>();
        world.run_with(|world, elapsed| {
            if pause && at(6.0, &mut paused, elapsed) {
                world.pause();
            }
            if pause && elapsed.as_secs_f64() >= 7.5 && due_meanwhile.is_none() {
                due_meanwhile = Some(begun(world));
            }
            if pause && at(9.5, &mut resumed, elapsed) {
                assert_eq!(Some(begun(world)), due_meanwhile, "nothing is due while the clock stands");
                world.resume(Duration::from_millis(3500));
            }
        });
        world.assert_balanced();
        assert!(world.succeeded("handover-n2") > 100, "{:?}", world.totals);
        world.assert_charged_as_used();
        assert_eq!(world.reconcile().0.unreconciled, 0);
        world.length()
    };
    let (plain, paused) = (length(false), length(true));
    let longer = paused.as_secs_f64() - plain.as_secs_f64();
    assert!((longer - 3.5).abs() < 0.5, "{plain:?} {paused:?}");
}

#[test]
fn ues_that_were_changed_on_their_way_are_refused_and_counted() {
    let plan = plan(&yaml("within-shard", "ideal", "never", BUSY), 51, 2);
    let mut world = World::new(&plan, 51);
    world.prepare();
    let mut moved = false;
    world.run_with(|world, elapsed| {
        if at(5.0, &mut moved, elapsed) {
            world.tamper = true;
            world.release(0, SETTLE);
        }
    });
    assert_eq!(world.unexpected.get("ue-batch-not-ours"), Some(&1), "{:?}", world.unexpected);
    assert_eq!(world.unexpected.get("ue-batch-missing"), Some(&1), "{:?}", world.unexpected);
    assert!(world.registered[0] < 12 && world.registered[1] == 12, "{:?}", world.registered);
    world.assert_balanced();
}

#[test]
fn a_shard_that_is_given_up_says_nothing_more_and_tells_what_it_used() {
    let plan = plan(&yaml("within-shard", "urban", "never", BUSY), 61, 2);
    let mut world = World::new(&plan, 61);
    world.prepare();
    let mut given_up = false;
    world.run_with(|world, elapsed| {
        if at(6.3, &mut given_up, elapsed) {
            let sent = world.give_up(0, "lease-lapsed");
            assert_eq!(sent, 0, "messages after the end of the lease");
        }
    });
    assert!(
        world.totals.values().any(|totals| totals.abandoned.contains_key("lease-lapsed")),
        "{:?}",
        world.totals
    );
    for (procedure, totals) in &world.totals {
        assert_eq!(totals.started, totals.ended(), "{procedure}: {totals:?}");
    }
    assert!(
        world.used.iter().filter(|part| part.sequence == 0).count() >= 24,
        "every session's part is told"
    );
}
