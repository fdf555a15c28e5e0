//! What holds for every scenario, plan and schedule.

#![expect(clippy::cast_possible_truncation, reason = "counts of a few thousand")]

mod arbitrary;

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use scenarios::{
    Arrivals, Conditions, Due, Impairment, ImpairmentKind, Path, Plan, Procedure, Scenario, Shape, Window,
    catalogue, json_schema,
};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    /// What goes over the wire to an agent is the scenario that the coordinator checked.
    #[test]
    fn yaml_round_trip_keeps_the_scenario(scenario in arbitrary::scenario()) {
        let text = scenario.to_yaml();
        let again = Scenario::from_yaml(&text, "round.yaml");
        prop_assert!(again.is_ok(), "{}\n{text}", again.unwrap_err());
        prop_assert_eq!(again.unwrap(), scenario);
    }

    #[test]
    fn schema_accepts_whatever_to_yaml_writes(scenario in arbitrary::scenario()) {
        let json: serde_json::Value = serde_saphyr::from_str(&scenario.to_yaml()).unwrap();
        let errors: Vec<String> = validator().iter_errors(&json).map(|error| error.to_string()).collect();
        prop_assert!(errors.is_empty(), "{errors:?}");
    }

    /// Every subscriber and every gNB has exactly one shard, and is found again by its IMSI.
    #[test]
    fn shards_partition_subscribers_and_gnbs(scenario in arbitrary::scenario(), seed: u64) {
        let scenario = Arc::new(scenario);
        let plan = Plan::new(Arc::clone(&scenario), seed, 1).unwrap();
        let (mut subscribers, mut gnbs) = (HashSet::new(), HashSet::new());
        for shard in (0..plan.shards()).map(|number| plan.shard(number)) {
            prop_assert!(shard.subscriber_count() > 0 && !shard.nodes.is_empty());
            prop_assert!(shard.subscriber(shard.subscriber_count()).is_none());
            for local in 0..shard.subscriber_count() {
                let subscriber = shard.subscriber(local).unwrap();
                prop_assert_eq!(subscriber.index % u64::from(plan.shards()), u64::from(shard.number));
                prop_assert!(subscribers.insert(subscriber.imsi));
                if local % 97 == 0 {
                    prop_assert_eq!(scenario.find_subscriber(subscriber.imsi), Some(subscriber));
                }
            }
            for gnb in shard.nodes {
                prop_assert!(gnbs.insert(gnb.node_id));
            }
        }
        prop_assert_eq!(subscribers.len() as u64, scenario.subscriber_count());
        prop_assert_eq!(gnbs.len(), scenario.cells.nodes as usize);
    }

    /// However a scenario is cut, nothing is lost or added.
    #[test]
    fn planned_of_shards_adds_up_for_any_number(scenario in arbitrary::scenario(), pick: prop::sample::Index) {
        let within = |load: &scenarios::Load| match load.procedure {
            Procedure::HandoverXn => true,
            Procedure::HandoverN2 => scenario.mobility.path == Path::WithinShard,
            _ => false,
        };
        let each = if scenario.load.iter().any(within) { 2 } else { 1 };
        let most = u64::from(scenario.cells.nodes / each).min(scenario.subscriber_count());
        let shards = 1 + pick.index(most as usize) as u32;
        let plan = Plan::with_shards(Arc::new(scenario), 1, shards).unwrap();
        let mut sums = vec![0; plan.scenario().load.len()];
        for shard in (0..shards).map(|number| plan.shard(number)) {
            for ((sum, planned), schedule) in sums.iter_mut().zip(shard.planned()).zip(shard.schedules()) {
                prop_assert_eq!(schedule.planned(), planned);
                *sum += planned;
            }
        }
        for (sum, load) in sums.iter().zip(&plan.scenario().load) {
            prop_assert_eq!(*sum, load.planned());
        }
        let planned: u64 = plan.planned().iter().map(|(_, planned)| planned).sum();
        prop_assert_eq!(planned, sums.iter().sum::<u64>());
        let description = plan.describe();
        prop_assert_eq!(planned, description.shards.iter().map(|shard| shard.planned).sum::<u64>());
        prop_assert_eq!(description.subscribers, description.shards.iter().map(|shard| shard.subscribers).sum::<u64>());
    }

    /// Wherever a UE goes, it is another gNB, of the kind that its path says.
    #[test]
    fn paths_lead_to_another_gnb(scenario in arbitrary::scenario(), from: prop::sample::Index, draw: u64) {
        let plan = Plan::new(Arc::new(scenario), 1, 1).unwrap();
        let cells = plan.scenario().cells.clone();
        let from = from.index(cells.nodes as usize) as u32;
        let next = |path| plan.next_node(from, path, draw);
        for path in [Path::Ring, Path::Random, Path::Border, Path::WithinShard] {
            prop_assert_eq!(next(path), plan.next_node(from, path, draw));
            prop_assert!(next(path).is_none_or(|next| next < cells.nodes && next != from));
        }
        prop_assert_eq!(next(Path::Ring), Some((from + 1) % cells.nodes));
        prop_assert!(next(Path::Random).is_some());
        let abroad = next(Path::Border).map(|next| cells.node(next).plmn != cells.node(from).plmn);
        prop_assert_eq!(abroad, (cells.networks.len() > 1).then_some(true));
        let near = next(Path::WithinShard).map(|next| plan.shard_of_node(next));
        let alone = plan.shard(plan.shard_of_node(from)).nodes.len() == 1;
        prop_assert_eq!(near, (!alone).then_some(plan.shard_of_node(from)));
        for shard in (0..plan.shards()).map(|number| plan.shard(number)) {
            prop_assert!(shard.nodes.len() >= plan.describe().nodes_of_a_shard as usize);
            prop_assert!(shard.nodes.iter().all(|gnb| plan.shard_of_node(gnb.index) == shard.number));
        }
    }

    /// The worst hour, by brute force over whole seconds: every impairment that is active in a second counts it once.
    #[test]
    fn busiest_hour_is_the_worst_of_all_hours(
        windows in proptest::collection::vec((0u64..9000, 1u64..1500, proptest::option::of(1u64..4000)), 0..5),
        end in 1u64..14_400,
    ) {
        let impairments = windows.iter().map(|(at, for_, pause)| Impairment {
            name: "any".to_owned(),
            kind: ImpairmentKind::Throttle { factor: 0.5 },
            window: Window { at: Duration::from_secs(*at), for_: Duration::from_secs(*for_) },
            every: pause.map(|pause| Duration::from_secs(for_ + pause)),
            cells: 1.0,
        });
        let conditions = Conditions { impairments: impairments.collect(), ..Conditions::default() };
        let mut impaired = vec![false; end as usize];
        for (at, for_, pause) in &windows {
            let mut begins = *at;
            while begins < end {
                let until = (begins + for_).min(end);
                impaired[begins as usize..until as usize].fill(true);
                match pause {
                    Some(pause) => begins += for_ + pause,
                    None => break,
                }
            }
        }
        let hours = impaired.windows(3600.min(end as usize));
        let worst = hours.map(|hour| hour.iter().filter(|second| **second).count()).max().unwrap_or_default();
        prop_assert_eq!(conditions.busiest_hour(Duration::from_secs(end)), Duration::from_secs(worst as u64));
        // The language refuses what breaks the budget, and nothing else.
        let text = |more: &str| {
            let list: Vec<String> = windows
                .iter()
                .map(|(at, for_, pause)| {
                    let every = pause.map(|pause| format!(", every: {}s", for_ + pause)).unwrap_or_default();
                    format!("{{throttle: {{factor: 50%}}, at: {at}s, for: {for_}s{every}}}")
                })
                .collect();
            format!("{{impairments: [{}]{more}}}", list.join(", "))
        };
        let load = |conditions: String| {
            let sets = [
                ("load", format!("[{{procedure: registration, phases: [{{rate: 1/s, for: {end}s}}]}}]")),
                ("slos", "[]".to_owned()),
                ("drain", "0s".to_owned()),
                ("conditions", conditions),
            ];
            Scenario::load("smoke", &sets.map(|(path, value)| (path.to_owned(), value)))
        };
        let refused = load(text("")).err().map(|error| error.to_string());
        prop_assert_eq!(refused.is_some(), worst > 600, "{:?}, worst {} s", refused, worst);
        prop_assert!(refused.is_none_or(|text| text.contains("of impairment: at most 10m in any hour are allowed")));
        let permitted = load(text(", override: {by: me, reason: test}")).is_ok();
        prop_assert!(permitted);
    }

    #[test]
    fn schedules_are_sorted_complete_and_within_the_load(scenario in arbitrary::scenario(), seed: u64) {
        let plan = Plan::new(Arc::new(scenario), seed, 1).unwrap();
        for shard in (0..plan.shards().min(4)).map(|number| plan.shard(number)) {
            for (schedule, load) in shard.schedules().into_iter().zip(&plan.scenario().load) {
                let planned = schedule.planned();
                let dues: Vec<Due> = schedule.collect();
                prop_assert_eq!(dues.len() as u64, planned);
                prop_assert!(dues.iter().zip(0u64..).all(|(due, index)| due.index == index));
                prop_assert!(dues.is_sorted_by_key(|due| due.at));
                prop_assert!(dues.iter().all(|due| due.at >= load.starts_after && due.at <= load.ends_after()));
                prop_assert!(load.ends_after() <= plan.duration());
            }
        }
    }

    /// An agent that takes a shard up in its middle sees what the last one would have seen.
    #[test]
    fn skipping_gives_the_tail_of_the_schedule(scenario in arbitrary::scenario(), seed: u64, pick: prop::sample::Index) {
        let plan = Plan::new(Arc::new(scenario), seed, 1).unwrap();
        let shard = plan.shard(plan.shards() - 1);
        for (full, mut late) in shard.schedules().into_iter().zip(shard.schedules()) {
            let index = pick.index(full.planned() as usize + 1);
            late.skip_to(index as u64);
            prop_assert!(full.skip(index).eq(late));
        }
    }

    /// Where a subscriber is said to be in one shard, that shard has it.
    #[test]
    fn the_shard_of_a_subscriber_is_the_one_that_has_it(scenario in arbitrary::scenario(), seed: u64, pick: prop::sample::Index) {
        let plan = Plan::new(Arc::new(scenario), seed, 1).unwrap();
        let number = pick.index(plan.shards() as usize) as u32;
        let shard = plan.shard(number);
        let roams = plan.scenario().mobility.path != Path::WithinShard
            && plan.scenario().load.iter().any(|load| load.procedure == Procedure::HandoverN2);
        for subscriber in (0..shard.subscriber_count().min(50)).filter_map(|local| shard.subscriber(local)) {
            let expected = (!roams || plan.shards() == 1).then_some(number);
            prop_assert_eq!(plan.shard_of_subscriber(subscriber.imsi), expected);
        }
    }

    /// The first attempt that a successor makes is the first that the schedule itself has from that time on.
    #[test]
    fn first_attempt_from_a_time_on_is_that_of_the_iterator(
        scenario in arbitrary::scenario(),
        seed: u64,
        pick: prop::sample::Index,
        shift_ns in -2i64..=2,
        taken in 0usize..50,
    ) {
        let plan = Plan::new(Arc::new(scenario), seed, 1).unwrap();
        let shard = plan.shard(plan.shards() / 2);
        for (full, mut asked) in shard.schedules().into_iter().zip(shard.schedules()) {
            let dues: Vec<Due> = full.collect();
            asked.by_ref().take(taken).for_each(drop);
            // At an attempt, a hair before and after it, at the start and beyond the end.
            let near = dues.get(pick.index(dues.len() + 1)).map_or_else(|| plan.duration(), |due| due.at);
            let near = Duration::from_nanos((near.as_nanos() as u64).saturating_add_signed(shift_ns));
            for at in [near, Duration::ZERO, plan.duration() * 2] {
                let expected = dues.iter().take_while(|due| due.at < at).count() as u64;
                prop_assert_eq!(asked.first_at_or_after(at), expected, "{:?}", at);
                let mut stands = asked.clone();
                let passed = (asked.planned() as usize - asked.size_hint().0) as u64;
                prop_assert_eq!(stands.skip_before(at), expected.max(passed), "{:?}", at);
                prop_assert_eq!(stands.next().map(|due| due.index), dues.get(expected.max(passed) as usize).map(|due| due.index));
            }
        }
    }

    /// Over all shards together, uniform arrivals follow the rate to within one attempt in every window.
    #[test]
    fn uniform_arrivals_have_the_rate_in_every_window(
        load in arbitrary::load(),
        scenario in arbitrary::scenario(),
        from in 0.0..1.0f64,
        to in 0.0..1.0f64,
    ) {
        let load = scenarios::Load { arrivals: Arrivals::Uniform, ..load };
        let total: f64 = load.played().map(|(_, phase)| due_until(&phase.shape, f64::INFINITY)).sum();
        let plan = Plan::new(Arc::new(Scenario { load: vec![load.clone()], ..scenario }), 1, 1).unwrap();
        let mut times: Vec<Duration> = (0..plan.shards())
            .flat_map(|number| plan.shard(number).schedules().remove(0))
            .map(|due| due.at)
            .collect();
        times.sort_unstable();
        let length = load.ends_after();
        let (from, to) = (length.mul_f64(from.min(to)), length.mul_f64(from.max(to)));
        let found = times.iter().filter(|at| (from..to).contains(at)).count() as f64;
        let due = |at: Duration| {
            let due = |(starts, phase): (Duration, &scenarios::Phase)| {
                due_until(&phase.shape, at.saturating_sub(starts).as_secs_f64())
            };
            load.played().map(due).sum::<f64>()
        };
        let expected = (due(to) - due(from)) * times.len() as f64 / total;
        prop_assert!((found - expected).abs() <= 1.0 + 1e-6 * total, "{found} found, {expected} expected");
    }

    #[test]
    fn arbitrary_text_never_panics(text in "\\PC{0,200}", file in "[a-z]{0,5}") {
        let _ = Scenario::from_yaml(&text, &file);
    }

    /// Text that is nearly a scenario reaches further than noise does.
    #[test]
    fn damaged_scenarios_never_panic(
        entry in prop::sample::select(catalogue().to_vec()),
        at: prop::sample::Index,
        length in 0usize..20,
        with in "[-\\[\\]{}:,&*#\"'| \n0-9a-z%/.é]{0,8}",
    ) {
        let mut letters: Vec<char> = entry.yaml.chars().collect();
        let from = at.index(letters.len());
        let to = (from + length).min(letters.len());
        letters.splice(from..to, with.chars());
        let text: String = letters.into_iter().collect();
        if let Ok(scenario) = Scenario::from_yaml(&text, "damaged.yaml") {
            let plan = Plan::new(Arc::new(scenario), 1, 1);
            prop_assert!(plan.is_ok());
        }
    }

    #[test]
    fn overrides_never_panic(path in "[a-z.0-9\\[\\]-]{0,20}", value in "\\PC{0,20}") {
        let _ = Scenario::load("smoke", &[(path, value)]);
    }
}

