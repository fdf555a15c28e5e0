//! The page of a capacity search: where the knee is, what was the limit, and the curve of all probes.

use maud::{Markup, html};
use results::{Probe, SearchSummary};
use statistics::ProbeOutcome;

use super::axis::{Axis, Scale};
use super::figures::{Unit, cut, known, latency, percent, shown, some};
use super::page;

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
                @for (name, value) in [("Run", &summary.run_id), ("Seed", &seed), ("While", &summary.conditions), ("What was the limit", &summary.limit)] {
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
    html! {
        section aria-labelledby="curves-title" { h2 id="curves-title" { "Rate against latency and success" }
            div.pair {
                (plot(summary, "Latency p99 by rate", Unit::Microseconds, |of| of.latency_us_p99.map(|us| us as f64), summary.limit_us))
                (plot(summary, "Success by rate", Unit::Percent, |of| of.success_percent, summary.limit_percent))
            }
            p.note { "Each mark is a probe: a dot where the conditions held, a cross where they did not. A hollow square is a probe that the generator could not make: "
                "it says nothing about the target, and the knee does not rest on it. "
                @if let Some(knee) = &summary.knee { "The knee is at " (Unit::PerSecond.show(knee.rate)) "; the band is its 95 % interval, "
                    (Unit::PerSecond.show(knee.low)) " to " (Unit::PerSecond.show(knee.high)) "." } }
        }
    }
}

/// One figure of every probe by its rate. Probes are no line: of two at one rate, neither comes after the other.
fn plot(
    summary: &SearchSummary,
    name: &str,
    unit: Unit,
    of: fn(&Probe) -> Option<f64>,
    limit: Option<f64>,
) -> Markup {
    let points: Vec<(&Probe, f64)> =
        summary.probes.iter().filter_map(|probe| Some((probe, of(probe)?))).collect();
    if points.is_empty() {
        return html! { figure.chart.empty { figcaption { (name) } p.quiet { "No values were measured." } } };
    }
    let interval = summary.knee.map(|knee| (knee.low, knee.rate, knee.high));
    let rates = summary.probes.iter().map(|probe| probe.rate_per_s).chain(interval.map(|knee| knee.2));
    let x = Axis::for_values(rates, Unit::PerSecond);
    // The limit has room where it is near.
    let high = points.iter().map(|point| point.1).fold(0.0, f64::max);
    let near = limit.filter(|limit| *limit <= high * 4.0);
    let y = Axis::for_values(points.iter().map(|point| point.1).chain(near), unit);
    let (at_x, at_y) = (
        |v: f64| format!("{:.2}%", x.position(v) * 100.0),
        |v: f64| format!("{:.2}%", y.position(v) * 100.0),
    );
    let told: Vec<String> = points
        .iter()
        .map(|(probe, value)| {
            format!(
                "{} at {}, {}",
                unit.show(*value),
                Unit::PerSecond.show(probe.rate_per_s),
                probe.outcome.as_str()
            )
        })
        .collect();
    html! {
        figure.chart.scatter {
            figcaption { (name) @if y.scale == Scale::Log { span.quiet { " · log scale" } }
                @if let Some(limit) = limit { span.quiet { " · objective " (unit.round(limit)) @if near.is_none() { ", above the chart" } } } }
            ul.legend aria-hidden="true" {
                li.m-ok { i {} "held" } li.m-broke { i {} "broke" } li.m-gen { i {} "generator-limited" }
                @if interval.is_some() { li.knee { i {} "knee, 95 %" } }
                @if near.is_some() { li.t-objective { i {} "objective" } }
            }
            div.frame {
                div.y aria-hidden="true" { @for (value, label) in &y.ticks { span style=(format!("bottom:{}", at_y(*value))) { (label) } } }
                div.plot.still role="img" aria-label={ "Capacity, " (name) ". " (told.join("; ")) "." } {
                    @if let Some((low, rate, high)) = interval {
                        i.interval style=(format!("left:{};width:{:.2}%", at_x(low), (x.position(high) - x.position(low)) * 100.0)) {}
                        i.rate style=(format!("left:{}", at_x(rate))) {}
                    }
                    @if let Some(limit) = near { i.limit style=(format!("bottom:{}", at_y(limit))) {} }
                    @for (value, _) in &y.ticks { i.rule style=(format!("bottom:{}", at_y(*value))) {} }
                    @for (probe, value) in &points {
                        i class={ "mark " (mark(probe.outcome)) } style=(format!("left:{};bottom:{}", at_x(probe.rate_per_s), at_y(*value))) {}
                    }
                }
                div.x aria-hidden="true" { @for (value, label) in &x.ticks { span style=(format!("left:{}", at_x(*value))) { (label) } } }
            }
        }
    }
}

