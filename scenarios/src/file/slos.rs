//! SLOs and guardrails: conditions, and what they are limited to.

use std::fmt;
use std::time::Duration;

use identity::{Dnn, Plmn, Procedure, Snssai};
use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use super::at::At;
use super::condition_text::{
    BOUNDS, BoundText, ConditionFile, ConditionText, MetricText, Parts, bounds_with_the_unit, one_bound,
};
use crate::units::{DurationText, Span};
use crate::yaml::Complaint;
use crate::{Guardrail, Limits, Load, MOST_PARTS, Metric, Scenario, Slo, Subject};

/// What must hold at the end.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum SloFile {
    /// Of all attempts, as a text.
    Plain(ConditionText),
    /// In parts, or of some of the attempts.
    Parts(Box<SloPartsFile>),
}

/// A condition: a metric and its bound, or a text; and which attempts it is about.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "kebab-case",
    deny_unknown_fields,
    default,
    expecting = "a mapping such as {metric: registration.success, at-least: 99.5%, phase: peak}"
)]
#[schemars(extend("oneOf" = that_or_one_bound(), "allOf" = bounds_with_the_unit()))]
pub(super) struct SloPartsFile {
    /// The metric, such as registration.success.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "MetricText")]
    metric: Option<MetricText>,
    /// It must be below this.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "BoundText")]
    below: Option<BoundText>,
    /// It must be this or less.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "BoundText")]
    at_most: Option<BoundText>,
    /// It must be above this.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "BoundText")]
    above: Option<BoundText>,
    /// It must be this or more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "BoundText")]
    at_least: Option<BoundText>,
    /// It must be this.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "BoundText")]
    equals: Option<BoundText>,
    /// The condition as a text, such as `registration.success >= 99.5%`, in place of metric and bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "ConditionText")]
    that: Option<ConditionText>,
    /// Those that were due in a phase of this name.
    #[serde(skip_serializing_if = "Option::is_none")]
    phase: Option<String>,
    /// Those that were due in this part of the run, such as `10s..40s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    during: Option<Span>,
    /// Those of UEs that ask for a session with this data network, or have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    dnn: Option<Dnn>,
    /// Those that began in this network.
    #[serde(skip_serializing_if = "Option::is_none")]
    network: Option<Plmn>,
    /// Those of UEs that ask for a session in this slice, or have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    slice: Option<Snssai>,
    /// Those that began in a cell of this group of cells.groups.
    #[serde(skip_serializing_if = "Option::is_none")]
    cells: Option<String>,
}

fn that_or_one_bound() -> Vec<Value> {
    let mut accepted = vec![json!({"required": ["that"], "not": {"required": ["metric"]}})];
    accepted.extend(one_bound());
    accepted
}

/// What aborts the run.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a mapping with abort-when and for")]
pub(super) struct GuardrailFile {
    /// A condition such as `registration.success < 50%`, or {metric: registration.success, below: 50%}.
    abort_when: ConditionFile,
    /// How long it must have been true without a break.
    #[serde(rename = "for", default = "default_patience")]
    for_: DurationText,
    /// Counts attempts that were due in a phase of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    phase: Option<String>,
    /// Counts attempts that were due in this part of the run, such as `10s..40s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    during: Option<Span>,
    /// Counts attempts of UEs that ask for a session with this data network, or have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dnn: Option<Dnn>,
    /// Counts attempts that began in this network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    network: Option<Plmn>,
    /// Counts attempts of UEs that ask for a session in this slice, or have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    slice: Option<Snssai>,
    /// Counts attempts that began in a cell of this group of cells.groups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cells: Option<String>,
}

fn default_patience() -> DurationText {
    DurationText(Duration::from_secs(5))
}

// Written by hand: serde's untagged enums forget what was wrong inside.
impl<'de> Deserialize<'de> for SloFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SloVisitor)
    }
}

struct SloVisitor;

impl<'de> Visitor<'de> for SloVisitor {
    type Value = SloFile;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a condition such as registration.success >= 99.5%, or a mapping such as {metric: registration.success, \
             at-least: 99.5%, phase: peak}",
        )
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<SloFile, E> {
        Ok(SloFile::Plain(ConditionText(text.to_owned())))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<SloFile, A::Error> {
        SloPartsFile::deserialize(MapAccessDeserializer::new(map)).map(|file| SloFile::Parts(Box::new(file)))
    }
}