#[test]
fn schema_accepts_the_catalogue_and_refuses_mistakes() {
    let validator = validator();
    for entry in catalogue() {
        let json: serde_json::Value = serde_saphyr::from_str(entry.yaml).unwrap();
        let errors: Vec<String> = validator.iter_errors(&json).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{}: {errors:?}", entry.name);
    }
    let smoke = catalogue().iter().find(|entry| entry.name == "smoke").unwrap().yaml;
    for (replace, with) in [
        ("cells:", "cell:"),
        ("rate: 100/s", "rate: 100"),
        ("for: 1s", "for: 1"),
        ("001/01", "00101"),
        ("procedure: registration", "procedure: attach"),
        ("{hold: 500ms}", "{hold: 1s, rate: 1/s, for: 1s}"),
        ("rate: 20kbit/s", "rate: 20/s"),
        ("packet: [80, 400]", "packet: [80, 400, 1200]"),
        ("dnn: internet", "dnn: in ter net"),
        ("nodes: 4", "nodes: 0"),
    ] {
        assert!(smoke.contains(replace), "{replace}");
        let json: serde_json::Value = serde_saphyr::from_str(&smoke.replace(replace, with)).unwrap();
        assert!(!validator.is_valid(&json), "{with}");
    }
}

#[test]
fn poisson_arrivals_are_as_random_as_they_should_be() {
    let plan = Plan::new(Arc::new(Scenario::load("attach-10k", &[]).unwrap()), 7, 1).unwrap();
    let mut bins = [0u32; 1000];
    for due in (0..plan.shards()).flat_map(|number| plan.shard(number).schedules().remove(0)) {
        bins[due.at.as_millis() as usize / 10] += 1;
    }
    // Counts of 10 ms at 1,000/s: mean 10, and for a Poisson process the variance equals the mean.
    let variance = bins.iter().map(|count| (f64::from(*count) - 10.0).powi(2)).sum::<f64>() / 1000.0;
    assert!((8.5..11.5).contains(&variance), "variance {variance}, seed 7");
}

