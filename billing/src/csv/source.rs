//! Where a field of ours is found in a foreign ledger.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::TimeForm;
use crate::Rounding;

/// Where a field is found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Source {
    /// In this column, in our form.
    Column(String),
    /// In a column, in another form.
    Detailed(Detailed),
}

/// A column in another form.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Detailed {
    /// Their name of the column.
    pub column: String,
    /// How a time is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub time: Option<TimeForm>,
    /// The zone of a time that does not say how far it is ahead of UTC; that of the ledger where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// How much one stands for: `1kB` for a volume in kilobytes, `0.01` for an amount in cents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// What stands before a fraction; that of the ledger where nothing is said, and likewise below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decimal: Option<char>,
    /// What stands between groups of three digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thousands: Option<char>,
    /// What becomes of a fraction of what is counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rounding: Option<Rounding>,
    /// 16 where a charging identifier is the network's number in hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub radix: Option<u8>,
    /// Their word, and ours.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, String>,
}

// Written by hand: serde's untagged enums forget what was wrong inside.
impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SourceVisitor)
    }
}

struct SourceVisitor;

impl<'de> Visitor<'de> for SourceVisitor {
    type Value = Source;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected the name of a column, or a mapping such as {column: Start, time: rfc3339}")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Source, E> {
        Ok(Source::Column(text.to_owned()))
    }

    // A column may be named by a number.
    fn visit_u64<E: Error>(self, number: u64) -> Result<Source, E> {
        Ok(Source::Column(number.to_string()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Source, E> {
        Ok(Source::Column(number.to_string()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Source, A::Error> {
        Detailed::deserialize(MapAccessDeserializer::new(map)).map(Source::Detailed)
    }
}