/// An SLO of a scenario whose other parts are checked.
pub(super) fn slo(file: SloFile, scenario: &Scenario, at: &At<'_>) -> Result<Slo, Complaint> {
    let file = match file {
        SloFile::Plain(text) => {
            return measurable(text.parsed(at)?, Limits::default(), scenario, at, at);
        }
        SloFile::Parts(file) => *file,
    };
    let SloPartsFile { metric, below, at_most, above, at_least, equals, that, .. } = file;
    let SloPartsFile { phase, during, dnn, network, slice, cells, .. } = file;
    let bounds = [below, at_most, above, at_least, equals];
    let limits = Limits { phase, during: during.map(|span| span.0), dnn, network, slice, cells };
    match (metric, that) {
        (Some(metric), None) => {
            let slo = Parts { metric, bounds }.parsed(at)?;
            measurable(slo, limits, scenario, &at.field("metric"), at)
        }
        (None, Some(that)) => {
            let bound = BOUNDS.iter().zip(&bounds).find(|(_, bound)| bound.is_some());
            if let Some(((word, _), _)) = bound {
                return at
                    .field(word)
                    .wrong("a bound goes with a metric, not with \"that\", which has its own");
            }
            at.require(!limits.is_none(), || {
                "nothing limits this condition: phase, during, dnn, network, slice or cells is expected, or the condition \
                 alone"
                    .to_owned()
            })?;
            measurable(that.parsed(&at.field("that"))?, limits, scenario, &at.field("that"), at)
        }
        (metric, _) => {
            let found = if metric.is_some() { "both" } else { "none" };
            at.wrong(format!(
                "a condition has a metric with its bound, such as {{metric: registration.success, at-least: 99.5%}}, or \"that\", \
                 found {found}"
            ))
        }
    }
}

/// A guardrail of a scenario whose other parts are checked.
pub(super) fn guardrail(
    file: GuardrailFile,
    scenario: &Scenario,
    at: &At<'_>,
) -> Result<Guardrail, Complaint> {
    let GuardrailFile { abort_when, for_, phase, during, dnn, network, slice, cells } = file;
    let limits = Limits { phase, during: during.map(|span| span.0), dnn, network, slice, cells };
    let that = at.field("abort-when");
    let place = abort_when.place(&that);
    let condition = measurable(abort_when.parsed(&that)?, limits, scenario, &place, at)?;
    Ok(Guardrail { condition, for_: for_.0 })
}

/// What is counted apart is bounded.
pub(super) fn few_parts(scenario: &Scenario, at: &At<'_>) -> Result<(), Complaint> {
    let parts = scenario.parts().len();
    at.require(parts <= MOST_PARTS, || {
        format!("the conditions are limited in {parts} different ways: at most {MOST_PARTS} are accepted")
    })
}

/// A condition of a capacity search: on what its one load starts.
pub(super) fn of_search(slo: Slo, load: &[Load], at: &At<'_>) -> Result<Slo, Complaint> {
    if let Some(subject) = slo.metric.subject() {
        let planned = |load: &Load| Some(load.procedure) == subject.procedure();
        at.require_across(load.iter().any(planned), || never_has_a_value(subject, &slo.metric, load))?;
    }
    Ok(slo)
}

/// `that` is where the condition stands, `at` where its limits do.
fn measurable(
    slo: Slo,
    limits: Limits,
    scenario: &Scenario,
    that: &At<'_>,
    at: &At<'_>,
) -> Result<Slo, Complaint> {
    against(slo, limits, scenario, that, at).map_err(Complaint::across)
}

fn against(
    slo: Slo,
    limits: Limits,
    scenario: &Scenario,
    that: &At<'_>,
    at: &At<'_>,
) -> Result<Slo, Complaint> {
    let slo = Slo { limits, ..slo };
    if let Some(subject) = slo.metric.subject() {
        that.require(scenario.may_attempt(subject), || {
            never_has_a_value(subject, &slo.metric, &scenario.load)
        })?;
    }
    if let Some(why) = scenario.has_no_answer(&slo.metric) {
        return that.wrong(format!("{} never has a value: {why}", slo.metric));
    }
    if !slo.limits.is_none() {
        possible(&slo.metric, &slo.limits, scenario, that, at)?;
    }
    Ok(slo)
}

fn never_has_a_value(subject: Subject, metric: &Metric, load: &[Load]) -> String {
    let mut names: Vec<&str> = load.iter().map(|load| load.procedure.name()).collect();
    names.dedup();
    let subject = subject.procedure().map_or_else(|| subject.to_string(), |own| own.name().to_owned());
    format!("no load starts {subject}, so {metric} never has a value (started: {})", names.join(", "))
}