#[test]
fn seed_decides_poisson_arrivals() {
    let scenario = Arc::new(Scenario::load("attach-10k", &[]).unwrap());
    let times = |seed| -> Vec<Due> {
        Plan::new(Arc::clone(&scenario), seed, 1).unwrap().shard(3).schedules().remove(0).collect()
    };
    assert_eq!(times(1), times(1));
    assert_ne!(times(1), times(2));
}

#[test]
fn plan_of_a_million_subscribers_is_instant() {
    let sets =
        [("subscribers.0.count", "1000000"), ("cells.nodes", "1000"), ("load.0.phases.0.rate", "100000/s")];
    let sets = sets.map(|(path, value)| (path.to_owned(), value.to_owned()));
    let scenario = Arc::new(Scenario::load("attach-10k", &sets).unwrap());
    let before = Instant::now();
    let plan = Plan::new(scenario, 1, 1).unwrap();
    let shard = plan.shard(63);
    assert_eq!(plan.planned(), [(Procedure::Registration, 1_000_000)]);
    assert_eq!((plan.shards(), shard.subscriber_count()), (64, 15_625));
    // It takes microseconds; a plan that allocated each subscriber would take longer than this on any machine.
    assert!(before.elapsed() < Duration::from_millis(20), "{:?}", before.elapsed());
}

