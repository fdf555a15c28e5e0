//! Arbitrary valid scenarios, for the property tests.
#![expect(clippy::unwrap_used, reason = "a test's generator: clippy sees tests only in functions marked so")]

mod charging;
mod conditions;
mod roaming;

use std::time::Duration;

use identity::{Imsi, Key128, Plmn, Snssai, Tac, Technology};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use scenarios::{
    Arrivals, CellGroup, Cells, Congestion, Core5g, Expectation, Freeze, Generator, Guardrail,
    HandoverPolicy, HomeAnswer, KeySource, Limits, Load, Nas, Nas5g, Network, OldWords, OperatorKey,
    Overload, Phase, PolicyControl, Procedure, RadioNetwork, RadioProfile, Repeat, RepeatEnds, Retry,
    Scenario, Shape, Slo, Subject, SubscriberGroup, SuciScheme, Window,
};

pub(crate) fn scenario() -> impl Strategy<Value = Scenario> {
    let load = vec(load(), 1..4);
    let late = (100u64..1_000_000, 0u16..=5_000).prop_map(|(us, parts)| Generator {
        late: Duration::from_micros(us),
        share: f64::from(parts) / 10_000.0,
    });
    let texts = ("[a-z0-9][a-z0-9.-]{0,20}", "\\PC{0,40}", option::of(any::<u64>()), late);
    let own = (subscribers(), cells(), nas(), radio(), duration(), any::<prop::sample::Index>());
    let moved = (roaming::sessions(), roaming::mobility(), roaming::sim_swap(), conditions::conditions());
    (texts, own, load, network(), moved, charging::charging()).prop_map(
        |((name, description, seed, generator), own, load, network, moved, charging)| {
            let (subscribers, cells, nas, radio, drain, pick) = own;
            let (sessions, mobility, sim_swap, conditions) = moved;
            let judged = pick.get(&load);
            let (subject, limits) = (judged.procedure.name(), limits(judged, &cells, drain));
            let slo = |text: String| text.parse::<Slo>().unwrap();
            let mobility = roaming::fitting(mobility, &cells);
            let end = load.iter().map(Load::ends_after).max().unwrap_or_default() + drain;
            Scenario {
                name,
                description,
                seed,
                sessions: roaming::with_slices_of(sessions, &cells),
                network: Network { roaming: roaming::between(network.roaming, &cells), ..network },
                subscribers,
                cells,
                nas,
                radio,
                mobility,
                sim_swap,
                conditions: conditions::within_budget(conditions, end),
                slos: vec![
                    slo(format!("{subject}.success >= 99.95%")),
                    slo("generator.lateness.p99 < 1ms".into()),
                    Slo { limits: limits.clone(), ..slo(format!("{subject}.all.failure < 1%")) },
                ],
                guardrails: vec![
                    Guardrail { condition: slo(format!("{subject}.rate<3/s")), for_: drain },
                    Guardrail {
                        condition: Slo { limits, ..slo(format!("{subject}.success<3%")) },
                        for_: drain,
                    },
                ],
                expect: Expectation { never_succeeds: vec![Subject::Procedure(judged.procedure)] },
                agents: agents(seed),
                generator,
                load,
                search: None,
                charging,
                drain,
                old_words: OldWords::default(),
            }
        },
    )
}

/// Limits that fit the load and the cells.
fn limits(load: &Load, cells: &Cells, some: Duration) -> Limits {
    let phase = load.phases.iter().find_map(|phase| phase.name.clone());
    let at = load.ends_after() / 3;
    Limits {
        phase,
        during: Some(Window { at, for_: some + Duration::from_nanos(1) }),
        network: cells.networks.last().map(|network| network.plmn),
        cells: cells.groups.first().map(|group| group.name.clone()),
        ..Limits::default()
    }
}

/// Loads of a few thousand attempts at most, so that a property can look at each of them.
pub(crate) fn load() -> impl Strategy<Value = Load> {
    let repeat = option::of((duration(), 1u32..4, any::<bool>()));
    (procedure(), arrivals(), duration(), vec(phase(), 0..4), rate(), repeat).prop_map(
        |(procedure, arrivals, starts_after, mut phases, rate_per_s, repeat)| {
            let for_ = Duration::from_secs(3);
            phases.push(Phase {
                name: None,
                shape: Shape::Constant { rate_per_s: rate_per_s + 1.0, for_ },
                stretch: false,
            });
            let mut load = Load { procedure, arrivals, starts_after, phases, repeat: None };
            load.repeat = repeat.map(|(pause, times, by_time)| {
                let every = load.round() + pause;
                let end = starts_after + every * times;
                let ends = if by_time { RepeatEnds::At(end) } else { RepeatEnds::After(times) };
                Repeat { every, ends }
            });
            load
        },
    )
}

