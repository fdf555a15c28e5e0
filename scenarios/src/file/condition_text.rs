//! A condition, as text or in parts, with schemas that let editors complete and check it.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use super::at::At;
use crate::yaml::Complaint;
use crate::{Comparison, Metric, Slo, Subject};

/// A condition such as `registration.success >= 99.5%`, not parsed yet.
#[derive(Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct ConditionText(pub(super) String);

/// The name of a metric, not parsed yet.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct MetricText(String);

/// What a metric is held against, with its unit; not parsed yet.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct BoundText(String);

/// A condition: a text, or a metric and its bound.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum ConditionFile {
    /// As a text.
    Text(ConditionText),
    /// In parts.
    Parts(PartsFile),
}

/// A metric and exactly one bound.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "kebab-case",
    deny_unknown_fields,
    expecting = "a mapping such as {metric: registration.success, at-least: 99.5%}"
)]
#[schemars(extend("oneOf" = one_bound(), "allOf" = bounds_with_the_unit()))]
pub(super) struct PartsFile {
    /// The metric, such as registration.success.
    metric: MetricText,
    /// It must be below this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "BoundText")]
    below: Option<BoundText>,
    /// It must be this or less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "BoundText")]
    at_most: Option<BoundText>,
    /// It must be above this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "BoundText")]
    above: Option<BoundText>,
    /// It must be this or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "BoundText")]
    at_least: Option<BoundText>,
    /// It must be this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "BoundText")]
    equals: Option<BoundText>,
}

/// A metric and its bounds, wherever they stand.
pub(super) struct Parts {
    pub(super) metric: MetricText,
    /// In the order of [`BOUNDS`].
    pub(super) bounds: [Option<BoundText>; 5],
}

/// The words of bounds.
pub(super) const BOUNDS: [(&str, Comparison); 5] = [
    ("below", Comparison::Less),
    ("at-most", Comparison::AtMost),
    ("above", Comparison::Greater),
    ("at-least", Comparison::AtLeast),
    ("equals", Comparison::Equal),
];

impl ConditionFile {
    /// Without limits.
    pub(super) fn parsed(self, at: &At<'_>) -> Result<Slo, Complaint> {
        match self {
            Self::Text(text) => text.parsed(at),
            Self::Parts(PartsFile { metric, below, at_most, above, at_least, equals }) => {
                Parts { metric, bounds: [below, at_most, above, at_least, equals] }.parsed(at)
            }
        }
    }

    /// Where its metric stands.
    pub(super) fn place<'a>(&self, at: &At<'a>) -> At<'a> {
        match self {
            Self::Text(_) => at.clone(),
            Self::Parts(_) => at.field("metric"),
        }
    }
}

impl From<&Slo> for ConditionFile {
    fn from(slo: &Slo) -> Self {
        Self::Text(ConditionText(slo.text.clone()))
    }
}

impl ConditionText {
    pub(super) fn parsed(&self, at: &At<'_>) -> Result<Slo, Complaint> {
        self.0.parse().or_else(|message: String| at.wrong(message))
    }
}

impl Parts {
    pub(super) fn parsed(self, at: &At<'_>) -> Result<Slo, Complaint> {
        let metric: Metric =
            self.metric.0.parse().or_else(|message: String| at.field("metric").wrong(message))?;
        let given: Vec<(&str, Comparison, BoundText)> = BOUNDS
            .into_iter()
            .zip(self.bounds)
            .filter_map(|((word, op), bound)| Some((word, op, bound?)))
            .collect();
        let [(word, op, BoundText(value))] = given.as_slice() else {
            let words: Vec<&str> = given.iter().map(|(word, ..)| *word).collect();
            let found = if words.is_empty() { "none".to_owned() } else { words.join(" and ") };
            return at.wrong(format!(
                "a condition has exactly one of below, at-most, above, at-least and equals, found {found}"
            ));
        };
        Slo::new(metric, *op, value).or_else(|message| at.field(word).wrong(message))
    }
}

// Written by hand: serde's untagged enums forget what was wrong inside.
impl<'de> Deserialize<'de> for ConditionFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ConditionVisitor)
    }
}

struct ConditionVisitor;

impl<'de> Visitor<'de> for ConditionVisitor {
    type Value = ConditionFile;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a condition such as registration.success >= 99.5%, or a mapping such as {metric: registration.success, \
             at-least: 99.5%}",
        )
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<ConditionFile, E> {
        Ok(ConditionFile::Text(ConditionText(text.to_owned())))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ConditionFile, A::Error> {
        PartsFile::deserialize(MapAccessDeserializer::new(map)).map(ConditionFile::Parts)
    }
}

