//! The charts whose x axis is the time since the start of the run.

use maud::{Markup, html};
use serde_json::Value;

use super::Run;
use super::axis::Axis;
use super::chart::Chart;
use super::figures::{
    Tally, UNKNOWN, Unit, decimal, decimal_octets, known, list, number, percent, text, title,
};
use super::series::{Series, Tone};

/// Attempts of one procedure: due, started and their outcomes, per second.
pub(super) fn rates(run: &Run<'_>, name: &str) -> Markup {
    let line = |key: &'static str, shown: &str, tone| {
        run.timeline.series(shown, tone, move |entry| match of(entry, name) {
            Some(figures) => Tally::read(figures, key).map(|tally| tally.total as f64 / seconds(entry)),
            // A second in which nothing happened to this procedure doesn't mention it.
            None => entry.get("procedures").is_some_and(Value::is_object).then_some(0.0),
        })
    };
    let mut lines = vec![
        line("due", "due", Tone::Offered),
        line("started", "started", Tone::First),
        line("succeeded", "succeeded", Tone::Good),
    ];
    let rare = [
        line("failed", "failed", Tone::Bad),
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
            // Where nothing succeeded, or nobody answered, there is no latency, whatever the entry says.
            let latencies = figures.get("latency_us").filter(|l| number(l, "max") != Some(0.0));
            (number(figures, "succeeded") != Some(0.0)).then(|| number(latencies?, key)).flatten()
        })
    };
    let mut lines = vec![
        line("max", Tone::Extreme),
        line("p99", Tone::Third),
        line("p95", Tone::Second),
        line("p50", Tone::First),
    ];
    if lines.iter().any(|line| !line.points.is_empty()) {
        lines.extend(objectives(run, name));
    }
    draw(run, "Latency over time", &title(name), Unit::Microseconds, lines)
}

/// The limits that the scenario sets to the latency of this procedure, as lines across the chart.
fn objectives(run: &Run<'_>, name: &str) -> Vec<Series> {
    let (from, to) = run.timeline.span().unwrap_or((0.0, 1.0));
    let limit = |slo: &Value| {
        let (metric, target) = (text(slo, "name")?, text(slo, "target")?);
        let percentile = metric.strip_prefix(name)?.strip_prefix(".latency.")?;
        let us = upper_limit_us(&target)?;
        let (name, points) = (format!("objective: {percentile} {target}"), vec![(from, us), (to, us)]);
        Some(Series { name, tone: Tone::Objective, points, gap: to - from + 1.0, dense: false })
    };
    list(run.summary, "slos").iter().filter_map(limit).take(4).collect()
}

/// `< 300ms` as 300,000 µs.
fn upper_limit_us(target: &str) -> Option<f64> {
    let limit = target.trim_start().strip_prefix('<')?.trim_start_matches('=').trim();
    let (value, unit) = limit.split_at(limit.find(char::is_alphabetic)?);
    let in_us = match unit {
        "us" | "µs" => 1.0,
        "ms" => 1e3,
        "s" => 1e6,
        _ => return None,
    };
    value.trim().parse::<f64>().ok().map(|value| value * in_us).filter(|us| us.is_finite() && *us > 0.0)
}

/// How late attempts left.
pub(super) fn lateness(run: &Run<'_>) -> Markup {
    let line = |key: &'static str, tone| {
        run.timeline.series(key, tone, move |entry| {
            // All zeros: no attempt was due in that second.
            let lateness = entry.get("lateness_us").filter(|lateness| number(lateness, "max") != Some(0.0));
            number(lateness?, key)
        })
    };
    let lines = vec![line("max", Tone::Extreme), line("p99", Tone::Third), line("p50", Tone::First)];
    draw(run, "Generator lateness", "Fleet", Unit::Microseconds, lines)
}

/// How many UEs were registered and busy, and how many agents were there if that changed.
pub(super) fn section(run: &Run<'_>) -> Markup {
    let line = |key: &'static str, shown: &str, tone| {
        run.timeline.series(shown, tone, move |entry| number(entry, key))
    };
    let agents = line("agents", "agents", Tone::First);
    // They all leave when the run is over; that says nothing.
    let end = agents.points.iter().rposition(|(_, alive)| *alive > 0.0).map_or(0, |last| last + 1);
    let changes = agents.points[..end].windows(2).any(|pair| pair[0].1 != pair[1].1);
    html! {
        section id="population" aria-labelledby="population-title" {
            h2 id="population-title" { "Population over time" }
            div.pair {
                (draw(run, "Registered UEs", "Population", Unit::Count, vec![line("registered", "registered", Tone::First)]))
                (draw(run, "Attempts in flight", "Population", Unit::Count, vec![line("in_flight", "in flight", Tone::First)]))
                @if changes { (draw(run, "Agents alive", "Fleet", Unit::Count, vec![agents])) }
            }
        }
    }
}

