//! `compare.html`: one run held against another, in the manner of the report.

use maud::{Markup, html};
use results::ProcedureSummary;
use statistics::{Figure, Finding, Interval, Judgement};

use super::axis::{Axis, round_up};
use super::chart::Chart;
use super::figures::{UNKNOWN, Unit, known, title};
use super::page;
use super::procedure::curve;
use super::series::Tone;
use crate::compare::{ComparedRun, ComparedRuns};
use results::units;

/// Draws the page.
pub fn render(compared: &ComparedRuns) -> String {
    let mut procedures: Vec<&str> =
        compared.comparison.findings.iter().map(|f| f.procedure.as_str()).collect();
    procedures.dedup();
    let name = html! { (word(compared)) " · " (compared.run.run_id) };
    let body = html! {
        (header(compared))
        nav aria-label="Sections" { ul {
            @for (i, name) in procedures.iter().enumerate() { li { a href={ "#procedure-" (i) } { (title(name)) } } }
            li { a href="#method" { "How it is judged" } }
        } }
        main {
            @for (i, name) in procedures.iter().enumerate() { (procedure(compared, i, name)) }
            (method(compared))
            footer { "Made by Roamstorm from the folders of two runs." }
        }
    };
    page(&name, &body)
}

fn word(compared: &ComparedRuns) -> &'static str {
    match (compared.regression, compared.comparison.judged()) {
        _ if compared.same_run => "the same run",
        (true, _) => "worse",
        (false, 0) => "not judged",
        (false, _) => "not worse",
    }
}

fn header(compared: &ComparedRuns) -> Markup {
    let of = |wanted: &Judgement| {
        let findings = compared.comparison.findings.iter().filter(|finding| finding.judgement == *wanted);
        findings.map(sentence).collect::<Vec<_>>()
    };
    let (worse, better) = (of(&Judgement::Worse), of(&Judgement::Better));
    let class = match word(compared) {
        "worse" => "fail",
        "not worse" => "pass",
        _ => "invalid",
    };
    html! {
        header.top {
            p.brand { "Roamstorm · comparison of two runs" }
            div.headline {
                h1 { (compared.run.scenario) }
                span class={ "badge " (class) } { (word(compared)) }
            }
            div class={ "verdict " (class) } role="note" aria-label="Verdict" {
                p { (compared.in_words()) }
                @if !worse.is_empty() { ul { @for line in &worse { li { (line) } } } }
                @if !better.is_empty() { p { "Better:" } ul { @for line in &better { li { (line) } } } }
            }
            @if !compared.differ.is_empty() {
                div.verdict.invalid role="note" aria-label="Warnings" {
                    p { "The runs are not alike; this comparison was forced" }
                    ul { @for field in &compared.differ { li { (field) } } }
                }
            }
            dl.facts { (facts("Base", &compared.base)) (facts("Run", &compared.run)) }
        }
    }
}

fn facts(which: &str, run: &ComparedRun) -> Markup {
    html! {
        @for (name, value) in [("", &run.run_id), (" started", &run.started_at), (" target", &run.target), (" verdict", &run.verdict)] {
            div { dt { (which) (name) } dd.id { (told(value)) } }
        }
    }
}

fn told(text: &str) -> String {
    if text.is_empty() { UNKNOWN.to_owned() } else { text.to_owned() }
}

/// `registration latency.p99: 12.0 ms → 14.1 ms, +17.5 % (+9.1 % to +26.3 %)`.
pub(crate) fn sentence(finding: &Finding) -> String {
    format!(
        "{} {}: {} → {}, {}{}",
        finding.procedure,
        finding.figure,
        value(finding, finding.base),
        value(finding, finding.run),
        known(finding.difference, |difference| change(finding, difference)),
        finding.interval.map_or_else(String::new, |interval| format!(" ({})", range(finding, interval)))
    )
}

/// A value in its unit.
pub(crate) fn value(finding: &Finding, value: Option<f64>) -> String {
    known(value, |value| match finding.figure {
        Figure::Latency(_) | Figure::Service(_) => units::latency(value),
        Figure::Success => units::percent(value, 1.0),
        Figure::Rate => Unit::PerSecond.show(value),
    })
}

/// A difference with its sign: in per cent, of success ratios in percentage points.
pub(crate) fn change(finding: &Finding, difference: f64) -> String {
    let unit = if finding.figure == Figure::Success { "pp" } else { "%" };
    let percent = difference * 100.0;
    let digits = if percent.abs() < 0.095 {
        3
    } else if percent.abs() < 9.95 {
        2
    } else {
        1
    };
    format!("{percent:+.digits$} {unit}").replace('-', "−")
}

/// From where to where.
pub(crate) fn range(finding: &Finding, interval: Interval) -> String {
    format!("{} to {}", change(finding, interval.low), change(finding, interval.high))
}