fn phase() -> impl Strategy<Value = Phase> {
    (option::of("\\PC{0,10}"), shape()).prop_map(|(name, shape)| Phase { name, shape, stretch: false })
}

fn shape() -> impl Strategy<Value = Shape> {
    let for_ = || (1u64..5_000_000_000).prop_map(Duration::from_nanos);
    prop_oneof![
        (rate(), for_()).prop_map(|(rate_per_s, for_)| Shape::Constant { rate_per_s, for_ }),
        (rate(), 0.0..200.0, for_()).prop_map(|(from_per_s, to_per_s, for_)| Shape::Ramp {
            from_per_s,
            to_per_s,
            for_
        }),
        (rate(), rate(), 0.5..50.0, for_()).prop_map(|(from_per_s, to_per_s, by_per_s, each)| Shape::Steps {
            from_per_s,
            to_per_s,
            by_per_s,
            each: each / 100 + Duration::from_nanos(1),
        }),
        (0.0..50.0, rate(), for_(), for_(), for_()).prop_map(
            |(base_per_s, peak_per_s, after, lasts, rest)| {
                Shape::Spike { base_per_s, peak_per_s, after, lasts, for_: after + lasts + rest }
            }
        ),
        for_().prop_map(|for_| Shape::Hold { for_ }),
    ]
}

fn subscribers() -> impl Strategy<Value = Vec<SubscriberGroup>> {
    let group = (1u64..5000, key_source(), operator_key(), any::<[u8; 2]>(), suci(), refused());
    vec(group, 1..4).prop_map(|groups| {
        let groups = groups.into_iter().zip(0u64..);
        groups
            .map(|((count, k, operator, amf, suci, refused), number)| SubscriberGroup {
                plmn: if number == 1 { plmn("001/01") } else { plmn("310/410") },
                first_imsi: imsi(if number == 1 { "00101" } else { "310410" }, number * 1_000_000),
                count,
                k,
                operator,
                amf,
                suci,
                refused,
            })
            .collect()
    })
}

fn refused() -> impl Strategy<Value = Option<HomeAnswer>> {
    option::of(prop::sample::select(HomeAnswer::ALL.to_vec()))
}

fn operator_key() -> impl Strategy<Value = OperatorKey> {
    (any::<[u8; 16]>(), any::<bool>())
        .prop_map(|(key, op)| if op { OperatorKey::Op(Key128(key)) } else { OperatorKey::Opc(Key128(key)) })
}

fn key_source() -> impl Strategy<Value = KeySource> {
    (any::<[u8; 16]>(), any::<bool>()).prop_map(|(key, shared)| {
        if shared { KeySource::Shared(Key128(key)) } else { KeySource::Derived(Key128(key)) }
    })
}

fn suci() -> impl Strategy<Value = SuciScheme> {
    let keys = (any::<u8>(), any::<[u8; 32]>(), option::of(any::<[u8; 32]>()));
    (keys, 0u8..3).prop_map(|((key_id, public_key, private_key), kind)| match kind {
        0 => SuciScheme::Null,
        1 => SuciScheme::ProfileA { key_id, public_key, private_key },
        _ => SuciScheme::ProfileB { key_id, public_key: [&[3], &public_key[..]].concat(), private_key },
    })
}

fn cells() -> impl Strategy<Value = Cells> {
    let tacs = || vec((0u32..0xff_fffe).prop_map(|raw| Tac::new(raw).unwrap()), 1..4);
    let networks = vec((1u32..60, tacs()), 1..4);
    let overload = prop::sample::select(vec![Overload::Ignore, Overload::Obey]);
    (networks, 1u32..4, vec(slice(), 1..9), 0u32..1000, option::of(positive()), overload).prop_map(
        |(networks, cells_per_node, slices, first_node_id, inactivity, overload)| {
            let plmns = ["001/01", "310/410", "262/01"].map(plmn);
            // A handover needs two gNBs.
            let networks: Vec<RadioNetwork> = networks
                .into_iter()
                .zip(plmns)
                .map(|((gnbs, tacs), plmn)| RadioNetwork {
                    plmn,
                    technology: Technology::Nr,
                    nodes: gnbs + 1,
                    tacs,
                })
                .collect();
            let gnbs: u32 = networks.iter().map(|network| network.nodes).sum();
            let groups = vec![CellGroup { name: "border".to_owned(), first: gnbs - 1, count: 1 }];
            Cells {
                nodes: gnbs,
                cells_per_node,
                networks,
                slices,
                first_node_id,
                groups,
                inactivity,
                overload,
            }
        },
    )
}