#[test]
fn more_shards_than_gnbs_are_refused() {
    let scenario = Arc::new(Scenario::load("smoke", &[]).unwrap());
    let error = Plan::with_shards(scenario, 1, 5).unwrap_err().to_string();
    assert!(error.contains("5 shards are not possible") && error.contains("1 to 4 are accepted"), "{error}");
}

#[test]
fn every_gnb_of_a_choice_is_reached() {
    let set = [
        (
            "cells",
            "{networks: [{plmn: 001/01, nodes: 2}, {plmn: 262/01, nodes: 3}, {plmn: 262/02, nodes: 1}]}",
        ),
        ("load.0.procedure", "registration"),
    ];
    let set = set.map(|(path, value)| (path.to_owned(), value.to_owned()));
    let plan = Plan::new(Arc::new(Scenario::load("attach-10k", &set).unwrap()), 1, 1).unwrap();
    let reached = |from, path| {
        let draws = (0..64).map(|draw: u64| draw << 58);
        draws.filter_map(|draw| plan.next_node(from, path, draw)).collect::<BTreeSet<u32>>()
    };
    assert_eq!(reached(3, Path::Border), BTreeSet::from([0, 1, 5]));
    assert_eq!(reached(0, Path::Border), BTreeSet::from([2, 3, 4, 5]));
    assert_eq!(reached(5, Path::Random), BTreeSet::from([0, 1, 2, 3, 4]));
    assert_eq!(reached(5, Path::Ring), BTreeSet::from([0]));
    assert_eq!(plan.next_node(6, Path::Ring, 0), None);
}

