//! `junit.xml`: the SLOs, and the validity of the run, as test cases for CI.

use results::{Status, Summary};

/// A suite with one case for each SLO and one for the run's validity. Of an invalid run nothing but that is judged: the
/// other cases are skipped.
pub fn render(summary: &Summary) -> String {
    let mut cases = Vec::new();
    let valid = summary.verdict.status != Status::Invalid;
    let reasons = || Outcome::Error(summary.verdict.reasons.join("; "));
    cases.push(("the run is valid".to_owned(), if valid { Outcome::Passed } else { reasons() }));
    let outcome = match (valid, summary.unexpected_outcomes.is_empty()) {
        (false, _) => Outcome::Skipped,
        (true, true) => Outcome::Passed,
        (true, false) => Outcome::Failure(summary.unexpected_outcomes.join("; ")),
    };
    cases
        .push(("what is attempted succeeds at least once, unless it is expected not to".to_owned(), outcome));
    for slo in &summary.slos {
        // Who reads only this must know which sessions are meant.
        let named = || if slo.name.starts_with("billing.") { summary.billing.reasons() } else { Vec::new() };
        let outcome = match (valid && slo.judged, slo.pass) {
            (false, _) => Outcome::Skipped,
            (true, true) => Outcome::Passed,
            (true, false) => Outcome::Failure([vec![slo.missed()], named()].concat().join("; ")),
        };
        cases.push((format!("{} {}", slo.name, slo.target), outcome));
    }
    for guardrail in &summary.guardrails {
        let outcome = match (valid, guardrail.broken_at_s) {
            (false, _) => Outcome::Skipped,
            (true, None) => Outcome::Passed,
            (true, Some(at)) => Outcome::Failure(format!("broke at {at} s")),
        };
        cases.push((format!("guardrail {}", guardrail.condition), outcome));
    }
    suite(summary, &cases)
}

/// What became of a test case.
enum Outcome {
    Passed,
    Failure(String),
    Error(String),
    Skipped,
}

fn suite(summary: &Summary, cases: &[(String, Outcome)]) -> String {
    let (scenario, time) = (escape(&summary.scenario), summary.duration_s);
    let count = |of: fn(&Outcome) -> bool| cases.iter().filter(|(_, outcome)| of(outcome)).count();
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n<testsuite name=\"{scenario}\" tests=\"{}\" \
         failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{time:.3}\" timestamp=\"{}\">\n",
        cases.len(),
        count(|outcome| matches!(outcome, Outcome::Failure(_))),
        count(|outcome| matches!(outcome, Outcome::Error(_))),
        count(|outcome| matches!(outcome, Outcome::Skipped)),
        escape(&summary.started_at),
    );
    for (name, outcome) in cases {
        let (kind, text) = match outcome {
            Outcome::Passed => ("", ""),
            Outcome::Failure(text) => ("failure", text.as_str()),
            Outcome::Error(text) => ("error", text.as_str()),
            Outcome::Skipped => ("skipped", "not judged: the run is invalid"),
        };
        let name = escape(name);
        xml.push_str(&format!("  <testcase classname=\"{scenario}\" name=\"{name}\" time=\"{time:.3}\""));
        match kind {
            "" => xml.push_str("/>\n"),
            kind => xml.push_str(&format!("><{kind} message=\"{}\"/></testcase>\n", escape(text))),
        }
    }
    xml.push_str("</testsuite>\n</testsuites>\n");
    xml
}

/// Text for an attribute of XML 1.0, without the characters that it cannot carry.
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

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn markup_and_control_characters_are_escaped() {
        assert_eq!(escape("a<b & \"c\"\n\u{1}"), "a&lt;b &amp; &quot;c&quot; \u{fffd}");
    }
}