/// Open sessions and what they carried.
pub(super) fn traffic(run: &Run<'_>) -> Markup {
    let carried = |key: &'static str, shown: &str, tone, times: f64| {
        run.timeline.series(shown, tone, move |entry| {
            Some(number(entry.get("user_plane")?, key)? * times / seconds(entry))
        })
    };
    let sessions = run.timeline.series("open", Tone::First, |entry| number(entry, "sessions"));
    let rates = vec![
        carried("downlink_octets", "downlink", Tone::First, 8.0),
        carried("uplink_octets", "uplink", Tone::Second, 8.0),
    ];
    let lost = vec![
        carried("downlink_lost", "lost on the way down", Tone::Bad, 1.0),
        carried("uplink_dropped", "not sent", Tone::Late, 1.0),
        carried("downlink_reordered", "out of order", Tone::Third, 1.0),
    ];
    let lossless = lost.iter().all(Series::is_flat_zero);
    let totals = run.summary.get("user_plane");
    let total = |key: &str| totals.and_then(|totals| number(totals, key));
    let sent = total("downlink_packets").zip(total("downlink_lost")).map(|(came, lost)| (lost, came + lost));
    html! {
        @if has_traffic(run) {
            section id="traffic" aria-labelledby="traffic-title" {
                h2 id="traffic-title" { "Sessions and traffic" }
                div.pair {
                    (draw(run, "Open PDU sessions", "Sessions", Unit::Count, vec![sessions]))
                    (draw(run, "User data", "User plane", Unit::BitsPerSecond, rates))
                    @if !lossless { (draw(run, "T-PDUs that did not come through, per second", "User plane", Unit::PerSecond, lost)) }
                }
                dl.facts {
                    @for (name, key) in [("Sent by UEs", "uplink_octets"), ("Received by UEs", "downlink_octets")] {
                        div { dt { (name) } dd { (known(total(key), decimal_octets)) } }
                    }
                    div { dt { "Lost on the way to the UE" } dd { (known(sent, |(lost, all)| format!("{} ({})", decimal(lost), if all > 0.0 { percent(lost, all) } else { UNKNOWN.to_owned() }))) } }
                    @for (name, key) in [("End markers", "end_markers"), ("Echoes", "echoes"), ("Strays", "strays"), ("Strays from strangers", "foreign_source"), ("Restarts of sequence numbers", "sequence_restarts"), ("Jumps of sequence numbers", "sequence_jumps")] {
                        div { dt { (name) } dd { (known(total(key), decimal)) } }
                    }
                }
            }
        }
    }
}

/// False for runs without sessions, and for folders of before there were any.
pub(super) fn has_traffic(run: &Run<'_>) -> bool {
    run.timeline.peak(|entry| number(entry, "sessions")).is_some_and(|most| most > 0.0)
        || run
            .summary
            .get("user_plane")
            .and_then(|totals| number(totals, "uplink_packets"))
            .is_some_and(|n| n > 0.0)
}

/// How long the interval of an entry is: more than a second on long runs.
pub(super) fn seconds(entry: &Value) -> f64 {
    number(entry, "for_s").filter(|seconds| *seconds >= 1.0).unwrap_or(1.0)
}

fn of<'a>(entry: &'a Value, procedure: &str) -> Option<&'a Value> {
    entry.get("procedures")?.get(procedure)
}

fn draw(run: &Run<'_>, name: &str, subject: &str, unit: Unit, series: Vec<Series>) -> Markup {
    let (from, to) = run.timeline.span().unwrap_or((0.0, 1.0));
    let x = Axis::time(from.min(0.0), to);
    Chart { title: name, subject, unit, x, series, bands: &run.bands, most_points: run.most_points }.draw()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_upper_limits_of_a_time_become_lines() {
        let limits =
            ["< 300ms", "<= 1.5 s", "< 900us", "> 5ms", ">= 99.5%", "< 5%", "< ms", "<"].map(upper_limit_us);
        assert_eq!(limits[..3], [Some(300_000.0), Some(1_500_000.0), Some(900.0)]);
        assert!(limits[3..].iter().all(Option::is_none), "{limits:?}");
    }
}
