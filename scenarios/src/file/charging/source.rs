//! Where a tariff comes from: the scenario itself, the program, or a file beside the scenario.

use std::fmt;
use std::path::{Component, Path};

use billing::Tariff;
use schemars::JsonSchema;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::charging::tariffs;
use crate::error::ScenarioError;
use crate::file::at::At;
use crate::file::read_file;
use crate::units::hint;
use crate::yaml::{Complaint, Node, read};

/// The folder of the scenario's file, when it has one: the only place that other files are read from.
pub(in crate::file) type Folder<'a> = Option<&'a Path>;

/// The prices.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum TariffSource {
    /// One that comes with the program, or a file beside the scenario.
    Named(String),
    /// The scenario's own.
    Inline(Tariff),
}

impl Default for TariffSource {
    fn default() -> Self {
        Self::from(&Tariff::default())
    }
}

impl From<&Tariff> for TariffSource {
    fn from(tariff: &Tariff) -> Self {
        Self::Inline(tariff.clone())
    }
}

pub(super) fn check(source: TariffSource, folder: Folder<'_>, at: &At<'_>) -> Result<Tariff, Complaint> {
    let name = match source {
        TariffSource::Inline(tariff) => return sensible(tariff, at),
        TariffSource::Named(name) => name,
    };
    if let Some((_, text)) = tariffs().iter().find(|(known, _)| *known == name) {
        return parse(text, &format!("{name} (built-in tariff)"));
    }
    let is_file = Path::new(&name).extension().is_some();
    let Some(folder_of_file) = folder.filter(|_| is_file) else {
        let known: Vec<&str> = tariffs().iter().map(|(known, _)| *known).collect();
        let hint = hint(&name, &known);
        let file = match (is_file, folder.is_some()) {
            (true, _) => {
                "; no file is read for a scenario that is none itself: save it as one, with `roamstorm catalogue`"
            }
            (false, true) => "; or a file such as prices.yaml",
            (false, false) => "",
        };
        return at.wrong(format!("unknown tariff {name:?}{hint} (known: {}{file})", known.join(", ")));
    };
    let beside =
        Path::new(&name).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    at.require(beside, || {
        format!("{name:?} is not beside the scenario: a relative path without \"..\" is accepted")
    })?;
    let path = folder_of_file.join(&name);
    let text = read_file(&path).or_else(|error| {
        at.wrong(match error {
            ScenarioError::Unreadable { source, .. } => {
                format!("the tariff {} cannot be read: {source}", path.display())
            }
            other => other.to_string(),
        })
    })?;
    parse(&text, &path.display().to_string())
}

fn sensible(tariff: Tariff, at: &At<'_>) -> Result<Tariff, Complaint> {
    at.field("rates").require(tariff.rates.len() <= MOST_RATES, || {
        format!("{} rates: at most {MOST_RATES} are accepted", tariff.rates.len())
    })?;
    match tariff.check() {
        Ok(()) => Ok(tariff),
        Err(error) => match error.rate {
            Some(rate) => at.field("rates").item(rate).wrong(error.message),
            None => at.wrong(error.message),
        },
    }
}

/// A tariff that is a document of its own; complaints are of that document.
fn parse(text: &str, file: &str) -> Result<Tariff, Complaint> {
    let parsed = Node::parse(text).map_err(|error| Complaint::from_syntax(&error));
    let checked = parsed.and_then(|node| sensible(read(&node)?, &At::root(&node)));
    checked.map_err(|complaint| complaint.of_file(file))
}

// Written by hand: serde's untagged enums forget what was wrong inside.
impl<'de> Deserialize<'de> for TariffSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(SourceVisitor)
    }
}

struct SourceVisitor;

impl<'de> Visitor<'de> for SourceVisitor {
    type Value = TariffSource;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a tariff, a file, or a mapping such as {rates: [{name: data, per: 100kB, price: 0.001}]}")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<TariffSource, E> {
        Ok(TariffSource::Named(text.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<TariffSource, A::Error> {
        Tariff::deserialize(serde::de::value::MapAccessDeserializer::new(map)).map(TariffSource::Inline)
    }
}

/// Each is compared with every other.
const MOST_RATES: usize = 1000;
