//! The top of the page: verdict with its reasons, what was run, key figures, objectives.

use maud::{Markup, html};
use results::{ProcedureSummary, SloResult};

use super::axis::clock;
use super::figures::{
    UNKNOWN, Unit, count, cut, decimal, duration, known, latency, octets, percent, shown, some, title,
};
use super::{Run, billing, fleet, left_out, over_time};

/// What the run says about the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Pass,
    Fail,
    Invalid,
    Unknown,
}

impl From<results::Status> for Status {
    fn from(status: results::Status) -> Self {
        match status {
            results::Status::Pass => Self::Pass,
            results::Status::Fail => Self::Fail,
            results::Status::Invalid => Self::Invalid,
        }
    }
}

impl Status {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Invalid => "invalid",
            Self::Unknown => "unknown",
        }
    }

    fn sign(self) -> &'static str {
        match self {
            Self::Pass => "✓",
            Self::Fail => "✕",
            Self::Invalid => "!",
            Self::Unknown => "?",
        }
    }

    fn sentence(self) -> &'static str {
        match self {
            Self::Pass => "Every objective was met and every attempt is accounted for.",
            Self::Fail => "The target did not meet the objectives.",
            Self::Invalid => "This run says nothing about the target: its figures can't be relied on.",
            Self::Unknown => "It is not known.",
        }
    }

    pub(super) fn badge(self) -> Markup {
        html! { span class={ "badge " (self.word()) } { span aria-hidden="true" { (self.sign()) " " } (self.word()) } }
    }
}

pub(super) fn header(run: &Run<'_>) -> Markup {
    let (summary, status) = (run.summary, run.status());
    // A long list of sessions would push the answer off the first screen.
    let is_session = |reason: &String| reason.starts_with("unreconciled: ") || reason.starts_with('…');
    let (sessions, first): (Vec<String>, Vec<String>) =
        summary.verdict.reasons.iter().map(|reason| cut(reason)).partition(is_session);
    let measured = Some(summary.duration_s).filter(|length| *length > 0.0);
    let length = measured.or_else(|| run.timeline.span().map(|(_, end)| end));
    let version = some(&summary.version).or_else(|| some(summary.versions.get("roamstorm")?));
    html! {
        header.top {
            p.brand { "Roamstorm · run report" }
            div.headline {
                h1 { (some(&summary.scenario).unwrap_or_else(|| "Unnamed scenario".to_owned())) }
                (status.badge())
            }
            @if let Some(description) = some(&summary.description) { p.quiet { (description) } }
            div class={ "verdict " (status.word()) } role="note" aria-label="Verdict" {
                p { (if judges_nothing(run) { "The run is valid and every attempt is accounted for. Nothing was judged." } else { status.sentence() }) }
                @if !first.is_empty() { ul { @for reason in first.iter().take(50) { li { (reason) } } } }
                @if !sessions.is_empty() {
                    details { summary { "The sessions" } ul { @for session in sessions.iter().take(50) { li { (session) } } } }
                }
            }
            (warnings(&summary.warnings))
            dl.facts {
                (fact("Run", some(&summary.run_id)))
                (fact("Seed", Some(summary.seed.to_string())))
                (fact("Target", target(summary)))
                (fact("Started", some(&summary.started_at)))
                (fact("Lasted", length.map(duration)))
                (fact("Roamstorm", version))
            }
        }
    }
}

/// The first of them, so that the figures are not pushed off the page; many that say the same are one, with their number.
fn warnings(all: &[String]) -> Markup {
    let mut alike: Vec<(String, &str, u64)> = Vec::new();
    for warning in all {
        // Alike but for numbers, addresses and what follows.
        let words = warning.split_whitespace().filter(|word| !word.contains(|c: char| c.is_ascii_digit()));
        let kind: String = words.take(6).collect::<Vec<_>>().join(" ");
        match alike.iter_mut().find(|(known, _, _)| *known == kind) {
            Some((_, _, n)) => *n += 1,
            None => alike.push((kind, warning, 1)),
        }
    }
    let line = |(_, first, n): &(String, &str, u64)| html! { li { (cut(first)) @if *n > 1 { " " span.quiet { "and " (count(n - 1)) " more of the kind" } } } };
    let (first, rest) = alike.split_at(alike.len().min(MOST_WARNINGS));
    html! {
        @if !all.is_empty() {
            div.verdict.invalid role="note" aria-label="Warnings" {
                p { "Warnings" }
                ul { @for warning in first { (line(warning)) } }
                @if !rest.is_empty() {
                    details { summary { (count(rest.len() as u64)) " more" } ul { @for warning in rest.iter().take(50) { (line(warning)) } } }
                }
                @if all.len() > alike.len() {
                    details { summary { "All " (count(all.len() as u64)) } ul { @for warning in all.iter().take(super::MOST_ROWS) { li { (cut(warning)) } } } }
                }
            }
        }
    }
}