fn nas() -> impl Strategy<Value = Nas> {
    let algorithms = || prop::sample::subsequence(vec![0u8, 1, 2, 3], 1..=4).prop_shuffle();
    let retry = prop::sample::select(vec![Retry::Never, Retry::AsSpecified]);
    (algorithms(), algorithms(), retry, option::of(duration())).prop_map(
        |(ciphering, integrity, retry, t3512)| Nas { nr: Nas5g { ciphering, integrity, retry, t3512 } },
    )
}

fn radio() -> impl Strategy<Value = RadioProfile> {
    ("\\PC{0,10}", duration(), duration(), 0.0..=1.0, option::of(1u32..2000), 0u32..=16).prop_map(
        |(name, latency, jitter, loss, capacity, setup_round_trips)| RadioProfile {
            name,
            latency,
            jitter,
            loss,
            capacity,
            setup_round_trips,
        },
    )
}

fn network() -> impl Strategy<Value = Network> {
    let congestion = (any::<u32>(), duration())
        .prop_map(|(max_registrations_per_s, backoff)| Congestion { max_registrations_per_s, backoff });
    let freezes = vec((duration(), positive()).prop_map(|(at, for_)| Freeze { at, for_ }), 0..3);
    let first = (duration(), duration(), option::of(congestion), any::<bool>());
    let handover = (ratio(), ratio())
        .prop_map(|(refuse, refuse_path_switch)| HandoverPolicy { refuse, refuse_path_switch });
    let policy = (duration(), ratio(), ratio()).prop_map(|(delay, timeout, refuse)| PolicyControl {
        delay,
        timeout,
        refuse: refuse * (1.0 - timeout),
    });
    let rest = (vec(slice(), 0..3), duration(), roaming::agreements(), any::<bool>(), handover, policy);
    (first, freezes, rest).prop_map(|(first, freezes, rest)| {
        let (processing_delay, processing_jitter, congestion, release_after_registration) = first;
        let (accept_slices, t3512, roaming, equivalent_plmns, handover, policy) = rest;
        Network {
            processing_delay,
            processing_jitter,
            freezes,
            roaming,
            equivalent_plmns,
            policy,
            nr: Core5g { congestion, release_after_registration, accept_slices, t3512, handover },
        }
    })
}

fn ratio() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.0), Just(1.0), 0.0..=1.0]
}

fn slice() -> impl Strategy<Value = Snssai> {
    (any::<u8>(), option::of(any::<[u8; 3]>())).prop_map(|(sst, sd)| Snssai { sst, sd })
}

fn procedure() -> impl Strategy<Value = Procedure> {
    prop::sample::select(Procedure::of_scenarios().collect::<Vec<_>>())
}

fn arrivals() -> impl Strategy<Value = Arrivals> {
    prop::sample::select(vec![Arrivals::Poisson, Arrivals::Uniform])
}

fn rate() -> impl Strategy<Value = f64> {
    0.01..200.0
}

fn duration() -> impl Strategy<Value = Duration> {
    prop_oneof![
        (0u64..100).prop_map(Duration::from_secs),
        (0u64..20_000).prop_map(Duration::from_millis),
        (0u64..7_200_000_000_000).prop_map(Duration::from_nanos),
    ]
}

fn positive() -> impl Strategy<Value = Duration> {
    duration().prop_map(|duration| duration + Duration::from_nanos(1))
}

fn plmn(text: &str) -> Plmn {
    text.parse().unwrap()
}

fn imsi(home: &str, offset: u64) -> Imsi {
    format!("{home}{offset:0width$}", width = 15 - home.len()).parse().unwrap()
}

/// Some ask for a pool, some for labels, some for a number.
fn agents(seed: Option<u64>) -> scenarios::AgentsWanted {
    let Some(seed) = seed else { return scenarios::AgentsWanted::default() };
    let labels = if seed % 3 == 0 {
        [("zone".to_owned(), format!("z{seed}"))].into()
    } else {
        std::collections::BTreeMap::new()
    };
    let pool = if seed % 2 == 0 { "spot".to_owned() } else { String::new() };
    let min = u16::try_from(seed % 7).ok().filter(|min| *min > 0);
    scenarios::AgentsWanted { like: identity::Membership { pool, labels }, min }
}
