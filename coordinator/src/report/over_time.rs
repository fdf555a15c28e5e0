//! The charts whose x axis is the time since the start of the run.

use maud::{Markup, html};
use serde_json::Value;

use super::Run;
use super::axis::Axis;
use super::chart::Chart;
use super::figures::{Tally, Unit, number, title};
use super::series::{Series, Tone};

/// Attempts of one procedure: due, started and their outcomes, per second.
pub(super) fn rates(run: &Run<'_>, name: &str) -> Markup {
    let line = |key: &'static str, shown: &str, tone| {
        run.timeline.series(shown, tone, move |entry| Some(Tally::read(of(entry, name)?, key)?.total as f64))
    };
    let mut lines = vec![
        line("due", "due", Tone::Offered),
        line("started", "started", Tone::First),
        line("succeeded", "succeeded", Tone::Good),
        line("failed", "failed", Tone::Bad),
    ];
    let rare = [
        line("timed_out", "timed out", Tone::Late),
        line("abandoned", "abandoned", Tone::Third),
        line("never_started", "never started", Tone::Extreme),
    ];
    lines.extend(rare.into_iter().filter(|line| !line.is_flat_zero()));
    draw(run, "Attempts per second", &title(name), Unit::PerSecond, lines)
}

/// Latency of one procedure, of the attempts that succeeded in each second.
pub(super) fn latencies(run: &Run<'_>, name: &str) -> Markup {
    let line = |key: &'static str, tone| {
        run.timeline.series(key, tone, move |entry| {
            let figures = of(entry, name)?;
            // Where nothing succeeded there is no latency, whatever the entry says.
            (number(figures, "succeeded") != Some(0.0))
                .then(|| number(figures.get("latency_us")?, key))
                .flatten()
        })
    };
    let lines = vec![
        line("max", Tone::Extreme),
        line("p99", Tone::Third),
        line("p95", Tone::Second),
        line("p50", Tone::First),
    ];
    draw(run, "Latency over time", &title(name), Unit::Microseconds, lines)
}

/// How many UEs were registered and busy, and how the agents kept up.
pub(super) fn section(run: &Run<'_>) -> Markup {
    let line = |key: &'static str, shown: &str, tone| {
        run.timeline.series(shown, tone, move |entry| number(entry, key))
    };
    let lateness = |key: &'static str, tone| {
        run.timeline.series(key, tone, move |entry| number(entry.get("lateness_us")?, key))
    };
    let agents = line("agents", "agents", Tone::First);
    let changes = agents.points.windows(2).any(|pair| pair[0].1 != pair[1].1);
    html! {
        section id="population" aria-labelledby="population-title" {
            h2 id="population-title" { "Population and fleet over time" }
            div.pair {
                (draw(run, "Registered UEs", "Population", Unit::Count, vec![line("registered", "registered", Tone::First)]))
                (draw(run, "Attempts in flight", "Population", Unit::Count, vec![line("in_flight", "in flight", Tone::Second)]))
                (draw(run, "Generator lateness", "Fleet", Unit::Microseconds, vec![
                    lateness("max", Tone::Extreme), lateness("p99", Tone::Third), lateness("p50", Tone::First),
                ]))
                @if changes { (draw(run, "Agents alive", "Fleet", Unit::Count, vec![agents])) }
            }
        }
    }
}

fn of<'a>(entry: &'a Value, procedure: &str) -> Option<&'a Value> {
    entry.get("procedures")?.get(procedure)
}

fn draw(run: &Run<'_>, name: &str, subject: &str, unit: Unit, series: Vec<Series>) -> Markup {
    let (from, to) = run.timeline.span().unwrap_or((0.0, 1.0));
    let x = Axis::time(from.min(0.0), to);
    Chart { title: name, subject, unit, x, series, bands: &run.bands, most_points: run.most_points }.draw()
}
