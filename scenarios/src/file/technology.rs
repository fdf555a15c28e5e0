//! `technology:`, and the sections that hold something for each technology.

use std::borrow::Cow;

use identity::Technology;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, IgnoredAny};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::at::At;
use crate::technology::{ALL, BUILT, meant_by, named, refusal};
use crate::units::nearest;
use crate::yaml::Complaint;

/// A technology by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TechnologyName(pub(super) Technology);

/// What a scenario says of a technology that is not built: it is refused, whatever it says.
#[derive(Debug)]
pub(super) struct Unbuilt;

impl Default for TechnologyName {
    fn default() -> Self {
        Self(Technology::Nr)
    }
}

impl TechnologyName {
    pub(super) fn check(self, at: &At<'_>) -> Result<Technology, Complaint> {
        match refusal(self.0) {
            Some(why) => at.wrong(why),
            None => Ok(self.0),
        }
    }

    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Refuses the sections of technologies that are not built.
pub(super) fn refuse_unbuilt(
    sections: [(Technology, &Option<Unbuilt>); 2],
    at: &At<'_>,
) -> Result<(), Complaint> {
    for (technology, section) in sections {
        if let (Some(_), Some(why)) = (section, refusal(technology)) {
            return at.field(technology.name()).wrong(why);
        }
    }
    Ok(())
}

impl Serialize for TechnologyName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for TechnologyName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let names: Vec<&str> = ALL.iter().map(|technology| technology.name()).collect();
        let near = || meant_by(&name).map(Technology::name).or_else(|| nearest(&name, &names));
        named(&name).map(Self).ok_or_else(|| {
            let hint = near().map(|near| format!("; did you mean {near:?}?")).unwrap_or_default();
            D::Error::custom(format!("unknown technology {name:?}{hint} (known: {})", names.join(", ")))
        })
    }
}

impl JsonSchema for TechnologyName {
    fn schema_name() -> Cow<'static, str> {
        "Technology".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let built: Vec<&str> = BUILT.iter().map(|technology| technology.name()).collect();
        json_schema!({ "description": "The radio: nr is 5G.", "enum": built })
    }
}

impl<'de> Deserialize<'de> for Unbuilt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}