const MOST_WARNINGS: usize = 6;

/// A pass without a condition means less than one with some.
fn judges_nothing(run: &Run<'_>) -> bool {
    run.status() == Status::Pass && run.summary.slos.is_empty() && run.summary.guardrails.is_empty()
}

/// The URL, and how SCTP was carried where the URL doesn't tell.
fn target(summary: &results::Summary) -> Option<String> {
    let target = some(&summary.target)?;
    let transport = some(&summary.transport).filter(|transport| !target.contains(transport.as_str()));
    Some(transport.map_or_else(|| target.clone(), |transport| format!("{target} over {transport}")))
}

fn fact(name: &str, value: Option<String>) -> Markup {
    html! { div { dt { (name) } dd.id { (value.unwrap_or_else(|| UNKNOWN.to_owned())) } } }
}

pub(super) fn key_figures(run: &Run<'_>) -> Markup {
    let sum = |of: fn(&ProcedureSummary) -> u64| {
        run.procedures.iter().fold(0, |sum: u64, (_, procedure)| sum.saturating_add(of(procedure)))
    };
    let (judged, succeeded) = (sum(ProcedureSummary::judged), sum(|of| of.succeeded));
    let not_judged = sum(ProcedureSummary::not_judged);
    let rate = run.timeline.peak(|entry| {
        let sum = entry.procedures.values().fold(0, |sum: u64, of| sum.saturating_add(of.succeeded));
        (!entry.procedures.is_empty()).then(|| sum as f64 / over_time::seconds(entry))
    });
    let registered = run.timeline.peak(|entry| Some(entry.registered as f64));
    let lateness = run.summary.generator.lateness_us.measured();
    let agents = &run.summary.agents;
    let per_ue = agents.iter().filter_map(fleet::octets_per_ue).max_by(f64::total_cmp);
    html! {
        dl.tiles {
            (tile("Success", percent(succeeded as f64, judged as f64), match (judged, not_judged) {
                (0, 0) => "nothing was planned".to_owned(),
                (_, 0) => format!("{} of {} attempts", count(succeeded), count(judged)),
                (_, open) => format!("{} of {} attempts, {} not judged", count(succeeded), count(judged), count(open)),
            }))
            @for (name, figures) in most_asked(&run.procedures) {
                @let measured = figures.latency_us.measured();
                @let read = |of: fn(&results::Percentiles) -> u64| known(measured.as_ref().map(of), |us| latency(us as f64));
                (tile(&format!("{} p50", title(name)), read(|of| of.p50), format!("p99 {} · max {}", read(|of| of.p99), read(|of| of.max))))
            }
            @if let Some((title, charged, beside)) = billing::in_short(run) { (tile(&title, charged, beside)) }
            (tile("Peak rate", known(rate, |r| Unit::PerSecond.show(r)), "succeeded in one second".to_owned()))
            (tile("Most registered", known(registered, decimal), "UEs at once".to_owned()))
            (tile("Lateness p99", known(lateness, |of| latency(of.p99 as f64)), match run.summary.generator.limited {
                true => "the generator was the limit".to_owned(),
                false => "the generator kept up".to_owned(),
            }))
            // Of little interest unless there is room: one agent is the rule.
            @if run.procedures.len() < 3 || agents.len() > 1 {
                (tile("Agents", agents.len().to_string(), known(per_ue, |n| format!("{} per UE", octets(n)))))
            }
        }
    }
}

/// The two busiest procedures, and the busiest handover where it is none of them.
fn most_asked<'r, 'a>(
    procedures: &'r [(&'a str, &'a ProcedureSummary)],
) -> Vec<&'r (&'a str, &'a ProcedureSummary)> {
    let handover = procedures.iter().skip(2).find(|(name, _)| name.starts_with("handover-"));
    procedures.iter().take(2).chain(handover).collect()
}

fn tile(name: &str, value: String, beside: String) -> Markup {
    html! { div { dt { (name) } dd.big { (value) } dd.note { (beside) } } }
}

