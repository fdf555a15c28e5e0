//! The top of the page: verdict with its reasons, what was run, key figures, objectives.

use maud::{Markup, html};
use serde_json::Value;

use super::axis::clock;
use super::figures::{
    Tally, UNKNOWN, Unit, count, decimal, duration, entries, known, latency, list, number, octets, percent,
    scalar, text, title,
};
use super::{Run, billing, fleet, left_out, over_time};
use results::units;

/// What the run says about the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Pass,
    Fail,
    Invalid,
    Unknown,
}

impl Status {
    pub(super) fn read(summary: &Value) -> Self {
        match summary.pointer("/verdict/status").and_then(Value::as_str) {
            Some("pass") => Self::Pass,
            Some("fail") => Self::Fail,
            Some("invalid") => Self::Invalid,
            _ => Self::Unknown,
        }
    }

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
            Self::Unknown => "The run folder has no verdict: the run may have been cut short.",
        }
    }

    pub(super) fn badge(self) -> Markup {
        html! { span class={ "badge " (self.word()) } { span aria-hidden="true" { (self.sign()) " " } (self.word()) } }
    }
}

pub(super) fn header(run: &Run<'_>) -> Markup {
    let (summary, status) = (run.summary, run.status());
    let reasons = summary.get("verdict").map_or(&[][..], |verdict| list(verdict, "reasons"));
    // A long list of sessions would push the answer off the first screen.
    let is_session = |reason: &String| reason.starts_with("unreconciled: ") || reason.starts_with('…');
    let (sessions, first): (Vec<String>, Vec<String>) =
        reasons.iter().filter_map(scalar).partition(is_session);
    let length = number(summary, "duration_s").or_else(|| run.timeline.span().map(|(_, end)| end));
    html! {
        header.top {
            p.brand { "Roamstorm · run report" }
            div.headline {
                h1 { (text(summary, "scenario").unwrap_or_else(|| "Unnamed scenario".to_owned())) }
                (status.badge())
            }
            @if let Some(description) = text(summary, "description") { p.quiet { (description) } }
            div class={ "verdict " (status.word()) } role="note" aria-label="Verdict" {
                p { (if judges_nothing(run) { "The run is valid and every attempt is accounted for. Nothing was judged." } else { status.sentence() }) }
                @if !first.is_empty() { ul { @for reason in first.iter().take(50) { li { (reason) } } } }
                @if !sessions.is_empty() {
                    details { summary { "The sessions" } ul { @for session in sessions.iter().take(50) { li { (session) } } } }
                }
            }
            @let warnings = list(summary, "warnings");
            @if !warnings.is_empty() {
                div.verdict.invalid role="note" aria-label="Warnings" {
                    p { "Warnings" }
                    ul { @for warning in warnings.iter().take(50) { li { (scalar(warning).unwrap_or_default()) } } }
                }
            }
            dl.facts {
                (fact("Run", text(summary, "run_id")))
                (fact("Seed", text(summary, "seed")))
                (fact("Target", target(summary)))
                (fact("Started", instant(summary, "started_at").or_else(|| instant(summary, "started"))))
                (fact("Lasted", length.map(duration)))
                (fact("Roamstorm", text(summary, "version").or_else(|| summary.get("versions").and_then(|v| text(v, "roamstorm")))))
            }
        }
    }
}

/// A pass without a condition means less than one with some.
fn judges_nothing(run: &Run<'_>) -> bool {
    run.status() == Status::Pass
        && ["slos", "guardrails"].iter().all(|conditions| list(run.summary, conditions).is_empty())
}

/// The URL, and how SCTP was carried where the URL doesn't tell.
fn target(summary: &Value) -> Option<String> {
    let target = text(summary, "target")?;
    let transport = text(summary, "transport").filter(|transport| !target.contains(transport.as_str()));
    Some(transport.map_or_else(|| target.clone(), |transport| format!("{target} over {transport}")))
}

fn fact(name: &str, value: Option<String>) -> Markup {
    html! { div { dt { (name) } dd.id { (value.unwrap_or_else(|| UNKNOWN.to_owned())) } } }
}