/// What a judgement is called.
pub(crate) fn verdict(judgement: &Judgement) -> &'static str {
    match judgement {
        Judgement::Worse => "worse",
        Judgement::Better => "better",
        Judgement::Same => "no difference",
        Judgement::NotJudged(_) => "not judged",
    }
}

fn procedure(compared: &ComparedRuns, position: usize, name: &str) -> Markup {
    let findings = || compared.comparison.findings.iter().filter(|finding| finding.procedure == name);
    // One scale for the whole table: the widest interval fits.
    let ends = findings().filter_map(|f| f.interval.map(|i| i.low.abs().max(i.high.abs()).min(1.0)));
    let reach = round_up(ends.fold(0.01, f64::max));
    // Where nothing has an interval, its columns would only take the room of the reasons.
    let has_intervals = findings().any(|finding| finding.interval.is_some());
    let reach = has_intervals.then_some(reach);
    html! {
        section id={ "procedure-" (position) } aria-labelledby={ "procedure-" (position) "-title" } {
            h2 id={ "procedure-" (position) "-title" } { (title(name)) }
            div.wide tabindex="0" { table {
                thead { tr {
                    th scope="col" { "Figure" } th.n scope="col" { "Base" } th.n scope="col" { "Run" } th.n scope="col" { "Difference" }
                    @if let Some(reach) = reach { th.n scope="col" { "Interval" } th.bar scope="col" { (scale(reach)) } }
                    th scope="col" { "Judgement" }
                } }
                tbody { @for finding in findings() { (row(finding, reach)) } }
            } }
            (curves(compared, name))
        }
    }
}

fn row(finding: &Finding, reach: Option<f64>) -> Markup {
    let class = match finding.judgement {
        Judgement::Worse => "fail",
        Judgement::Better => "pass",
        Judgement::Same | Judgement::NotJudged(_) => "quiet",
    };
    html! { tr {
        th.one-line scope="row" { (finding.figure.to_string()) }
        td.n { (value(finding, finding.base)) }
        td.n { (value(finding, finding.run)) }
        td.n { (known(finding.difference, |difference| change(finding, difference))) }
        @if let Some(reach) = reach {
            td.n { (known(finding.interval, |interval| range(finding, interval))) }
            td.bar aria-hidden="true" { @if let (Some(interval), Some(difference)) = (finding.interval, finding.difference) { (whisker(interval, difference, reach)) } }
        }
        td.words { strong class=(class) { (verdict(&finding.judgement)) }
            @if let Judgement::NotJudged(why) = &finding.judgement { br; span.note { (why) } }
            @if let Some(basis) = &finding.basis { br; span.note { (basis) } } }
    } }
}

/// The axis of the intervals: none in the middle, as far to the left as to the right.
fn scale(reach: f64) -> Markup {
    let end = format!("{} %", units::decimal(reach * 100.0));
    html! { div.scale {
        span.quiet { "Difference with its interval" }
        div aria-hidden="true" { span { "−" (end) } span { "0" } span { "+" (end) } }
    } }
}

/// The interval as a line, the difference as a tick on it, and zero in the middle.
fn whisker(interval: Interval, difference: f64, reach: f64) -> Markup {
    let place = |value: f64| format!("{:.1}", 100.0 + (value / reach).clamp(-1.0, 1.0) * 100.0);
    let tone = if interval.low > 0.0 || interval.high < 0.0 { "t-second" } else { "t-first" };
    html! {
        svg viewBox="0 0 200 16" width="100%" height="16" preserveAspectRatio="none" {
            path.grid d="M0.5 0V16M50 4V12M150 4V12M199.5 0V16" {}
            path.zero d="M100 0V16" {}
            path class={ "line " (tone) } d={ "M" (place(interval.low)) " 8H" (place(interval.high)) "M" (place(difference)) " 3V13" } {}
        }
    }
}

fn curves(compared: &ComparedRuns, name: &str) -> Markup {
    let of = |run: &ComparedRun, label: &str, tone| {
        let nothing = ProcedureSummary::default();
        let figures = run.summary.procedures.get(name).unwrap_or(&nothing);
        curve(label, tone, &figures.percentiles, &figures.latency_us)
    };
    let mut series = vec![of(&compared.base, "base", Tone::Second), of(&compared.run, "run", Tone::First)];
    for line in &mut series {
        line.points.retain(|(percentile, _)| *percentile <= 99.9);
    }
    let subject = title(name);
    Chart {
        title: "Latency by percentile",
        subject: &subject,
        unit: Unit::Microseconds,
        x: Axis::percentiles(99.9),
        series,
        bands: &[],
        most_points: 100,
        beyond: None,
    }
    .draw()
}