pub(super) fn objectives(run: &Run<'_>) -> Markup {
    let slos = &run.summary.slos;
    let passed = slos.iter().filter(|slo| slo.pass).count();
    let judged = run.is_judged();
    html! {
        section id="objectives" aria-labelledby="objectives-title" {
            h2 id="objectives-title" { "Objectives" @if !slos.is_empty() { " " span.quiet { @if judged { (passed) " of " (slos.len()) " met" } @else { "not judged: the run is invalid" } } } }
            @if slos.is_empty() {
                p.quiet { "The scenario sets no service level objectives." }
            } @else {
                div.wide tabindex="0" { table {
                    thead { tr { th scope="col" { "Objective" } th.n scope="col" { "Target" } th.n scope="col" { "Measured" } th scope="col" { "Result" } } }
                    tbody { @for slo in slos.iter().take(super::MOST_ROWS) { tr {
                        th scope="row" { @for part in shown(&slo.name).split_inclusive('.') { (part) wbr; } }
                        td.n { (shown(&slo.target)) }
                        td.n { (actual(slo)) @if let Some(covers) = slo.coverage.and_then(|coverage| coverage.shown()) { div.note { (covers) } } }
                        td { (match slo.pass {
                            _ if !judged => not_judged(),
                            true => Status::Pass.badge(),
                            false => Status::Fail.badge(),
                        }) }
                    } } }
                } }
                (left_out(slos.len()))
            }
            (guardrails(run))
        }
    }
}

/// The conditions that would have ended the run before its time.
fn guardrails(run: &Run<'_>) -> Markup {
    let guardrails = &run.summary.guardrails;
    html! {
        @if !guardrails.is_empty() {
            h3 { "Guardrails" }
            div.wide tabindex="0" { table {
                thead { tr { th scope="col" { "Ends the run when" } th.n scope="col" { "For" } th scope="col" { "Result" } } }
                tbody { @for guardrail in guardrails.iter().take(super::MOST_ROWS) { tr {
                    th scope="row" { (shown(&guardrail.condition)) }
                    td.n { (duration(guardrail.for_s)) }
                    td { (match guardrail.broken_at_s {
                        Some(at) if !run.is_judged() => html! { span.quiet { "ended the run at " (clock(at)) ", not judged" } },
                        None if !run.is_judged() => not_judged(),
                        Some(at) => html! { strong.fail { span aria-hidden="true" { "✕ " } "broke at " (clock(at)) } },
                        None => html! { span.pass { span aria-hidden="true" { "✓ " } "held" } },
                    }) }
                } } }
            } }
        }
    }
}

/// For what an invalid run measured: neither good nor bad.
pub(super) fn not_judged() -> Markup {
    html! { span.quiet { "not judged" } }
}

/// The measured value; it has the unit of the target.
fn actual(slo: &SloResult) -> String {
    let Some(value) = slo.actual else { return UNKNOWN.to_owned() };
    // Folders of before there were units have it in the target alone.
    let unit = some(&slo.unit).unwrap_or_else(|| {
        let of_target = |c: char| !c.is_alphabetic() && !matches!(c, '%' | '/');
        slo.target.trim_start_matches(of_target).trim().to_owned()
    });
    results::units::beside(value, &unit, &slo.target, slo.pass)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_warnings_of_one_kind_are_one_line_with_their_number() {
        let strangers = (0..30).map(|n| format!("an agent could not join from 10.0.0.{n}: no certificate"));
        let all: Vec<String> = strangers.chain(["the disk is nearly full".to_owned()]).collect();
        let page = warnings(&all).into_string();
        let before = page.split("<details>").next().unwrap();
        assert_eq!(before.matches("<li>").count(), 2, "{page}");
        assert!(before.contains("10.0.0.0") && before.contains("and 29 more of the kind"), "{page}");
        assert!(before.contains("the disk is nearly full") && page.contains("All 31"), "{page}");
    }

    #[test]
    fn measured_value_has_the_unit_of_the_target() {
        let shown = |target: &str, value: f64| {
            let (target, actual) = (target.to_owned(), Some(value));
            self::actual(&SloResult { target, actual, pass: true, ..SloResult::default() })
        };
        assert_eq!(shown(">= 99.5%", 99.9), "99.90 %");
        assert_eq!(shown("< 300ms", 12.34), "12.3 ms");
        assert_eq!(shown("< 5 s", 0.2), "200 ms");
        assert_eq!(shown("== 0", 0.0), "0");
        assert_eq!(actual(&SloResult::default()), UNKNOWN);
    }
}