/// A time as the folder has it, or Unix seconds or milliseconds written out in UTC.
fn instant(of: &Value, key: &str) -> Option<String> {
    let Some(mut seconds) = number(of, key) else { return text(of, key) };
    if seconds > 1e11 {
        seconds /= 1e3;
    }
    let (mut day, time) = ((seconds / 86_400.0).floor(), (seconds % 86_400.0).floor());
    if !(0.0..2_932_896.0).contains(&day) {
        return text(of, key);
    }
    // Civil date from days since 1970-01-01, counted in years from March so that leap days come last.
    day += 719_468.0;
    let era = (day / 146_097.0).floor();
    let of_era = day - era * 146_097.0;
    let leaps = (of_era / 1460.0).floor() - (of_era / 36_524.0).floor() + (of_era / 146_096.0).floor();
    let year = ((of_era - leaps) / 365.0).floor();
    let of_year = of_era - (365.0 * year + (year / 4.0).floor() - (year / 100.0).floor());
    let from_march = ((5.0 * of_year + 2.0) / 153.0).floor();
    let date = of_year - ((153.0 * from_march + 2.0) / 5.0).floor() + 1.0;
    let month = if from_march < 10.0 { from_march + 3.0 } else { from_march - 9.0 };
    let year = year + era * 400.0 + if month <= 2.0 { 1.0 } else { 0.0 };
    let (hour, minute) = ((time / 3600.0).floor(), (time % 3600.0 / 60.0).floor());
    Some(format!("{year}-{month:02}-{date:02} {hour:02}:{minute:02}:{:02} UTC", time % 60.0))
}

pub(super) fn key_figures(run: &Run<'_>) -> Markup {
    let sum = |key| {
        run.procedures
            .iter()
            .filter_map(|(_, p)| Tally::read(p, key))
            .map(|t| t.total)
            .reduce(u64::saturating_add)
    };
    let (planned, succeeded) = (sum("planned"), sum("succeeded"));
    let share = planned.zip(succeeded).map(|(all, part)| percent(part as f64, all as f64));
    let rate = run.timeline.peak(|entry| {
        let rates = entries(entry, "procedures").into_iter().filter_map(|(_, p)| number(p, "succeeded"));
        rates.reduce(|a, b| a + b).map(|sum| sum / over_time::seconds(entry))
    });
    let registered = run.timeline.peak(|entry| number(entry, "registered"));
    let lateness = run.summary.pointer("/generator/lateness_us").and_then(|l| number(l, "p99"));
    let agents = list(run.summary, "agents");
    let per_ue = agents.iter().filter_map(fleet::octets_per_ue).max_by(f64::total_cmp);
    html! {
        dl.tiles {
            (tile("Succeeded", known(share, |s| s), match planned.zip(succeeded) {
                Some((planned, succeeded)) => format!("{} of {} attempts", count(succeeded), count(planned)),
                None => "nothing was planned".to_owned(),
            }))
            @for (name, figures) in most_asked(&run.procedures) {
                @let latencies = figures.get("latency_us").filter(|l| number(l, "max") != Some(0.0));
                @let read = |key| known(latencies.and_then(|l| number(l, key)), latency);
                (tile(&format!("{} p50", title(name)), read("p50"), format!("p99 {} · max {}", read("p99"), read("max"))))
            }
            @if let Some((title, charged, beside)) = billing::in_short(run) { (tile(&title, charged, beside)) }
            (tile("Peak rate", known(rate, |r| Unit::PerSecond.show(r)), "succeeded in one second".to_owned()))
            (tile("Most registered", known(registered, decimal), "UEs at once".to_owned()))
            (tile("Lateness p99", known(lateness, latency), match fleet::limited(run) {
                Some(true) => "the generator was the limit".to_owned(),
                Some(false) => "the generator kept up".to_owned(),
                None => UNKNOWN.to_owned(),
            }))
            // Of little interest unless there is room: one agent is the rule.
            @if run.procedures.len() < 3 || agents.len() > 1 {
                (tile("Agents", agents.len().to_string(), known(per_ue, |n| format!("{} per UE", octets(n)))))
            }
        }
    }
}

