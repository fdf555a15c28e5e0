//! Whether the target, the generator or the fleet's memory changed over the steady part of a long run (ADR 15).

use std::path::Path;

use scenarios::Scenario;
use statistics::{RunSeries, Samples, trend};

use crate::compare::{LATENESS, read_series};
use results::folder::timeline;
use results::units;
use results::{DriftSummary, DriftTrend, FolderError, Interval};

/// Judges the folder of a run that has ended.
///
/// # Errors
/// A file of it cannot be read.
pub fn judge(folder: &Path, scenario: &Scenario) -> Result<DriftSummary, FolderError> {
    let cannot = |why: String| Ok(DriftSummary { verdict: vec![why], ..DriftSummary::default() });
    let Some(steady) = scenario.steady() else {
        return cannot("drift is not judged: no part of the load is steady".to_owned());
    };
    let end_s = (steady.at + steady.for_).as_secs_f64();
    let from_s = steady.at.as_secs_f64() + steady.for_.as_secs_f64() * WARM_UP;
    if end_s - from_s < SHORTEST_S {
        let minutes = SHORTEST_S / 60.0;
        return cannot(format!(
            "drift is not judged: the steady part is shorter than {minutes:.0} minutes without its first tenth"
        ));
    }
    let timeline = timeline(folder)?;
    let series = read_series(folder, &timeline)?;
    Ok(of_series(&series, &timeline, from_s, end_s))
}

fn of_series(series: &RunSeries, timeline: &[Interval], from_s: f64, to_s: f64) -> DriftSummary {
    let mut figures = figures(series, timeline, from_s, to_s);
    figures.retain(|figure| figure.points.len() >= FEWEST_STRETCHES);
    let doubt = DOUBT / figures.len().max(1) as f64;
    let trends: Vec<DriftTrend> = figures
        .into_iter()
        .filter_map(|Figure { name, unit, least, points }| {
            let trend = trend(&points, doubt)?;
            let drifts = trend.is_certain()
                && trend.change().abs()
                    >= least.max(if unit == "%" { 0.0 } else { LEAST_CHANGE * trend.level });
            Some(DriftTrend { figure: name, unit: unit.to_owned(), drifts, trend, points })
        })
        .collect();
    let mut verdict: Vec<String> = trends.iter().filter(|trend| trend.drifts).map(sentence).collect();
    let judged = !trends.is_empty();
    if !judged {
        verdict.push("drift is not judged: too little was measured in the steady part".to_owned());
    } else if verdict.is_empty() {
        verdict.push(format!("no drift in {} figures over {}", trends.len(), units::duration(to_s - from_s)));
    }
    DriftSummary { judged, verdict, from_s, to_s, trends }
}

/// `registration p99 rises by 1.20 ms an hour (95 %: 0.90 ms to 1.50 ms)`.
fn sentence(drift: &DriftTrend) -> String {
    let show = |value: f64| match drift.unit.as_str() {
        "us" => units::latency(value),
        "octets" => units::octets(value),
        _ => format!("{value:.2} percentage points"),
    };
    let DriftTrend { figure, trend, .. } = drift;
    let (rises, sign) = if trend.per_h > 0.0 { ("rises", 1.0) } else { ("falls", -1.0) };
    let ends = (trend.low_per_h * sign, trend.high_per_h * sign);
    let (near, far) = (show(ends.0.min(ends.1)), show(ends.0.max(ends.1)));
    format!("{figure} {rises} by {} an hour (95 %: {near} to {far})", show(trend.per_h * sign))
}

struct Figure {
    name: String,
    unit: &'static str,
    /// A change below it does not matter.
    least: f64,
    points: Vec<(f64, f64)>,
}