fn probes(summary: &SearchSummary) -> Markup {
    html! {
        section aria-labelledby="probes-title" { h2 id="probes-title" { "Probes" } div.wide tabindex="0" { table {
            thead { tr {
                th scope="col" { "Report" } th.n scope="col" { "Rate" } th.n scope="col" { "Latency p99" } th.n scope="col" { "Success" }
                th.n scope="col" { "Lateness p99" } th.one-line scope="col" { "Outcome" } th scope="col" { "Why" }
            } }
            tbody { @for probe in &summary.probes { tr {
                th.one-line scope="row" { (link(&probe.folder)) }
                td.n { (Unit::PerSecond.show(probe.rate_per_s)) }
                td.n { (known(probe.latency_us_p99, |us| latency(us as f64))) }
                td.n { (known(probe.success_percent, |part| percent(part, 100.0))) }
                td.n { (latency(probe.lateness_us_p99 as f64)) }
                td.one-line { (probe.outcome.as_str()) }
                td.words { @for reason in probe.reasons.iter().take(2) { (cut(reason)) br; } }
            } } }
        } } }
    }
}

/// To the probe's own report, where its folder is one below that of the search.
fn link(folder: &str) -> Markup {
    let number = folder
        .strip_prefix("probe-")
        .filter(|rest| !rest.is_empty() && rest.chars().all(|c| c.is_ascii_digit()));
    html! { @if number.is_some() { a href={ (folder) "/report.html" } { (folder) } } @else { (cut(folder)) } }
}

/// The class that draws it.
fn mark(outcome: ProbeOutcome) -> &'static str {
    match outcome {
        ProbeOutcome::Held => "m-ok",
        ProbeOutcome::Broke => "m-broke",
        ProbeOutcome::Generator => "m-gen",
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use statistics::Knee;

    pub(crate) fn search() -> SearchSummary {
        let probe = |n: u32, rate_per_s, outcome, us: u64| Probe {
            folder: format!("probe-{n:02}"),
            rate_per_s,
            outcome,
            reasons: Vec::new(),
            latency_us_p99: Some(us),
            success_percent: Some(100.0),
            lateness_us_p99: 20,
        };
        SearchSummary {
            scenario: "capacity".to_owned(),
            verdict: "The target holds 110.0 registrations a second (95 %: 100.0 to 125.0)".to_owned(),
            knee: Some(Knee { rate: 110.0, low: 100.0, high: 125.0 }),
            limit_us: Some(300_000.0),
            probes: vec![
                probe(1, 50.0, ProbeOutcome::Held, 90_000),
                probe(2, 100.0, ProbeOutcome::Held, 120_000),
                probe(3, 200.0, ProbeOutcome::Broke, 900_000),
                probe(4, 400.0, ProbeOutcome::Generator, 2_000_000),
            ],
            ..SearchSummary::default()
        }
    }

    #[test]
    fn probes_are_marks_and_those_of_the_generator_stand_apart() {
        let page = render(&search());
        for (mark, n) in [("mark m-ok", 4), ("mark m-broke", 2), ("mark m-gen", 2)] {
            assert_eq!(page.matches(mark).count(), n, "{mark} in both charts");
        }
        assert!(page.contains("2.00 s at 400/s, generator"), "{page}");
        assert!(page.contains("<a href=\"probe-03/report.html\">probe-03</a>"), "{page}");
    }

    #[test]
    fn interval_of_the_knee_is_drawn() {
        let page = render(&search());
        // The axis goes to 400: from a quarter of it, a sixteenth wide.
        assert!(page.contains("<i class=\"interval\" style=\"left:25.00%;width:6.25%\">"), "{page}");
        assert!(!render(&SearchSummary { knee: None, ..search() }).contains("class=\"interval\""));
    }

    #[test]
    fn only_folders_of_probes_become_links() {
        for folder in ["javascript:alert(1)", "probe-", "probe-1/../..", "../probe-1"] {
            assert!(!link(folder).into_string().contains("href"), "{folder}");
        }
    }
}
