//! The page of a capacity search: where the knee is, what was the limit, and the curve of all probes.

use maud::{Markup, html};
use results::{Probe, SearchSummary};
use statistics::ProbeOutcome;

use super::axis::Axis;
use super::chart::Chart;
use super::figures::{Unit, cut, known, latency, percent, shown, some};
use super::page;
use super::series::{Series, Tone};

/// Draws the page from the `summary.json` of a search.
pub(crate) fn render(summary: &SearchSummary) -> String {
    let scenario = some(&summary.scenario).unwrap_or_else(|| "unnamed scenario".to_owned());
    let class = summary.status.as_str();
    let seed = summary.seed.to_string();
    let title = html! { "capacity · " (scenario) };
    let body = html! {
        header.top {
            p.brand { "Roamstorm · capacity search" }
            div.headline { h1 { (scenario) } span class={ "badge " (class) } { (class) } }
            div class={ "verdict " (class) } role="note" aria-label="Verdict" { p { (cut(&summary.verdict)) } }
            dl.facts {
                @for (name, value) in [("Run", &summary.run_id), ("Seed", &seed), ("While", &summary.conditions), ("Limit", &summary.limit)] {
                    div { dt { (name) } dd.id { (shown(value)) } }
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

fn curves(summary: &SearchSummary) -> Markup {
    let mut all: Vec<&Probe> = summary.probes.iter().collect();
    all.sort_by(|a, b| a.rate_per_s.total_cmp(&b.rate_per_s));
    let read = |of: fn(&Probe) -> Option<f64>| -> Vec<(f64, f64)> {
        all.iter().filter_map(|probe| Some((probe.rate_per_s, of(probe)?))).collect()
    };
    let (p99, success) = (read(|of| of.latency_us_p99.map(|us| us as f64)), read(|of| of.success_percent));
    let top = |points: &[(f64, f64)]| points.iter().map(|point| point.1).fold(0.0, f64::max);
    let knee = summary.knee.map(|knee| knee.rate);
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
            (chart("Latency p99 by rate", Unit::Microseconds, p99, summary.limit_us))
            (chart("Success by rate", Unit::Percent, success, summary.limit_percent))
        } }
    }
}

fn probes(summary: &SearchSummary) -> Markup {
    html! {
        section { h2 { "Probes" } div.wide { table {
            thead { tr {
                th scope="col" { "Folder" } th.n scope="col" { "Rate" } th.n scope="col" { "Latency p99" } th.n scope="col" { "Success" }
                th.n scope="col" { "Lateness p99" } th scope="col" { "Outcome" } th scope="col" { "Why" }
            } }
            tbody { @for probe in &summary.probes { tr {
                th scope="row" { (cut(&probe.folder)) }
                td.n { (Unit::PerSecond.show(probe.rate_per_s)) }
                td.n { (known(probe.latency_us_p99, |us| latency(us as f64))) }
                td.n { (known(probe.success_percent, |part| percent(part, 100.0))) }
                td.n { (latency(probe.lateness_us_p99 as f64)) }
                td { (outcome(probe.outcome)) }
                td { @for reason in probe.reasons.iter().take(2) { (cut(reason)) br; } }
            } } }
        } } }
    }
}

fn outcome(outcome: ProbeOutcome) -> &'static str {
    match outcome {
        ProbeOutcome::Held => "held",
        ProbeOutcome::Broke => "broke",
        ProbeOutcome::Generator => "generator",
    }
}
