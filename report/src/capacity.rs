//! The page of a capacity search: where the knee is, what was the limit, and the curve of all probes.

use maud::{Markup, html};
use serde_json::Value;

use super::axis::Axis;
use super::chart::Chart;
use super::figures::{Unit, known, latency, list, number, percent, scalar, text};
use super::page;
use super::series::{Series, Tone};

/// Draws the page from the `summary.json` of a search.
pub(crate) fn render(summary: &Value) -> String {
    let scenario = text(summary, "scenario").unwrap_or_else(|| "unnamed scenario".to_owned());
    let class = text(summary, "status").unwrap_or_default();
    let title = html! { "capacity · " (scenario) };
    let body = html! {
        header.top {
            p.brand { "Roamstorm · capacity search" }
            div.headline { h1 { (scenario) } span class={ "badge " (class) } { (class) } }
            div class={ "verdict " (class) } role="note" aria-label="Verdict" { p { (text(summary, "verdict").unwrap_or_default()) } }
            dl.facts {
                @for (name, key) in [("Run", "run_id"), ("Seed", "seed"), ("While", "while"), ("Limit", "limit")] {
                    div { dt { (name) } dd.id { (known(text(summary, key), |text| text)) } }
                }
            }
        }
        main {
            (curves(summary))
            (probes(summary))
            footer { "Each probe is a run of its own; its folder has its report." }
        }
    };
    page(&title, &body)
}

fn curves(summary: &Value) -> Markup {
    let mut all: Vec<&Value> = list(summary, "probes").iter().collect();
    all.sort_by(|a, b| {
        number(a, "rate_per_s").unwrap_or_default().total_cmp(&number(b, "rate_per_s").unwrap_or_default())
    });
    let read = |key: &str| -> Vec<(f64, f64)> {
        all.iter().filter_map(|probe| Some((number(probe, "rate_per_s")?, number(probe, key)?))).collect()
    };
    let (p99, success) = (read("latency_us_p99"), read("success_percent"));
    let top = |points: &[(f64, f64)]| points.iter().map(|point| point.1).fold(0.0, f64::max);
    let knee = summary.get("knee").and_then(|knee| number(knee, "rate"));
    let line = |name: &str, tone, points| Series {
        name: name.to_owned(),
        tone,
        points,
        gap: f64::INFINITY,
        dense: false,
    };
    let ends = p99.first().zip(p99.last()).map(|(first, last)| (first.0, last.0));
    let chart = |title: &str, unit, points: Vec<(f64, f64)>, limit: Option<f64>| {
        let high = top(&points);
        let x = Axis::for_values(points.iter().map(|point| point.0), Unit::PerSecond);
        let mut series = vec![line("probes", Tone::First, points)];
        series.extend(knee.map(|knee| line("knee", Tone::Second, vec![(knee, high * 0.001), (knee, high)])));
        series.extend(
            limit.zip(ends).map(|(limit, (from, to))| {
                line("objective", Tone::Objective, vec![(from, limit), (to, limit)])
            }),
        );
        Chart { title, subject: "Capacity", unit, x, series, bands: &[], most_points: 400 }.draw()
    };
    html! {
        section { h2 { "Rate against latency and success" } div.pair {
            (chart("Latency p99 by rate", Unit::Microseconds, p99, number(summary, "limit_us")))
            (chart("Success by rate", Unit::Percent, success, number(summary, "limit_percent")))
        } }
    }
}

fn probes(summary: &Value) -> Markup {
    html! {
        section { h2 { "Probes" } div.wide { table {
            thead { tr {
                th scope="col" { "Folder" } th.n scope="col" { "Rate" } th.n scope="col" { "Latency p99" } th.n scope="col" { "Success" }
                th.n scope="col" { "Lateness p99" } th scope="col" { "Outcome" } th scope="col" { "Why" }
            } }
            tbody { @for probe in list(summary, "probes") { tr {
                th scope="row" { (text(probe, "folder").unwrap_or_default()) }
                td.n { (known(number(probe, "rate_per_s"), |rate| Unit::PerSecond.show(rate))) }
                td.n { (known(number(probe, "latency_us_p99"), latency)) }
                td.n { (known(number(probe, "success_percent"), |part| percent(part, 100.0))) }
                td.n { (known(number(probe, "lateness_us_p99"), latency)) }
                td { (text(probe, "outcome").unwrap_or_default()) }
                td { @for reason in list(probe, "reasons").iter().filter_map(scalar).take(2) { (reason) br; } }
            } } }
        } } }
    }
}