#[test]
fn xn_handovers_find_a_neighbour_in_their_shard() {
    let set =
        [("load.0.procedure", "handover-xn"), ("cells.nodes", "7"), ("slos", "[]"), ("guardrails", "[]")];
    let set = set.map(|(path, value)| (path.to_owned(), value.to_owned()));
    let scenario = Arc::new(Scenario::load("attach-10k", &set).unwrap());
    let plan = Plan::new(Arc::clone(&scenario), 1, 1).unwrap();
    assert_eq!((plan.shards(), plan.describe().nodes_of_a_shard), (3, 2));
    let error = Plan::with_shards(scenario, 1, 4).unwrap_err().to_string();
    assert!(error.contains("each needs two gNBs, for handovers within it"), "{error}");
}

fn validator() -> jsonschema::Validator {
    jsonschema::validator_for(&json_schema()).expect("the schema is one itself")
}

/// The integral of the rate from the start of a phase, by an independent way: numerically, except where it is trivial.
fn due_until(shape: &Shape, seconds: f64) -> f64 {
    let seconds = seconds.min(shape.duration().as_secs_f64());
    match *shape {
        Shape::Constant { rate_per_s, .. } => rate_per_s * seconds,
        Shape::Ramp { from_per_s, to_per_s, for_ } => {
            let rate = |at: f64| from_per_s + (to_per_s - from_per_s) * at / for_.as_secs_f64();
            (rate(0.0) + rate(seconds)) / 2.0 * seconds
        }
        Shape::Steps { from_per_s, to_per_s, by_per_s, each } => {
            let each = each.as_secs_f64();
            let mut sum = 0.0;
            let mut number = 0.0;
            while number * each < seconds {
                let height = number * by_per_s;
                let rate = if to_per_s > from_per_s {
                    (from_per_s + height).min(to_per_s)
                } else {
                    (from_per_s - height).max(to_per_s)
                };
                sum += rate * (seconds - number * each).min(each);
                number += 1.0;
            }
            sum
        }
        Shape::Spike { base_per_s, peak_per_s, after, lasts, .. } => {
            let (after, lasts) = (after.as_secs_f64(), lasts.as_secs_f64());
            base_per_s * seconds + (peak_per_s - base_per_s) * (seconds - after).clamp(0.0, lasts)
        }
        Shape::Hold { .. } => 0.0,
    }
}
