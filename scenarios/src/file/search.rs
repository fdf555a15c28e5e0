//! `search: {find: registration.rate, while: …}`: a search for the highest rate at which conditions hold.

use std::fmt;
use std::time::Duration;

use identity::Procedure;
use schemars::JsonSchema;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::at::{At, every, long};
use super::condition_text::{ConditionFile, ConditionText, several_conditions};
use super::load::{self, LoadFile};
use super::slos;
use crate::units::{DurationText, Rate, Ratio, hint};
use crate::yaml::Complaint;
use crate::{Arrivals, CapacitySearch, Load, Scenario, Slo};

/// A capacity search: probes of a fixed rate each, until the highest one is known at which the conditions hold.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a mapping with find and while")]
pub(super) struct SearchFile {
    /// What is raised, such as `registration.rate`.
    #[schemars(extend("enum" = rates()))]
    pub(super) find: String,
    /// Conditions such as `registration.latency.p99 < 300ms and registration.success > 99.5%`, or a list of them.
    #[serde(rename = "while")]
    pub(super) while_: WhileFile,
    /// The first and lowest rate.
    #[serde(default = "default_from")]
    #[schemars(extend("not" = super::schema::zero()))]
    pub(super) from: Rate,
    /// The highest rate that is probed. Default: as far as the subscribers reach, at most 100000/s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) to: Option<Rate>,
    /// When the searched rate begins in each probe, since its start. Default: when the loads before it have ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) starts_after: Option<DurationText>,
    /// How long it lasts in each probe.
    #[serde(default = "default_probe")]
    #[schemars(extend("not" = super::schema::zero()))]
    pub(super) probe: DurationText,
    /// How near the highest rate is to be known.
    #[serde(default = "default_precision")]
    pub(super) precision: Ratio,
    /// How attempts are spread around the rate.
    #[serde(default)]
    pub(super) arrivals: Arrivals,
}

/// Conditions with `and` between them, or a list.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum WhileFile {
    Text(#[schemars(extend("pattern" = several_conditions()))] String),
    List(#[schemars(length(min = 1))] Vec<ConditionFile>),
}

// Written by hand: serde's untagged enums forget what was wrong inside.
impl<'de> Deserialize<'de> for WhileFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WhileVisitor)
    }
}

struct WhileVisitor;

impl<'de> Visitor<'de> for WhileVisitor {
    type Value = WhileFile;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "conditions such as registration.success > 99.5%, with \"and\" between them, or a list of them",
        )
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<WhileFile, E> {
        Ok(WhileFile::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<WhileFile, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(list)).map(WhileFile::List)
    }
}

fn default_from() -> Rate {
    Rate::new(10.0)
}

fn default_probe() -> DurationText {
    DurationText(Duration::from_secs(20))
}

fn default_precision() -> Ratio {
    Ratio::new(0.05)
}

/// What can be searched for.
fn rates() -> Vec<String> {
    Procedure::of_scenarios().map(|procedure| format!("{}.rate", procedure.name())).collect()
}

/// The loads, and the search whose lowest probe they are.
pub(super) fn check(
    loads: Option<Vec<LoadFile>>,
    search: Option<SearchFile>,
    subscribers: u64,
    root: &At<'_>,
) -> Result<(Vec<Load>, Option<CapacitySearch>), Complaint> {
    let at = root.field("load");
    let Some(search) = search else {
        let Some(loads) = loads else {
            return root.wrong("the field \"load\" is missing");
        };
        return Ok((
            every(loads, &at, "load such as {procedure: registration, phases: [...]}", load::check)?,
            None,
        ));
    };
    let before = match loads {
        Some(loads) => every(loads, &at, "load that comes before each probe, or leave it out", load::check)?,
        None => Vec::new(),
    };
    let search = find(search, before, subscribers, &root.field("search"))?;
    Ok((search.loads_at(search.from_per_s), Some(search)))
}