impl JsonSchema for ConditionText {
    fn schema_name() -> Cow<'static, str> {
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

impl JsonSchema for MetricText {
    fn schema_name() -> Cow<'static, str> {
        "Metric".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let metrics: Vec<String> = proposals()
            .iter()
            .filter_map(|text| text.parse::<Slo>().ok())
            .map(|slo| slo.metric.to_string())
            .collect();
        let kinds = kinds().map(|kind| kind.metric).join("|");
        json_schema!({
            "description": "A metric, such as registration.success or registration.latency.p99.",
            "anyOf": [
                {"type": "string", "enum": metrics},
                {"type": "string", "pattern": format!("^({kinds})$")},
            ],
        })
    }
}

impl JsonSchema for BoundText {
    fn schema_name() -> Cow<'static, str> {
        "Bound".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "With the unit of the metric: a percentage, a rate, a duration, or a count.",
            "type": ["string", "number"],
        })
    }
}

/// Metrics that are held against values of one kind.
struct Kind {
    /// The pattern of their names.
    metric: String,
    /// That of the values.
    value: &'static str,
    /// Also a number is one: its schema.
    number: Option<Value>,
}

fn kinds() -> [Kind; 4] {
    let subjects: Vec<String> = Subject::all()
        .filter(|subject| *subject != Subject::Recovery)
        .map(|subject| subject.to_string().replace('.', r"\."))
        .collect();
    let subject = format!("({})", subjects.join("|"));
    let percentile = r"(p[0-9]+(\.[0-9]+)?|max)";
    let fraction = json!({"type": "number", "minimum": 0, "exclusiveMaximum": 1});
    let count = json!({"type": "integer", "minimum": 0, "maximum": u32::MAX});
    [
        Kind {
            metric: format!(r"{subject}\.(success|failure|timeout)|recovery\.(success|failure)"),
            value: r"((100(\.0*)?|[0-9]{1,2}(\.[0-9]*)?) *%|0(\.[0-9]*)?|\.[0-9]+)",
            number: Some(fraction),
        },
        Kind { metric: format!(r"{subject}\.rate"), value: crate::units::RATE_PATTERN, number: None },
        Kind {
            metric: format!(r"{subject}\.(latency|service)\.{percentile}|generator\.lateness\.{percentile}"),
            value: crate::units::DURATION_PATTERN,
            number: None,
        },
        Kind { metric: r"billing\.unreconciled".to_owned(), value: "[0-9]+", number: Some(count) },
    ]
}

/// The schemas of which a mapping with a condition in parts meets exactly one.
pub(super) fn one_bound() -> Vec<Value> {
    let of = |(word, _): &(&str, Comparison)| {
        let written = written(word).map(|word| json!({"required": ["metric", word]}));
        json!({"anyOf": written.collect::<Vec<_>>()})
    };
    BOUNDS.iter().map(of).collect()
}

/// A word as it may be written: with hyphens, or with low lines.
fn written(word: &str) -> impl Iterator<Item = String> + use<> {
    let low = word.replace('-', "_");
    [word.to_owned(), low].into_iter().take(if word.contains('-') { 2 } else { 1 })
}

/// What the bounds must be, by the metric.
pub(super) fn bounds_with_the_unit() -> Vec<Value> {
    let of = |Kind { metric, value, number }: Kind| {
        let mut accepted = vec![json!({"type": "string", "pattern": format!("^ *{value} *$")})];
        accepted.extend(number);
        let words = BOUNDS.iter().flat_map(|(word, _)| written(word));
        let bounds: serde_json::Map<String, Value> =
            words.map(|word| (word, json!({"anyOf": accepted}))).collect();
        json!({
            "if": {"properties": {"metric": {"pattern": format!("^({metric})$")}}, "required": ["metric"]},
            "then": {"properties": bounds},
        })
    };
    kinds().into_iter().map(of).collect()
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
    format!(r"^ *{} *$", one())
}

/// Conditions with `and` between them.
pub(super) fn several_conditions() -> String {
    let one = one();
    format!(r"^ *{one}( +and +{one})* *$")
}

fn one() -> String {
    let op = r" *(<|<=|>|>=|==) *";
    let of = |Kind { metric, value, .. }: Kind| format!("({metric}){op}{value}");
    format!("({})", kinds().map(of).join("|"))
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
