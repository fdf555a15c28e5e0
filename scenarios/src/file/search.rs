//! `load: {find: registration.rate, while: …}`: a search for the highest rate at which conditions hold.

use std::fmt;
use std::time::Duration;

use identity::Procedure;
use schemars::JsonSchema;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::at::{At, every, long};
use super::load::{self, LoadFile};
use super::slos;
use crate::units::{DurationText, Rate, Ratio};
use crate::yaml::Complaint;
use crate::{Arrivals, CapacitySearch, Load, Scenario};

/// What is attempted: loads, or a search for the highest rate.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum LoadsFile {
    /// Streams of attempts.
    Loads(#[schemars(length(min = 1))] Vec<LoadFile>),
    /// A capacity search.
    Find(FindFile),
}

/// A capacity search: probes of a fixed rate each, until the highest one is known at which the conditions hold.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a mapping with find and while")]
pub(super) struct FindFile {
    /// What is raised: `registration.rate`.
    pub(super) find: String,
    /// Conditions such as `registration.latency.p99 < 300ms and registration.success > 99.5%`.
    #[serde(rename = "while")]
    pub(super) while_: String,
    /// The first and lowest rate.
    #[serde(default = "default_from")]
    pub(super) from: Rate,
    /// The highest rate that is probed. Default: as far as the subscribers reach, at most 100000/s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) to: Option<Rate>,
    /// How long each probe lasts.
    #[serde(default = "default_probe")]
    pub(super) probe: DurationText,
    /// How near the highest rate is to be known.
    #[serde(default = "default_precision")]
    pub(super) precision: Ratio,
    /// How attempts are spread around the rate.
    #[serde(default)]
    pub(super) arrivals: Arrivals,
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

impl<'de> Deserialize<'de> for LoadsFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LoadsVisitor)
    }
}

struct LoadsVisitor;

impl<'de> Visitor<'de> for LoadsVisitor {
    type Value = LoadsFile;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of loads, or a search such as {find: registration.rate, while: registration.success > 99.5%}")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<LoadsFile, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(list)).map(LoadsFile::Loads)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<LoadsFile, A::Error> {
        FindFile::deserialize(MapAccessDeserializer::new(map)).map(LoadsFile::Find)
    }
}

/// The loads, and the search whose lowest probe they are.
pub(super) fn check(
    file: LoadsFile,
    subscribers: u64,
    at: &At<'_>,
) -> Result<(Vec<Load>, Option<CapacitySearch>), Complaint> {
    match file {
        LoadsFile::Loads(loads) => Ok((
            every(loads, at, "load such as {procedure: registration, phases: [...]}", load::check)?,
            None,
        )),
        LoadsFile::Find(file) => {
            let search = find(file, subscribers, at)?;
            Ok((vec![search.load_at(search.from_per_s)], Some(search)))
        }
    }
}

fn find(file: FindFile, subscribers: u64, at: &At<'_>) -> Result<CapacitySearch, Complaint> {
    at.field("find").require(file.find == "registration.rate", || {
        format!("{:?} cannot be searched for: registration.rate can, for each probe begins with nobody registered", file.find)
    })?;
    long(file.probe, &at.field("probe"))?;
    at.field("from")
        .require(file.from.per_s() > 0.0, || "0/s is no rate to begin with: 10/s is".to_owned())?;
    at.field("precision")
        .require((0.01..=0.5).contains(&file.precision.value()), || "1% to 50% are accepted".to_owned())?;
    let probe_s = file.probe.0.as_secs_f64();
    let reach = subscribers as f64 / probe_s;
    let to = file.to.map_or_else(|| reach.min(MOST_UNASKED_PER_S), Rate::per_s);
    let ends = at.field(if file.to.is_some() { "to" } else { "from" });
    ends.require(file.from.per_s() <= to, || {
        format!("the search would go from {} to {to:.1}/s, as far as {subscribers} subscribers reach in {}: from must be below it", file.from, file.probe)
    })?;
    ends.require(to <= reach, || {
        format!(
            "{to}/s for {} needs {:.0} subscribers, one for each attempt: there are {subscribers}",
            file.probe,
            to * probe_s
        )
    })?;
    let mut search = CapacitySearch {
        procedure: Procedure::Registration,
        arrivals: file.arrivals,
        conditions: Vec::new(),
        from_per_s: file.from.per_s(),
        to_per_s: to,
        probe: file.probe.0,
        precision: file.precision.value(),
    };
    let loads = [search.load_at(search.from_per_s)];
    at.field("from").require(loads[0].planned() > 0, || {
        format!("{} for {} is no attempt at all", file.from, file.probe)
    })?;
    for condition in file.while_.split(" and ") {
        search.conditions.push(slos::of_search(condition, &loads, &at.field("while"))?);
    }
    Ok(search)
}

impl From<&Scenario> for LoadsFile {
    fn from(scenario: &Scenario) -> Self {
        let Some(search) = &scenario.search else {
            return Self::Loads(scenario.load.iter().map(LoadFile::from).collect());
        };
        let conditions: Vec<&str> = search.conditions.iter().map(|slo| slo.text.as_str()).collect();
        Self::Find(FindFile {
            find: "registration.rate".to_owned(),
            while_: conditions.join(" and "),
            from: Rate::new(search.from_per_s),
            to: Some(Rate::new(search.to_per_s)),
            probe: DurationText(search.probe),
            precision: Ratio::new(search.precision),
            arrivals: search.arrivals,
        })
    }
}

/// Higher rates must be asked for.
const MOST_UNASKED_PER_S: f64 = 100_000.0;