fn find(
    file: SearchFile,
    before: Vec<Load>,
    subscribers: u64,
    at: &At<'_>,
) -> Result<CapacitySearch, Complaint> {
    let procedure = searched(&file.find, &at.field("find"))?;
    long(file.probe, &at.field("probe"))?;
    at.field("from")
        .require(file.from.per_s() > 0.0, || "0/s is no rate to begin with: 10/s is".to_owned())?;
    at.field("precision")
        .require((0.01..=0.5).contains(&file.precision.value()), || "1% to 50% are accepted".to_owned())?;
    let probe_s = file.probe.0.as_secs_f64();
    let reach = one_each(procedure, &before, subscribers).map(|ready| (ready, ready as f64 / probe_s));
    let to = file.to.map_or_else(
        || reach.map_or(MOST_UNASKED_PER_S, |(_, reach)| reach.min(MOST_UNASKED_PER_S)),
        Rate::per_s,
    );
    let ends = at.field(if file.to.is_some() { "to" } else { "from" });
    let who = |ready: u64| format!("{ready} {}", waiting_for(procedure));
    ends.require_across(file.from.per_s() <= to, || {
        let far = reach.map_or_else(String::new, |(ready, _)| {
            format!(", as far as {} reach in {}", who(ready), file.probe)
        });
        format!("the search would go from {} to {to:.1}/s{far}: from must be below it", file.from)
    })?;
    if let Some((ready, reach)) = reach {
        ends.require_across(to <= reach, || {
            format!(
                "{to}/s for {} needs {:.0} {}, one for each attempt: there are {ready}",
                file.probe,
                to * probe_s,
                waiting_for(procedure),
            )
        })?;
    }
    let ended = before.iter().map(Load::ends_after).max().unwrap_or_default();
    let mut search = CapacitySearch {
        procedure,
        arrivals: file.arrivals,
        before,
        starts_after: file.starts_after.map_or(ended, |after| after.0),
        conditions: Vec::new(),
        from_per_s: file.from.per_s(),
        to_per_s: to,
        probe: file.probe.0,
        precision: file.precision.value(),
    };
    let loads = search.loads_at(search.from_per_s);
    at.field("from").require(loads.iter().all(|load| load.planned() > 0), || {
        format!("{} for {} is no attempt at all", file.from, file.probe)
    })?;
    search.conditions = conditions(file.while_, &loads, &at.field("while"))?;
    Ok(search)
}

fn conditions(file: WhileFile, loads: &[Load], at: &At<'_>) -> Result<Vec<Slo>, Complaint> {
    match file {
        WhileFile::Text(text) => text
            .split(" and ")
            .map(|text| slos::of_search(ConditionText(text.to_owned()).parsed(at)?, loads, at))
            .collect(),
        WhileFile::List(list) => every(list, at, "condition", |file, at| {
            let place = file.place(at);
            slos::of_search(file.parsed(at)?, loads, &place)
        }),
    }
}

fn searched(text: &str, at: &At<'_>) -> Result<Procedure, Complaint> {
    let found = Procedure::of_scenarios()
        .find(|procedure| text.strip_suffix(".rate").is_some_and(|name| name == procedure.name()));
    let Some(procedure) = found else {
        let rates = rates();
        let known: Vec<&str> = rates.iter().map(String::as_str).collect();
        let hint = hint(text, &known);
        return at.wrong(format!("{text:?} cannot be searched for{hint} (what can: {})", known.join(", ")));
    };
    Ok(procedure)
}

/// Of a procedure that a UE is through with once in a probe: how many UEs the loads before leave for it.
fn one_each(procedure: Procedure, before: &[Load], subscribers: u64) -> Option<u64> {
    let planned = |procedure: Procedure| {
        let loads = before.iter().filter(|load| load.procedure == procedure);
        loads.fold(0u64, |sum, load| sum.saturating_add(load.planned()))
    };
    let registered = planned(Procedure::Registration).min(subscribers);
    let sessions = planned(Procedure::PduSession).min(registered);
    match procedure {
        Procedure::Registration => Some(subscribers - registered),
        Procedure::Deregistration => Some(registered),
        Procedure::PduSession => Some(registered - sessions),
        Procedure::PduSessionRelease => Some(sessions),
        _ => None,
    }
}

/// Who those are, for messages.
fn waiting_for(procedure: Procedure) -> &'static str {
    match procedure {
        Procedure::Deregistration => "registered UEs",
        Procedure::PduSession => "registered UEs without a session",
        Procedure::PduSessionRelease => "UEs with a session",
        _ => "subscribers",
    }
}

/// The loads as they stand in the file: of a search, those before its probes.
pub(super) fn loads_file(scenario: &Scenario) -> Option<Vec<LoadFile>> {
    let loads = scenario.search.as_ref().map_or(&scenario.load, |search| &search.before);
    (!loads.is_empty()).then(|| loads.iter().map(LoadFile::from).collect())
}

impl From<&CapacitySearch> for SearchFile {
    fn from(search: &CapacitySearch) -> Self {
        let conditions: Vec<&str> = search.conditions.iter().map(|slo| slo.text.as_str()).collect();
        Self {
            find: format!("{}.rate", search.procedure.name()),
            while_: WhileFile::Text(conditions.join(" and ")),
            from: Rate::new(search.from_per_s),
            to: Some(Rate::new(search.to_per_s)),
            starts_after: Some(DurationText(search.starts_after)),
            probe: DurationText(search.probe),
            precision: Ratio::new(search.precision),
            arrivals: search.arrivals,
        }
    }
}

/// Higher rates must be asked for.
const MOST_UNASKED_PER_S: f64 = 100_000.0;
