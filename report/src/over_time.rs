//! The charts whose x axis is the time since the start of the run.

use maud::{Markup, html};
use results::{Interval, IntervalFigures, Percentiles, SloResult, UserPlaneSummary};

use super::Run;
use super::axis::Axis;
use super::chart::Chart;
use super::figures::{UNKNOWN, Unit, count, counts, cut, decimal_octets, fact, percent, title};
use super::series::{Series, Tone};

/// Attempts of one procedure: due, started and their outcomes, per second.
pub(super) fn rates(run: &Run<'_>, name: &str) -> Markup {
    let line = |shown: &str, tone, read: fn(&IntervalFigures) -> u64| {
        run.timeline.steps(shown, tone, move |entry| {
            // A second in which nothing happened to this procedure doesn't mention it.
            Some(entry.procedures.get(name).map_or(0.0, |figures| read(figures) as f64 / seconds(entry)))
        })
    };
    let mut lines = vec![
        line("due", Tone::Offered, |figures| figures.due),
        line("started", Tone::First, |figures| figures.started),
        line("succeeded", Tone::Good, |figures| figures.succeeded),
    ];
    let rare = [
        line("failed", Tone::Bad, IntervalFigures::all_failed),
        line("timed out", Tone::Late, |figures| figures.timed_out),
        line("abandoned", Tone::Third, IntervalFigures::all_abandoned),
        line("never started", Tone::Extreme, |figures| figures.never_started),
    ];
    lines.extend(rare.into_iter().filter(|line| !line.is_flat_zero()));
    draw(run, "Attempts per second", &title(name), Unit::PerSecond, lines)
}

/// Latency of one procedure, of the attempts that succeeded in each second.
pub(super) fn latencies(run: &Run<'_>, name: &str) -> Markup {
    let line = |shown: &str, tone, read: fn(&Percentiles) -> u64| {
        run.timeline.series(shown, tone, move |entry| {
            let figures = entry.procedures.get(name)?;
            // Where nothing succeeded, or nobody answered, there is no latency.
            let latencies = figures.latency_us.measured().filter(|_| figures.succeeded > 0)?;
            Some(read(&latencies) as f64)
        })
    };
    let mut lines = vec![
        line("max", Tone::Extreme, |of| of.max),
        line("p99", Tone::Third, |of| of.p99),
        line("p95", Tone::Second, |of| of.p95),
        line("p50", Tone::First, |of| of.p50),
    ];
    if lines.iter().any(|line| !line.points.is_empty()) {
        lines.extend(objectives(run, name));
    }
    draw_with(run, "Latency over time", &title(name), Unit::Microseconds, lines, run.slowest_of(name))
}

/// The limits that the scenario sets to the latency of this procedure, as lines across the chart.
fn objectives(run: &Run<'_>, name: &str) -> Vec<Series> {
    let (from, to) = run.timeline.span().unwrap_or((0.0, 1.0));
    let limit = |slo: &SloResult| {
        let percentile = slo.name.strip_prefix(name)?.strip_prefix(".latency.")?;
        let us = upper_limit_us(&slo.target)?;
        let name = cut(&format!("objective: {percentile} {}", slo.target));
        let points = vec![(from, us), (to, us)];
        Some(Series::line(&name, Tone::Objective, points))
    };
    run.summary.slos.iter().filter_map(limit).take(4).collect()
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
    let line = |shown: &str, tone, read: fn(&Percentiles) -> u64| {
        // All zeros: no attempt was due in that second.
        run.timeline.series(shown, tone, move |entry| Some(read(&entry.lateness_us.measured()?) as f64))
    };
    let lines = vec![
        line("max", Tone::Extreme, |of| of.max),
        line("p99", Tone::Third, |of| of.p99),
        line("p50", Tone::First, |of| of.p50),
    ];
    draw(run, "Generator lateness", "Fleet", Unit::Microseconds, lines)
}