/// Limits that some attempt can be within.
fn possible(
    metric: &Metric,
    limits: &Limits,
    scenario: &Scenario,
    that: &At<'_>,
    at: &At<'_>,
) -> Result<(), Complaint> {
    let Some(subject) = metric.subject().filter(|subject| *subject != Subject::Recovery) else {
        return that.wrong(format!(
            "{metric} is of the whole run: phase, during, dnn, network, slice and cells don't go with it"
        ));
    };
    if let Some(phase) = &limits.phase {
        let loads = scenario.loads_with_phases_of(subject);
        let known: Vec<&str> =
            loads.iter().flat_map(|load| &load.phases).filter_map(|phase| phase.name.as_deref()).collect();
        at.field("phase").require(known.contains(&phase.as_str()), || {
            let known = if known.is_empty() { "none has a name".to_owned() } else { known.join(", ") };
            format!("no phase of {subject} is called {phase:?} (phases: {known})")
        })?;
    }
    if let Some(during) = limits.during {
        let end = scenario.load.iter().map(Load::ends_after).max().unwrap_or_default();
        at.field("during").require(during.at < end, || {
            format!("nothing is due then any more: the loads end after {}", DurationText(end))
        })?;
    }
    let sessions = &scenario.sessions;
    for (field, given) in [("dnn", limits.dnn.is_some()), ("slice", limits.slice.is_some())] {
        at.field(field).require(!given || has_a_session(subject), || {
            format!("an attempt at {subject} is of no session: what can be limited by {field} are pdu-session, its modification and release, service-request, handovers, updates, ue-context-release and deregistration")
        })?;
    }
    if let Some(dnn) = &limits.dnn {
        at.field("dnn").require(sessions.iter().any(|session| session.dnn == *dnn), || {
            format!(
                "no session asks for {dnn} (asked for: {})",
                listed(sessions.iter().map(|session| &session.dnn))
            )
        })?;
    }
    if let Some(slice) = limits.slice {
        at.field("slice").require(sessions.iter().any(|session| session.slice == slice), || {
            format!(
                "no session is in slice {slice} (slices: {})",
                listed(sessions.iter().map(|session| session.slice))
            )
        })?;
    }
    let cells = &scenario.cells;
    if let Some(plmn) = limits.network {
        at.field("network").require(cells.networks.iter().any(|network| network.plmn == plmn), || {
            format!(
                "no gNB is of {plmn} (networks: {})",
                listed(cells.networks.iter().map(|network| network.plmn))
            )
        })?;
    }
    if let Some(group) = &limits.cells {
        at.field("cells").require(cells.groups.iter().any(|known| known.name == *group), || {
            let known = listed(cells.groups.iter().map(|known| &known.name));
            format!("cells.groups has no group {group:?} (groups: {known})")
        })?;
    }
    Ok(())
}

/// Whether UEs have a session when they attempt it, or ask for one by it.
fn has_a_session(subject: Subject) -> bool {
    !matches!(
        subject,
        Subject::Procedure(Procedure::Registration | Procedure::SimSwap)
            | Subject::All(Procedure::Registration | Procedure::SimSwap)
            | Subject::RegistrationRetry
    )
}

fn listed(names: impl Iterator<Item = impl fmt::Display>) -> String {
    let names: Vec<String> = names.map(|name| name.to_string()).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

impl From<&Slo> for SloFile {
    fn from(slo: &Slo) -> Self {
        let that = ConditionText(slo.text.clone());
        if slo.limits.is_none() {
            return Self::Plain(that);
        }
        let Limits { phase, during, dnn, network, slice, cells } = slo.limits.clone();
        Self::Parts(Box::new(SloPartsFile {
            that: Some(that),
            phase,
            during: during.map(Span),
            dnn,
            network,
            slice,
            cells,
            ..SloPartsFile::default()
        }))
    }
}

impl From<&Guardrail> for GuardrailFile {
    fn from(guardrail: &Guardrail) -> Self {
        let Limits { phase, during, dnn, network, slice, cells } = guardrail.condition.limits.clone();
        Self {
            abort_when: ConditionFile::from(&guardrail.condition),
            for_: DurationText(guardrail.for_),
            phase,
            during: during.map(Span),
            dnn,
            network,
            slice,
            cells,
        }
    }
}