fn figures(series: &RunSeries, timeline: &[Interval], from_s: f64, to_s: f64) -> Vec<Figure> {
    let length_s = ((to_s - from_s) / STRETCHES / series.unit_s).ceil().max(1.0) * series.unit_s;
    let place = |at_s: f64| ((at_s - from_s) / length_s).floor();
    let middle = |at_s: f64| from_s + (place(at_s) + 0.5) * length_s;
    let mut figures = Vec::new();
    for (name, units) in &series.procedures {
        let timed = units.iter().enumerate().map(|(i, unit)| (i as f64 * series.unit_s, unit));
        let timed: Vec<_> = timed.filter(|(at, _)| *at >= from_s && *at + series.unit_s <= to_s).collect();
        let stretches: Vec<_> = timed.chunk_by(|a, b| place(a.0) == place(b.0)).collect();
        let shown = if name == LATENESS { "generator lateness" } else { name };
        for (percentile, part, fewest) in [("p50", 0.5, 20), ("p99", 0.99, 200)] {
            let read = |stretch: &&[(f64, &statistics::Unit)]| {
                let samples = Samples::merged(stretch.iter().map(|(_, unit)| &unit.latency));
                let value = samples.quantile(part).filter(|_| samples.count() >= fewest)?;
                Some((middle(stretch[0].0), value as f64))
            };
            let points = stretches.iter().filter_map(read).collect();
            let least = if name == LATENESS { LEAST_LATENESS_US } else { 0.0 };
            figures.push(Figure { name: format!("{shown} {percentile}"), unit: "us", least, points });
        }
        let unsuccessful = |stretch: &&[(f64, &statistics::Unit)]| {
            let total = |of: fn(&statistics::Unit) -> u64| {
                stretch.iter().map(|(_, unit)| of(unit)).sum::<u64>() as f64
            };
            let (ended, succeeded) = (total(|unit| unit.ended), total(|unit| unit.succeeded));
            (ended >= 20.0).then(|| (middle(stretch[0].0), 100.0 * (1.0 - succeeded / ended)))
        };
        let points: Vec<_> = stretches.iter().filter_map(unsuccessful).collect();
        if points.iter().any(|(_, percent)| *percent > 0.0) {
            figures.push(Figure {
                name: format!("{shown} without success"),
                unit: "%",
                least: LEAST_PERCENT,
                points,
            });
        }
    }
    let memory = timeline.iter().map(|entry| (entry.at_s as f64, entry.resident_octets as f64));
    let memory: Vec<_> = memory.filter(|(at, octets)| *at >= from_s && *at < to_s && *octets > 0.0).collect();
    let last = |stretch: &[(f64, f64)]| stretch.last().map(|(_, octets)| (middle(stretch[0].0), *octets));
    let points = memory.chunk_by(|a, b| place(a.0) == place(b.0)).filter_map(last).collect();
    figures.push(Figure { name: "memory of the fleet".to_owned(), unit: "octets", least: 0.0, points });
    figures
}

/// Of runs without any drift, the part in which some figure is said to drift.
const DOUBT: f64 = 0.05;
/// The first part of the steady load, in which caches fill.
const WARM_UP: f64 = 0.1;
const SHORTEST_S: f64 = 600.0;
const STRETCHES: f64 = 60.0;
const FEWEST_STRETCHES: usize = 20;
/// A change of less over the judged part does not matter, relative to the level.
const LEAST_CHANGE: f64 = 0.05;
const LEAST_PERCENT: f64 = 0.1;
const LEAST_LATENESS_US: f64 = 100.0;

#[cfg(test)]
mod tests {
    use super::*;
    use statistics::{Draws, Unit};
    use std::collections::BTreeMap;

    /// Two hours of a registration a second, of 20 ms; `per_h` more each hour, as a part of it.
    fn run(seed: u64, per_h: f64, memory_per_h: f64) -> (RunSeries, Vec<Interval>) {
        let mut draws = Draws::new(seed);
        let mut level = 0.0;
        let unit = |i: u32| {
            level = 0.9 * level + 0.4 * draws.normal();
            let grows = 1.0 + per_h * f64::from(i) / 3600.0;
            let us =
                |draws: &mut Draws| (20_000.0 * grows * (0.05 * level + 0.3 * draws.normal()).exp()).round();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "about 20 ms")]
            let latency = Samples::new((0..10).map(|_| (us(&mut draws) as u64, 1)).collect());
            Unit { due: 10, ended: 10, succeeded: 10, latency: latency.clone(), service: latency }
        };
        let units = (0..7200).map(unit).collect();
        let series = RunSeries {
            unit_s: 1.0,
            procedures: BTreeMap::from([("registration".to_owned(), units)]),
            ..RunSeries::default()
        };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some hundred megabytes")]
        let line = |at: u32| Interval {
            at_s: at.into(),
            resident_octets: (1e8 * (1.0 + memory_per_h * f64::from(at) / 3600.0)) as u64,
            ..Interval::default()
        };
        (series, (0..7200).map(line).collect())
    }

    #[test]
    fn a_run_that_stays_as_it_is_has_no_drift() {
        let mut alarms = 0;
        for seed in 0..20 {
            let (series, timeline) = run(seed, 0.0, 0.0);
            let drift = of_series(&series, &timeline, 720.0, 7200.0);
            assert_eq!(drift.trends.len(), 3);
            alarms += u32::from(drift.trends.iter().any(|trend| trend.drifts));
        }
        assert!(alarms <= 2, "{alarms} of 20 runs, seeds 0 to 19");
    }

    #[test]
    fn latency_and_memory_that_grow_are_told_with_their_slopes() {
        let (series, timeline) = run(5, 0.1, 0.2);
        let drift = of_series(&series, &timeline, 720.0, 7200.0);
        let told = |start: &str| drift.verdict.iter().any(|line| line.starts_with(start));
        assert!(
            told("registration p50 rises by ") && told("memory of the fleet rises by 19.1 MiB an hour"),
            "{:?}",
            drift.verdict
        );
        let p50 = drift.trends.iter().find(|trend| trend.figure == "registration p50").unwrap().trend;
        assert!(p50.low_per_h <= 2_000.0 && 2_000.0 <= p50.high_per_h, "{p50:?}");
    }

    #[test]
    fn short_and_unsteady_loads_are_not_judged() {
        let smoke = Scenario::load("smoke", &[]).unwrap();
        let drift = judge(Path::new("nowhere"), &smoke).unwrap();
        assert!(!drift.judged && drift.verdict[0].contains("shorter than 10 minutes"), "{:?}", drift.verdict);
    }
}
