//! A condition as text, with a schema that lets editors complete and check it.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::Subject;

/// A condition such as `registration.success >= 99.5%`, not parsed yet.
#[derive(Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct ConditionText(pub(super) String);

impl JsonSchema for ConditionText {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Condition".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A condition: a metric, a comparison and a value, such as registration.success >= 99.5%.",
            "anyOf": [
                {"type": "string", "enum": proposals()},
                {"type": "string", "pattern": pattern()},
            ],
        })
    }
}

/// One condition for each metric, for an editor to propose.
fn proposals() -> Vec<String> {
    let of = |subject: Subject| {
        let figures: &[&str] = match subject {
            Subject::Recovery => &["success >= 99%"],
            _ => &[
                "success >= 99%",
                "failure <= 1%",
                "timeout <= 1%",
                "rate >= 10/s",
                "latency.p99 < 1s",
                "service.p99 < 1s",
            ],
        };
        figures.iter().map(move |figure| format!("{subject}.{figure}")).collect::<Vec<_>>()
    };
    let rest = ["generator.lateness.p99 < 10ms", "billing.unreconciled == 0"].map(str::to_owned);
    Subject::all().flat_map(of).chain(rest).collect()
}

/// Everything that is a condition, and nothing else. What is right but for its size is left to the check.
fn pattern() -> String {
    let subjects: Vec<String> = Subject::all()
        .filter(|subject| !matches!(subject, Subject::All(_) | Subject::Recovery))
        .map(|subject| subject.to_string())
        .collect();
    let sums: Vec<String> = Subject::all()
        .filter(|subject| matches!(subject, Subject::All(_)))
        .map(|subject| subject.to_string().replace('.', r"\."))
        .collect();
    let subject = format!("({}|{})", subjects.join("|"), sums.join("|"));
    let percentile = r"(p[0-9]+(\.[0-9]+)?|max)";
    let op = r" *(<|<=|>|>=|==) *";
    let ratio = r"((100(\.0*)?|[0-9]{1,2}(\.[0-9]*)?) *%|0(\.[0-9]*)?|\.[0-9]+)";
    let rate = r"[0-9]+(\.[0-9]+)? */ *(s|min|m|h)";
    let duration = r"([0-9]+(\.[0-9]+)?(h|m|s|ms|us|µs|ns))+";
    format!(
        r"^ *({subject}\.(success|failure|timeout){op}{ratio}|{subject}\.rate{op}{rate}|({subject}\.(latency|service)|generator\.lateness)\.{percentile}{op}{duration}|recovery\.(success|failure){op}{ratio}|billing\.unreconciled{op}[0-9]+) *$"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Slo;

    #[test]
    fn what_an_editor_proposes_is_a_condition() {
        for text in proposals() {
            text.parse::<Slo>().unwrap_or_else(|error| panic!("{text}: {error}"));
        }
    }
}
