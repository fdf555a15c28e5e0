//! `junit.xml`: the SLOs, and the validity of the run, as test cases for CI.

use crate::{Status, Summary};

/// A suite with one case for each SLO and one for the run's validity.
pub(crate) fn render(summary: &Summary) -> String {
    let valid = summary.verdict.status != Status::Invalid;
    let broken: Vec<_> =
        summary.guardrails.iter().filter(|guardrail| guardrail.broken_at_s.is_some()).collect();
    let outcomes = usize::from(!summary.unexpected_outcomes.is_empty());
    let failures = summary.slos.iter().filter(|slo| !slo.pass).count() + broken.len() + outcomes;
    let tests = summary.slos.len() + summary.guardrails.len() + 2;
    let (scenario, errors, time) = (escape(&summary.scenario), u8::from(!valid), summary.duration_s);
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n<testsuite name=\"{scenario}\" tests=\"{tests}\" \
         failures=\"{failures}\" errors=\"{errors}\" time=\"{time:.3}\" timestamp=\"{}\">\n",
        escape(&summary.started_at),
    );
    let mut case = |name: &str, problem: Option<(&str, String)>| {
        xml.push_str(&format!(
            "  <testcase classname=\"{scenario}\" name=\"{}\" time=\"{time:.3}\"",
            escape(name)
        ));
        match problem {
            None => xml.push_str("/>\n"),
            Some((kind, text)) => {
                xml.push_str(&format!("><{kind} message=\"{}\"/></testcase>\n", escape(&text)));
            }
        }
    };
    let reasons = || ("error", summary.verdict.reasons.join("; "));
    case("the run is valid", (!valid).then(reasons));
    let outcomes = (outcomes > 0).then(|| ("failure", summary.unexpected_outcomes.join("; ")));
    case("what is attempted succeeds at least once, unless it is expected not to", outcomes);
    for slo in &summary.slos {
        // Who reads only this must know which sessions are meant.
        let named = || if slo.name.starts_with("billing.") { summary.billing.reasons() } else { Vec::new() };
        let problem = || ("failure", [vec![slo.missed()], named()].concat().join("; "));
        case(&format!("{} {}", slo.name, slo.target), (!slo.pass).then(problem));
    }
    for guardrail in &summary.guardrails {
        let problem = |at: f64| ("failure", format!("broke at {at} s"));
        case(&format!("guardrail {}", guardrail.condition), guardrail.broken_at_s.map(problem));
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