/// The two busiest procedures, and the busiest handover where it is none of them.
fn most_asked<'r, 'a>(procedures: &'r [(&'a str, &'a Value)]) -> Vec<&'r (&'a str, &'a Value)> {
    let handover = procedures.iter().skip(2).find(|(name, _)| name.starts_with("handover-"));
    procedures.iter().take(2).chain(handover).collect()
}

fn tile(name: &str, value: String, beside: String) -> Markup {
    html! { div { dt { (name) } dd.big { (value) } dd.note { (beside) } } }
}

pub(super) fn objectives(run: &Run<'_>) -> Markup {
    let slos = list(run.summary, "slos");
    let passed = slos.iter().filter(|slo| slo.get("pass").and_then(Value::as_bool) == Some(true)).count();
    let judged = run.is_judged();
    html! {
        section id="objectives" aria-labelledby="objectives-title" {
            h2 id="objectives-title" { "Objectives" @if !slos.is_empty() { " " span.quiet { @if judged { (passed) " of " (slos.len()) " met" } @else { "not judged: the run is invalid" } } } }
            @if slos.is_empty() {
                p.quiet { "The scenario sets no service level objectives." }
            } @else {
                div.wide { table {
                    thead { tr { th scope="col" { "Objective" } th.n scope="col" { "Target" } th.n scope="col" { "Measured" } th scope="col" { "Result" } } }
                    tbody { @for slo in slos.iter().take(super::MOST_ROWS) { tr {
                        th scope="row" { @for part in text(slo, "name").as_deref().unwrap_or(UNKNOWN).split_inclusive('.') { (part) wbr; } }
                        td.n { (text(slo, "target").unwrap_or_else(|| UNKNOWN.to_owned())) }
                        td.n { (actual(slo)) @if let Some(covers) = super::figures::coverage(slo).and_then(|coverage| coverage.shown()) { div.note { (covers) } } }
                        td { (match slo.get("pass").and_then(Value::as_bool) {
                            _ if !judged => not_judged(),
                            Some(true) => Status::Pass.badge(),
                            Some(false) => Status::Fail.badge(),
                            None => html! { span.quiet { "not measured" } },
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
    let guardrails = list(run.summary, "guardrails");
    html! {
        @if !guardrails.is_empty() {
            h3 { "Guardrails" }
            div.wide { table {
                thead { tr { th scope="col" { "Ends the run when" } th.n scope="col" { "For" } th scope="col" { "Result" } } }
                tbody { @for guardrail in guardrails.iter().take(super::MOST_ROWS) { tr {
                    th scope="row" { (text(guardrail, "condition").unwrap_or_else(|| UNKNOWN.to_owned())) }
                    td.n { (known(number(guardrail, "for_s"), duration)) }
                    td { (match number(guardrail, "broken_at_s") {
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
fn actual(slo: &Value) -> String {
    let Some(value) = number(slo, "actual") else {
        return text(slo, "actual").unwrap_or_else(|| UNKNOWN.to_owned());
    };
    let target = text(slo, "target").unwrap_or_default();
    let unit = text(slo, "unit").unwrap_or_else(|| {
        target.trim_start_matches(|c: char| !c.is_alphabetic() && !matches!(c, '%' | '/')).to_owned()
    });
    let holds = slo.get("pass").and_then(Value::as_bool).unwrap_or_default();
    units::beside(value, unit.trim(), &target, holds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn unix_time_is_written_out() {
        let times =
            json!({"a": 1_795_390_000, "b": 951_782_400_000_u64, "c": "2026-11-22T23:06:40Z", "d": 1e300});
        let shown = ["a", "b", "c"].map(|key| instant(&times, key).unwrap());
        assert_eq!(shown, ["2026-11-22 23:26:40 UTC", "2000-02-29 00:00:00 UTC", "2026-11-22T23:06:40Z"]);
        assert!(instant(&times, "d").is_some());
    }

    #[test]
    fn measured_value_has_the_unit_of_the_target() {
        let shown =
            |target: &str, value: f64| actual(&json!({"target": target, "actual": value, "pass": true}));
        assert_eq!(shown(">= 99.5%", 99.9), "99.90 %");
        assert_eq!(shown("< 300ms", 12.34), "12.3 ms");
        assert_eq!(shown("< 5 s", 0.2), "200 ms");
        assert_eq!(shown("== 0", 0.0), "0");
        assert_eq!(actual(&json!({})), UNKNOWN);
    }
}
