//! `junit.xml`: the SLOs, and the validity of the run, as test cases for CI.

use std::collections::BTreeMap;

use results::{ProcedureSummary, SearchSummary, SloResult, Status, Summary};
use statistics::ProbeOutcome;

/// A suite with one case for each SLO and one for the run's validity. Of an invalid run nothing but that is judged: the
/// other cases are skipped. A case about a procedure took as long as the load that attempted it, in seconds by its name.
pub fn render(summary: &Summary, lasted: &BTreeMap<String, f64>) -> String {
    let whole = summary.duration_s;
    let valid = summary.verdict.status != Status::Invalid;
    let outcome = if valid { Outcome::Passed } else { Outcome::error(&summary.verdict.reasons) };
    let mut cases =
        vec![Case { name: "the run is valid".to_owned(), time_s: whole, outcome, about: whole_run(summary) }];
    let outcome = match (valid, summary.unexpected_outcomes.is_empty()) {
        (false, _) => Outcome::skipped(),
        (true, true) => Outcome::Passed,
        (true, false) => Outcome::failure(&summary.unexpected_outcomes),
    };
    let name = "what is attempted succeeds at least once, unless it is expected not to".to_owned();
    cases.push(Case { name, time_s: whole, outcome, about: Vec::new() });
    for slo in &summary.slos {
        let outcome = match (valid && slo.judged, slo.pass) {
            (false, _) => Outcome::skipped(),
            (true, true) => Outcome::Passed,
            (true, false) => {
                // Who reads only this must know which sessions are meant.
                let named =
                    if slo.name.starts_with("billing.") { summary.billing.reasons() } else { Vec::new() };
                Outcome::failure(&[vec![slo.missed()], named].concat())
            }
        };
        let procedure = slo.name.split('.').next().unwrap_or_default();
        let time_s = lasted.get(procedure).copied().unwrap_or(whole);
        let account = summary.procedures.get(procedure).map(account).unwrap_or_default();
        cases.push(Case {
            name: format!("{} {}", slo.name, slo.target),
            time_s,
            outcome,
            about: [vec![measured(slo)], account].concat(),
        });
    }
    for guardrail in &summary.guardrails {
        let outcome = match (valid, guardrail.broken_at_s) {
            (false, _) => Outcome::skipped(),
            (true, None) => Outcome::Passed,
            (true, Some(at)) => Outcome::failure(&[format!("broke at {at} s")]),
        };
        let time_s = guardrail.broken_at_s.unwrap_or(whole);
        cases.push(Case {
            name: format!("guardrail {}", guardrail.condition),
            time_s,
            outcome,
            about: Vec::new(),
        });
    }
    suite((&summary.scenario, whole, &summary.started_at), &cases)
}

/// The suite of a capacity search: its verdict, and a case for each probe. A probe that broke is what a search looks for.
pub(crate) fn render_search(summary: &SearchSummary) -> String {
    let whole = summary.probe_s * summary.probes.len() as f64;
    let verdict = std::slice::from_ref(&summary.verdict);
    let outcome = match summary.status {
        Status::Pass => Outcome::Passed,
        Status::Fail => Outcome::failure(verdict),
        Status::Invalid => Outcome::error(verdict),
    };
    let name = format!("the highest rate while {} is known", summary.conditions);
    let mut cases = vec![Case { name, time_s: whole, outcome, about: verdict.to_vec() }];
    for probe in &summary.probes {
        let outcome = match probe.outcome {
            ProbeOutcome::Held | ProbeOutcome::Broke => Outcome::Passed,
            ProbeOutcome::Generator => {
                Outcome::Skipped("the generator was the limit: this says nothing about the target".to_owned())
            }
        };
        let about = std::iter::once(format!("{} at {:.1}/s", probe.outcome.as_str(), probe.rate_per_s));
        cases.push(Case {
            name: format!("{} at {:.1}/s", probe.folder, probe.rate_per_s),
            time_s: summary.probe_s,
            outcome,
            about: about.chain(probe.reasons.iter().cloned()).collect(),
        });
    }
    suite((&summary.scenario, whole, ""), &cases)
}

struct Case {
    name: String,
    time_s: f64,
    outcome: Outcome,
    /// What there is to know beside the outcome, a line each.
    about: Vec<String>,
}

/// What became of a test case: in short, and all of it, a line each.
enum Outcome {
    Passed,
    Failure(String, Vec<String>),
    Error(String, Vec<String>),
    Skipped(String),
}

impl Outcome {
    fn failure(lines: &[String]) -> Self {
        Self::Failure(in_short(lines), lines.to_vec())
    }

    fn error(lines: &[String]) -> Self {
        Self::Error(in_short(lines), lines.to_vec())
    }

    fn skipped() -> Self {
        Self::Skipped("not judged: the run is invalid".to_owned())
    }
}

/// The first line, and how many follow.
fn in_short(lines: &[String]) -> String {
    let first = lines.first().cloned().unwrap_or_default();
    match lines.len() {
        0 | 1 => first,
        more => format!("{first} (and {} more)", more - 1),
    }
}

fn whole_run(summary: &Summary) -> Vec<String> {
    let mut lines = vec![format!("run {}, seed {}, target {}", summary.run_id, summary.seed, summary.target)];
    lines.extend(summary.command.iter().map(|command| format!("command: {command}")));
    lines
}

fn measured(slo: &SloResult) -> String {
    let measured = slo.measured().unwrap_or_else(|| "nothing".to_owned());
    format!("{} {}: measured {measured}", slo.name, slo.target)
}

