//! The search against simulated targets: queues in virtual time, of which the true knee is known.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a test")]

use statistics::{Draws, ProbeOutcome, Samples, Search, SearchEnd, SearchSettings};

/// A probe of 20 s of an M/M/1 queue: p99 of the time in the system, of arrivals after the first 2 s, against a limit.
fn queue(rate: f64, capacity: f64, limit_us: f64, draws: &mut Draws) -> ProbeOutcome {
    let (mut now, mut free) = (0.0, 0.0f64);
    let mut times = Vec::new();
    while now < 20.0 {
        now += draws.exponential() / rate;
        free = free.max(now) + draws.exponential() / capacity;
        if now > 2.0 {
            times.push((((free - now) * 1e6) as u64, 1));
        }
    }
    let p99 = Samples::new(times).quantile(0.99).unwrap() as f64;
    if p99 < limit_us { ProbeOutcome::Held } else { ProbeOutcome::Broke }
}

/// Fails from its capacity on; 2 % of probes go the other way by accident.
fn cliff(rate: f64, capacity: f64, draws: &mut Draws) -> ProbeOutcome {
    let accident = draws.uniform() < 0.02;
    if (rate < capacity) == accident { ProbeOutcome::Broke } else { ProbeOutcome::Held }
}

fn run(settings: SearchSettings, mut probe: impl FnMut(f64) -> ProbeOutcome) -> (SearchEnd, usize) {
    let mut search = Search::new(settings);
    loop {
        match search.next() {
            Ok(rate) => {
                let outcome = probe(rate);
                search.probed(rate, outcome);
            }
            Err(end) => return (end, search.probes().len()),
        }
    }
}

#[test]
fn the_knee_of_a_cliff_is_found_within_5_percent() {
    let (mut near, mut held, mut most) = (0, 0, 0);
    for seed in 0..200 {
        let mut draws = Draws::new(seed);
        let capacity = 100.0 * (draws.uniform() * 5.0).exp();
        let (end, probes) = run(SearchSettings::default(), |rate| cliff(rate, capacity, &mut draws));
        let SearchEnd::Found(knee) = end else { panic!("seed {seed}: {end:?}") };
        near += u32::from((knee.rate / capacity - 1.0).abs() < 0.05);
        held += u32::from(knee.low <= capacity && capacity <= knee.high);
        most = most.max(probes);
    }
    println!(
        "seeds 0 to 199: within 5 % in {near}, interval holds the truth in {held}, at most {most} probes"
    );
    assert!(near >= 196 && held >= 180 && most <= 40, "near {near}, held {held}, most {most}");
}

#[test]
fn the_knee_of_a_queue_is_found_within_5_percent() {
    // The knee of p99 < limit: where a probe of this length holds half the time. By bisection with many probes.
    let (capacity, limit_us) = (500.0, 60_000.0);
    let mut draws = Draws::new(1000);
    let (mut low, mut high) = (100.0, 500.0);
    for _ in 0..12 {
        let middle = f64::midpoint(low, high);
        let held =
            (0..300).filter(|_| queue(middle, capacity, limit_us, &mut draws) == ProbeOutcome::Held).count();
        if held >= 150 { low = middle } else { high = middle }
    }
    let (mut near, mut holds, mut most) = (0, 0, 0);
    for seed in 0..100 {
        let mut draws = Draws::new(seed);
        let (end, probes) =
            run(SearchSettings::default(), |rate| queue(rate, capacity, limit_us, &mut draws));
        let SearchEnd::Found(knee) = end else { panic!("seed {seed}: {end:?}") };
        near += u32::from((knee.rate / low - 1.0).abs() < 0.05);
        holds += u32::from(knee.low <= low && low <= knee.high);
        most = most.max(probes);
    }
    println!(
        "knee {low:.0}/s of {capacity}/s, seeds 0 to 99: within 5 % in {near}, interval holds it in {holds}, at most {most} probes"
    );
    assert!(near >= 95 && most <= 40, "near {near}, most {most} of 100");
}

#[test]
fn the_ends_that_are_no_knee_are_told_apart() {
    let settings = SearchSettings { from: 10.0, to: 1000.0, ..SearchSettings::default() };
    assert_eq!(run(settings, |_| ProbeOutcome::Held).0, SearchEnd::Reached { rate: 1000.0 });
    assert_eq!(run(settings, |_| ProbeOutcome::Broke).0, SearchEnd::Never { rate: 10.0 });
    let limited = |rate: f64| if rate > 300.0 { ProbeOutcome::Generator } else { ProbeOutcome::Held };
    let (end, _) = run(settings, limited);
    let SearchEnd::GeneratorLimited { held, failed } = end else { panic!("{end:?}") };
    assert!(held <= 300.0 && failed > 300.0 && failed / held < 1.11, "{end:?}");
    let first = |_: f64| ProbeOutcome::Generator;
    assert_eq!(run(settings, first).0, SearchEnd::GeneratorLimited { held: 0.0, failed: 10.0 });
    // The target breaks before the generator does.
    let both = |rate: f64| {
        if rate > 300.0 {
            ProbeOutcome::Generator
        } else if rate > 100.0 {
            ProbeOutcome::Broke
        } else {
            ProbeOutcome::Held
        }
    };
    let (end, _) = run(settings, both);
    assert!(matches!(end, SearchEnd::Found(knee) if (knee.rate / 100.0 - 1.0).abs() < 0.05), "{end:?}");
    // The generator fails where the knee must be: not asked for again and again.
    let hole = |rate: f64| match rate {
        300.0.. => ProbeOutcome::Broke,
        200.0.. => ProbeOutcome::Generator,
        _ => ProbeOutcome::Held,
    };
    let (end, probes) = run(settings, hole);
    assert!(
        matches!(end, SearchEnd::GeneratorLimited { held, failed } if held < 200.0 && failed >= 200.0),
        "{end:?}"
    );
    assert!(probes <= 12, "{probes} probes");
}

#[test]
fn a_search_always_ends() {
    for seed in 0..300 {
        let mut draws = Draws::new(seed);
        let settings = SearchSettings { most_probes: 30, ..SearchSettings::default() };
        let any = |draws: &mut Draws| match draws.bits() % 3 {
            0 => ProbeOutcome::Held,
            1 => ProbeOutcome::Broke,
            _ => ProbeOutcome::Generator,
        };
        let (_, probes) = run(settings, |_| any(&mut draws));
        assert!(probes <= 40, "seed {seed}: {probes} probes");
    }
}