/// How many UEs were registered and busy, and how many agents there were if that changed.
pub(super) fn section(run: &Run<'_>) -> Markup {
    let line = |shown: &str, read: fn(&Interval) -> u64| {
        run.timeline.steps(shown, Tone::First, move |entry| Some(read(entry) as f64))
    };
    let agents = line("agents", |entry| entry.agents);
    // They all leave when the run is over; that says nothing.
    let end = agents.points.iter().rposition(|(_, alive)| *alive > 0.0).map_or(0, |last| last + 1);
    let changes = agents.points[..end].windows(2).any(|pair| pair[0].1 != pair[1].1);
    html! {
        section id="population" aria-labelledby="population-title" {
            h2 id="population-title" { "Population over time" }
            div.pair {
                (draw(run, "Registered UEs", "Population", Unit::Count, vec![line("registered", |entry| entry.registered)]))
                (draw(run, "Attempts in flight", "Population", Unit::Count, vec![line("in flight", |entry| entry.in_flight)]))
                @if changes { (draw(run, "Agents alive", "Fleet", Unit::Count, vec![agents])) }
            }
        }
    }
}

/// Open sessions and what they carried.
pub(super) fn traffic(run: &Run<'_>) -> Markup {
    let carried = |shown: &str, tone, read: fn(&UserPlaneSummary) -> u64, times: f64| {
        run.timeline
            .steps(shown, tone, move |entry| Some(read(&entry.user_plane) as f64 * times / seconds(entry)))
    };
    let sessions = run.timeline.steps("open", Tone::First, |entry| Some(entry.sessions as f64));
    let rates = vec![
        carried("downlink", Tone::First, |of| of.downlink_octets, 8.0),
        carried("uplink", Tone::Second, |of| of.uplink_octets, 8.0),
    ];
    let lost = vec![
        carried("lost on the way down", Tone::Bad, |of| of.downlink_lost, 1.0),
        carried("not sent", Tone::Late, |of| of.uplink_dropped, 1.0),
        carried("out of order", Tone::Third, |of| of.downlink_reordered, 1.0),
    ];
    let lossless = lost.iter().all(Series::is_flat_zero);
    let totals = &run.summary.user_plane;
    let sent = totals.downlink_packets.saturating_add(totals.downlink_lost);
    let share = if sent > 0 { percent(totals.downlink_lost as f64, sent as f64) } else { UNKNOWN.to_owned() };
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
                    (fact("Sent by UEs", &decimal_octets(totals.uplink_octets as f64)))
                    (fact("Received by UEs", &decimal_octets(totals.downlink_octets as f64)))
                    (fact("Lost on the way to the UE", &format!("{} ({share})", count(totals.downlink_lost))))
                    (counts(totals))
                }
            }
        }
    }
}

/// False for runs without sessions, and for folders of before there were any.
pub(super) fn has_traffic(run: &Run<'_>) -> bool {
    run.timeline.peak(|entry| Some(entry.sessions as f64)).is_some_and(|most| most > 0.0)
        || run.summary.user_plane.uplink_packets > 0
}

/// How long an interval is: more than a second on long runs.
pub(super) fn seconds(entry: &Interval) -> f64 {
    entry.for_s.max(1) as f64
}

fn draw(run: &Run<'_>, name: &str, subject: &str, unit: Unit, series: Vec<Series>) -> Markup {
    draw_with(run, name, subject, unit, series, None)
}

/// With a place that values lead to which are too far out to be drawn.
fn draw_with(
    run: &Run<'_>,
    title: &str,
    subject: &str,
    unit: Unit,
    series: Vec<Series>,
    beyond: Option<String>,
) -> Markup {
    let (from, to) = run.timeline.span().unwrap_or((0.0, 1.0));
    // The last second has a length too.
    let x = Axis::time(from.min(0.0), to + run.timeline.step());
    Chart { title, subject, unit, x, series, bands: &run.bands, most_points: run.most_points, beyond }.draw()
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