fn method(compared: &ComparedRuns) -> Markup {
    let settings = compared.comparison.settings;
    let warnings = compared.run.summary.warnings.len() + compared.base.summary.warnings.len();
    html! {
        section id="method" aria-labelledby="method-title" {
            h2 id="method-title" { "How it is judged" }
            p { "Of comparisons of two equal runs at most " (units::percent(settings.false_alarms, 1.0)) " raise any alarm, over all the "
                (compared.comparison.judged()) " figures that are judged here together: all intervals hold at once with that certainty. "
                "A difference counts when its interval does not hold zero and it is at least " (units::percent(settings.least_effect, 1.0))
                " (of a success ratio: " (format!("{:.2}", settings.least_success_effect * 100.0)) " percentage points)." }
            p { "Percentiles are read from the merged histogram of each run, never averaged. How far they may be off comes from the run's own "
                "seconds, and takes into account that neighbouring seconds resemble each other. What differs from run to run but not within one, "
                "such as another machine, is not seen by two runs: repeat the base to learn it." }
            @if warnings > 0 { p.note { "The two runs have " (warnings) " warnings; their reports have them." } }
            dl.facts {
                div { dt { "Seed of the bootstrap" } dd.id { (settings.seed) } }
                @for (which, run) in [("Base", &compared.base), ("Run", &compared.run)] {
                    div { dt { (which) " folder" } dd.id { (run.folder.display()) } }
                    div { dt { (which) " program" } dd.id { (told(&run.summary.version)) } }
                }
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use statistics::Percentile;

    /// Two runs, of which one figure is worse, one better and one not judged.
    pub(crate) fn compared() -> ComparedRuns {
        let finding = |figure, difference: f64, judgement| Finding {
            procedure: "registration".to_owned(),
            figure,
            base: Some(12_000.0),
            run: Some(12_000.0 * (1.0 + difference)),
            difference: Some(difference),
            interval: Some(Interval { low: difference - 0.01, high: difference + 0.01 }),
            judgement,
            basis: Some("of 80 seconds".to_owned()),
        };
        let unjudged =
            Judgement::NotJudged("it goes up and down too slowly: a longer run is needed".to_owned());
        let findings = vec![
            finding(Figure::Latency(Percentile::P50), 0.0, Judgement::Same),
            finding(Figure::Latency(Percentile::P99), 0.17, Judgement::Worse),
            finding(Figure::Service(Percentile::P99), -0.08, Judgement::Better),
            finding(Figure::Service(Percentile::P50), 0.03, unjudged),
        ];
        let run = |name: &str| {
            let summary: results::Summary = crate::tests::typed(&crate::samples::pass().0);
            ComparedRun {
                folder: name.into(),
                run_id: name.to_owned(),
                scenario: "attach-10k".to_owned(),
                verdict: "pass".to_owned(),
                target: "sctp+udp://127.0.0.1:9899".to_owned(),
                started_at: "2026-11-30T13:21:46Z".to_owned(),
                summary,
            }
        };
        let settings = statistics::Settings::default();
        ComparedRuns {
            base: run("20261129-231502-attach-10k"),
            run: run("20261130-231502-attach-10k"),
            differ: vec!["agents: 2, 3".to_owned()],
            comparison: statistics::Comparison { settings, findings },
            regression: true,
            same_run: false,
        }
    }

    #[test]
    fn a_finding_is_told_with_its_units_and_signs() {
        let mut finding = Finding {
            procedure: "registration".to_owned(),
            figure: Figure::Latency(Percentile::P99),
            base: Some(12_000.0),
            run: Some(14_100.0),
            difference: Some(0.175),
            interval: Some(Interval { low: 0.0912, high: 0.263 }),
            judgement: Judgement::Worse,
            basis: None,
        };
        assert_eq!(
            sentence(&finding),
            "registration latency.p99: 12.0 ms → 14.1 ms, +17.5 % (+9.12 % to +26.3 %)"
        );
        finding.figure = Figure::Success;
        (finding.base, finding.run, finding.difference, finding.interval) =
            (Some(1.0), Some(0.995), Some(-0.005), None);
        assert_eq!(sentence(&finding), "registration success: 100 % → 99.50 %, −0.50 pp");
    }

    #[test]
    fn columns_of_intervals_are_left_out_where_there_is_none() {
        let mut compared = compared();
        assert!(render(&compared).contains(">Interval</th>"));
        compared.comparison.findings.iter_mut().for_each(|finding| finding.interval = None);
        let page = render(&compared);
        assert!(!page.contains(">Interval</th>") && !page.contains("class=\"bar\""), "{page}");
        assert!(page.contains("a longer run is needed"));
    }

    #[test]
    fn intervals_stand_below_an_axis_with_zero_in_the_middle() {
        let page = scale(round_up(0.037)).into_string();
        assert!(page.contains("<span>−5 %</span><span>0</span><span>+5 %</span>"), "{page}");
        let drawn = whisker(Interval { low: 0.01, high: 0.03 }, 0.02, 0.05).into_string();
        assert!(
            drawn.contains("<path class=\"zero\" d=\"M100 0V16\">")
                && drawn.contains("M120.0 8H160.0M140.0 3V13"),
            "{drawn}"
        );
    }
}
