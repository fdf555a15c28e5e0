//! One section for each procedure: percentiles, their curve, rates and latency over time, outcomes by cause.

use maud::{Markup, html};
use serde_json::Value;

use super::axis::Axis;
use super::chart::Chart;
use super::figures::{Tally, Unit, count, known, latency, number, title};
use super::series::{Series, Tone};
use super::{Run, glance, outcomes, over_time};

/// Name in the summary, name on the page, and the percentile itself (the maximum has none).
const PERCENTILES: [(&str, &str, Option<f64>); 6] = [
    ("p50", "p50 (median)", Some(50.0)),
    ("p90", "p90", Some(90.0)),
    ("p95", "p95", Some(95.0)),
    ("p99", "p99", Some(99.0)),
    ("p999", "p99.9", Some(99.9)),
    ("max", "max", None),
];

pub(super) fn section(run: &Run<'_>, position: usize, name: &str, figures: &Value) -> Markup {
    let id = format!("procedure-{position}");
    let body = body(run, name, figures);
    let heading = html! { h2 id={ (id) "-title" } { (title(name)) } };
    html! {
        section id=(id) aria-labelledby={ (id) "-title" } {
            @if !glance::is_there(run) { (heading) (body) }
            // Among many, those that went well say so in a line.
            @else { details open[position == 0 || went_wrong(figures)] { summary { (heading) span.quiet { (in_short(figures)) } } (body) } }
        }
    }
}

fn went_wrong(figures: &Value) -> bool {
    let planned = Tally::read(figures, "planned").map(|tally| tally.total);
    planned != Tally::read(figures, "succeeded").map(|tally| tally.total)
}

fn in_short(figures: &Value) -> String {
    let total = |key| known(Tally::read(figures, key).map(|tally| tally.total), count);
    format!("{} of {} succeeded", total("succeeded"), total("planned"))
}

/// What holds for every procedure is said at the first one.
fn position_of(run: &Run<'_>, name: &str) -> usize {
    run.procedures.iter().position(|(other, _)| *other == name).unwrap_or(0)
}

fn body(run: &Run<'_>, name: &str, figures: &Value) -> Markup {
    html! {
            div.pair {
                (percentile_table(figures))
                (percentile_curve(run, name, figures))
            }
            @if position_of(run, name) == 0 { p.note {
                "Latency counts from the instant at which an attempt was " em { "due" } ", service time from its first octet. A generator that "
                "waits for a slow answer before it sends on would not measure the wait of all those who would have come meanwhile "
                "(" em { "coordinated omission" } "). Here the schedule never waits, so what a stall costs is in the latency. "
                "Only attempts that succeeded are measured."
            } }
            div.pair {
                (over_time::rates(run, name))
                (over_time::latencies(run, name))
            }
            (outcomes::by_cause(name, figures))
    }
}

fn percentile_table(figures: &Value) -> Markup {
    // An empty histogram reads as zeros; no answer takes no time at all.
    let measured = |latencies: &&Value| number(latencies, "max") != Some(0.0);
    let read = |of: &str, key| figures.get(of).filter(measured).and_then(|latencies| number(latencies, key));
    html! {
        div.wide { table {
            caption { "Latency of attempts that succeeded" }
            thead { tr { th scope="col" { "Percentile" } th.n scope="col" { "Latency, from due time" } th.n scope="col" { "Service time" } } }
            tbody { @for (key, name, _) in PERCENTILES { tr {
                th scope="row" { (name) }
                td.n { (known(read("latency_us", key), latency)) }
                td.n { (known(read("service_us", key), latency)) }
            } } }
        } }
    }
}

fn percentile_curve(run: &Run<'_>, name: &str, figures: &Value) -> Markup {
    let mut lines = [
        curve("latency", Tone::First, figures, "percentiles", "latency_us"),
        curve("service time", Tone::Second, figures, "service_percentiles", "service_us"),
    ];
    // A hundred lies infinitely far out. The maximum of n values is drawn where the last of them stands.
    let last = match number(figures, "succeeded") {
        Some(n) => 100.0 - 100.0 / n.max(10.0),
        None => lines
            .iter()
            .flat_map(|line| line.points.iter().map(|p| p.0))
            .filter(|p| *p < 100.0)
            .fold(90.0, f64::max),
    };
    for line in &mut lines {
        line.points.retain(|(percentile, _)| *percentile <= last || *percentile == 100.0);
    }
    Chart {
        title: "Latency by percentile",
        subject: &title(name),
        unit: Unit::Microseconds,
        x: Axis::percentiles(last.min(99.999_999)),
        series: lines.into(),
        bands: &[],
        most_points: run.most_points,
    }
    .draw()
}

/// The curve that the summary carries under `curve`, or the few percentiles of `fallback`.
pub(super) fn curve(name: &str, tone: Tone, figures: &Value, curve: &str, fallback: &str) -> Series {
    let pair = |pair: &Value| {
        let (percentile, us) = (pair.get(0)?.as_f64()?, pair.get(1)?.as_f64()?);
        ((0.0..=100.0).contains(&percentile) && us.is_finite()).then_some((percentile, us))
    };
    let carried = figures.get(curve).and_then(Value::as_array);
    let mut points: Vec<(f64, f64)> = carried.into_iter().flatten().filter_map(pair).collect();
    if points.is_empty() {
        let latencies =
            figures.get(fallback).filter(|l| number(l, "max") != Some(0.0)).unwrap_or(&Value::Null);
        points.extend(PERCENTILES.iter().filter_map(|(key, _, at)| Some(((*at)?, number(latencies, key)?))));
    }
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    // A single point is no curve.
    if points.len() < 2 {
        points.clear();
    }
    Series { name: name.to_owned(), tone, points, gap: f64::INFINITY, dense: false }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn curve_is_the_carried_one_or_the_known_percentiles() {
        let carried =
            json!({"percentiles": [[0, 10], [50.0, 20], [100.0, 90], ["x", 1]], "latency_us": {"p50": 20}});
        let line = curve("latency", Tone::First, &carried, "percentiles", "latency_us");
        assert_eq!(line.points, [(0.0, 10.0), (50.0, 20.0), (100.0, 90.0)]);
        let bare = json!({"latency_us": {"p50": 20, "p99": 80, "max": 90}});
        let line = curve("latency", Tone::First, &bare, "percentiles", "latency_us");
        assert_eq!(line.points, [(50.0, 20.0), (99.0, 80.0)]);
    }
}