/// The account of a procedure, and its causes.
fn account(procedure: &ProcedureSummary) -> Vec<String> {
    let parts =
        procedure.account().map(|part| format!("{} {}", part.total, part.outcome.title().to_lowercase()));
    let mut lines = vec![format!("{} planned = {}", procedure.planned, parts.join(" + "))];
    lines.extend(procedure.causes().take(MOST_CAUSES).map(|(cause, count)| format!("{count} × {cause}")));
    lines
}

fn suite((scenario, time, started_at): (&str, f64, &str), cases: &[Case]) -> String {
    let scenario = escape(scenario);
    let count = |of: fn(&Outcome) -> bool| cases.iter().filter(|case| of(&case.outcome)).count();
    // Who reads the attribute expects a time in it.
    let started =
        if started_at.is_empty() { String::new() } else { format!(" timestamp=\"{}\"", escape(started_at)) };
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n<testsuite name=\"{scenario}\" tests=\"{}\" \
         failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{time:.3}\"{started}>\n",
        cases.len(),
        count(|outcome| matches!(outcome, Outcome::Failure(..))),
        count(|outcome| matches!(outcome, Outcome::Error(..))),
        count(|outcome| matches!(outcome, Outcome::Skipped(_))),
    );
    for Case { name, time_s, outcome, about } in cases {
        let (name, time) = (escape(name), time_s.max(0.0));
        xml.push_str(&format!("  <testcase classname=\"{scenario}\" name=\"{name}\" time=\"{time:.3}\">\n"));
        let told = |kind: &str, short: &str, lines: &[String]| {
            format!("    <{kind} message=\"{}\">{}</{kind}>\n", escape(short), body(lines))
        };
        match outcome {
            Outcome::Passed => {}
            Outcome::Failure(short, lines) => xml.push_str(&told("failure", short, lines)),
            Outcome::Error(short, lines) => xml.push_str(&told("error", short, lines)),
            Outcome::Skipped(why) => xml.push_str(&format!("    <skipped message=\"{}\"/>\n", escape(why))),
        }
        if !about.is_empty() {
            xml.push_str(&format!("    <system-out>{}</system-out>\n", body(about)));
        }
        xml.push_str("  </testcase>\n");
    }
    xml.push_str("</testsuite>\n</testsuites>\n");
    xml
}

/// Lines as the text of an element.
fn body(lines: &[String]) -> String {
    lines.iter().map(|line| escape(line)).collect::<Vec<_>>().join("\n")
}

/// Text for XML 1.0, on one line, without the characters that it cannot carry.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            '\t' | '\n' | '\r' => escaped.push(' '),
            letter if letter < ' ' || matches!(letter, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// Causes of a procedure in a case.
const MOST_CAUSES: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_and_control_characters_are_escaped() {
        assert_eq!(escape("a<b & \"c\"\n\u{1}"), "a&lt;b &amp; &quot;c&quot; \u{fffd}");
    }

    #[test]
    fn each_case_has_the_time_of_its_load_and_a_body_that_says_everything() {
        let mut summary = Summary { duration_s: 48.0, ..Summary::default() };
        summary.verdict.status = Status::Fail;
        let procedure = ProcedureSummary {
            planned: 10,
            succeeded: 9,
            failed: [("illegal-ue".to_owned(), 1)].into(),
            ..ProcedureSummary::default()
        };
        summary.procedures = [("registration".to_owned(), procedure)].into();
        summary.slos = vec![SloResult {
            name: "registration.success".to_owned(),
            target: ">= 99%".to_owned(),
            actual: Some(90.0),
            unit: "%".to_owned(),
            pass: false,
            coverage: None,
            limits: BTreeMap::new(),
            judged: true,
        }];
        let xml = render(&summary, &[("registration".to_owned(), 12.5)].into());
        assert!(xml.contains("name=\"registration.success &gt;= 99%\" time=\"12.500\""), "{xml}");
        assert!(xml.contains("name=\"the run is valid\" time=\"48.000\""), "{xml}");
        assert!(xml.contains("\n1 × illegal-ue</system-out>"), "{xml}");
        assert!(xml.contains("10 planned = 9 succeeded + 1 failed"), "{xml}");
        assert!(xml.contains("failures=\"1\""), "{xml}");
    }

    #[test]
    fn a_search_is_a_case_for_its_verdict_and_one_for_each_probe() {
        let probe = |folder: &str, rate_per_s, outcome, reasons: &[&str]| results::Probe {
            folder: folder.to_owned(),
            rate_per_s,
            outcome,
            reasons: reasons.iter().map(|reason| (*reason).to_owned()).collect(),
            latency_us_p99: None,
            success_percent: None,
            lateness_us_p99: 0,
        };
        let search = SearchSummary {
            status: Status::Pass,
            scenario: "capacity".to_owned(),
            verdict: "the target holds 100.0".to_owned(),
            conditions: "registration.success > 99%".to_owned(),
            probe_s: 20.0,
            probes: vec![
                probe("probe-01", 10.0, ProbeOutcome::Held, &[]),
                probe("probe-02", 20.0, ProbeOutcome::Broke, &["registration.success is 90 %"]),
                probe("probe-03", 40.0, ProbeOutcome::Generator, &[]),
            ],
            ..SearchSummary::default()
        };
        let xml = render_search(&search);
        assert!(
            xml.contains("tests=\"4\" failures=\"0\" errors=\"0\" skipped=\"1\" time=\"60.000\""),
            "{xml}"
        );
        assert!(!xml.contains("timestamp"), "{xml}");
        assert!(xml.contains("name=\"probe-02 at 20.0/s\" time=\"20.000\""), "{xml}");
        assert!(xml.contains("registration.success is 90 %</system-out>"), "{xml}");
    }
}
