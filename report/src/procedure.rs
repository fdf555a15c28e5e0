//! One section for each procedure: percentiles, their curve, rates and latency over time, outcomes by cause.

use maud::{Markup, html};
use results::{Percentiles, ProcedureSummary};

use super::axis::Axis;
use super::chart::Chart;
use super::figures::{UNKNOWN, Unit, count, latency, title};
use super::series::{Series, Tone};
use super::{Run, glance, heat, outcomes, over_time};

pub(super) fn section(run: &Run<'_>, position: usize, name: &str, figures: &ProcedureSummary) -> Markup {
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

fn went_wrong(figures: &ProcedureSummary) -> bool {
    figures.judged() != figures.succeeded
}

fn in_short(figures: &ProcedureSummary) -> String {
    format!("{} of {} succeeded", count(figures.succeeded), count(figures.judged()))
}

/// What holds for every procedure is said at the first one.
fn position_of(run: &Run<'_>, name: &str) -> usize {
    run.procedures.iter().position(|(other, _)| *other == name).unwrap_or(0)
}

fn body(run: &Run<'_>, name: &str, figures: &ProcedureSummary) -> Markup {
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
            (heat::map(run, name))
            @if let Some(slowest) = run.slowest_of(name) {
                p.note { a href={ "#" (slowest) } { "The slowest attempt, message by message" } "; the list there has others." }
            }
            (outcomes::by_cause(name, figures))
    }
}

fn percentile_table(figures: &ProcedureSummary) -> Markup {
    let read = |of: &Percentiles| -> Vec<String> {
        // Of fewer attempts than it divides them into, a percentile is the maximum again.
        let many = |percentile: f64| {
            percentile >= 100.0 || of.samples == 0 || of.samples as f64 * (100.0 - percentile) >= 99.9
        };
        let shown = of.values().map(|values| {
            let rows = Percentiles::TABLE.iter().zip(values);
            rows.map(|(row, us)| if many(row.percentile) { latency(us as f64) } else { UNKNOWN.to_owned() })
                .collect()
        });
        shown.unwrap_or_else(|| vec![UNKNOWN.to_owned(); Percentiles::TABLE.len()])
    };
    let (latencies, services) = (read(&figures.latency_us), read(&figures.service_us));
    html! {
        div.wide tabindex="0" { table {
            caption { "Latency of attempts that succeeded" @if figures.latency_us.samples > 0 { ": " (count(figures.latency_us.samples)) } }
            thead { tr { th scope="col" { "Percentile" } th.n scope="col" { "Latency, from due time" } th.n scope="col" { "Service time" } } }
            tbody { @for ((row, latency), service) in Percentiles::TABLE.iter().zip(latencies).zip(services) { tr {
                th scope="row" { (row.title) }
                td.n { (latency) }
                td.n { (service) }
            } } }
        } }
    }
}

fn percentile_curve(run: &Run<'_>, name: &str, figures: &ProcedureSummary) -> Markup {
    let mut lines = [
        curve("latency", Tone::First, &figures.percentiles, &figures.latency_us),
        curve("service time", Tone::Second, &figures.service_percentiles, &figures.service_us),
    ];
    // A hundred lies infinitely far out. The maximum of n values is drawn where the last of them stands.
    let last = 100.0 - 100.0 / figures.succeeded.max(10) as f64;
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
        beyond: None,
    }
    .draw()
}

/// The curve that the summary carries, or the few percentiles of every summary.
pub(super) fn curve(name: &str, tone: Tone, carried: &[(f64, u64)], percentiles: &Percentiles) -> Series {
    let inside = |(percentile, us): &(f64, u64)| {
        (0.0..=100.0).contains(percentile).then_some((*percentile, *us as f64))
    };
    let mut points: Vec<(f64, f64)> = carried.iter().filter_map(inside).collect();
    if points.is_empty() {
        let rows = Percentiles::TABLE.iter().zip(percentiles.values().into_iter().flatten());
        points.extend(
            rows.filter(|(row, _)| row.percentile < 100.0).map(|(row, us)| (row.percentile, us as f64)),
        );
    }
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    // A single point is no curve.
    if points.len() < 2 {
        points.clear();
    }
    Series::line(name, tone, points)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curve_is_the_carried_one_or_the_known_percentiles() {
        let few = Percentiles { p50: 20, p90: 30, p95: 40, p99: 80, p999: 85, max: 90, samples: 0 };
        let line = curve("latency", Tone::First, &[(0.0, 10), (50.0, 20), (100.0, 90), (101.0, 1)], &few);
        assert_eq!(line.points, [(0.0, 10.0), (50.0, 20.0), (100.0, 90.0)]);
        let line = curve("latency", Tone::First, &[], &few);
        assert_eq!(line.points, [(50.0, 20.0), (90.0, 30.0), (95.0, 40.0), (99.0, 80.0), (99.9, 85.0)]);
    }
}
