//! To which attempts a condition is limited: a phase, a time, a session, a network, a slice, a group of cells.

use std::fmt;

use identity::{Dnn, Plmn, Snssai};

use crate::units::DurationText;
use crate::{Scenario, Window};

/// What an attempt must be of for a condition to count it. Nothing said is no limit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Limits {
    /// It was due in a phase of its load that has this name.
    pub phase: Option<String>,
    /// It was due in this part of the run, the end not included.
    pub during: Option<Window>,
    /// Its UE asks for a session with this data network, or has one.
    pub dnn: Option<Dnn>,
    /// It began in this network.
    pub network: Option<Plmn>,
    /// Its UE asks for a session in this slice, or has one.
    pub slice: Option<Snssai>,
    /// It began in a cell of this group.
    pub cells: Option<String>,
}

impl Limits {
    /// Whether every attempt counts.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Each limit with its name, as the scenario writes it.
    pub fn written(&self) -> Vec<(&'static str, String)> {
        let limits = [
            ("phase", self.phase.clone()),
            ("during", self.during.map(during)),
            ("dnn", self.dnn.as_ref().map(ToString::to_string)),
            ("network", self.network.map(|network| network.to_string())),
            ("slice", self.slice.map(|slice| slice.to_string())),
            ("cells", self.cells.clone()),
        ];
        limits.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    /// Whether the due time alone decides.
    pub fn is_of_time_alone(&self) -> bool {
        self.dnn.is_none() && self.network.is_none() && self.slice.is_none() && self.cells.is_none()
    }
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limits = self.written().into_iter().map(|(name, value)| format!("{name} {value}"));
        f.write_str(&limits.collect::<Vec<_>>().join(", "))
    }
}

fn during(window: Window) -> String {
    format!("{}..{}", DurationText(window.at), DurationText(window.at.saturating_add(window.for_)))
}

/// A part of the attempts that some condition is about, and is therefore counted apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Which attempts.
    pub limits: Limits,
    /// At what: the names under which procedures are counted.
    pub procedures: Vec<&'static str>,
}

impl Scenario {
    /// The parts that the SLOs and guardrails name, each once; the place in the list is the number of the part.
    pub fn parts(&self) -> Vec<Part> {
        let mut parts: Vec<Part> = Vec::new();
        let guardrails = self.guardrails.iter().map(|guardrail| &guardrail.condition);
        for condition in self.slos.iter().chain(guardrails).filter(|slo| !slo.limits.is_none()) {
            let Some(subject) = condition.metric.subject() else { continue };
            let known = parts.iter().position(|part| part.limits == condition.limits);
            let place = known.unwrap_or_else(|| {
                parts.push(Part { limits: condition.limits.clone(), procedures: Vec::new() });
                parts.len() - 1
            });
            for name in subject.counted_as() {
                if !parts[place].procedures.contains(name) {
                    parts[place].procedures.push(name);
                }
            }
        }
        parts
    }
}

/// More parts would cost every attempt too much.
pub const MOST_PARTS: usize = 32;
