//! What lies between UE and gNB.

use std::fmt;

use schemars::JsonSchema;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::at::At;
use crate::units::{DurationText, Ratio, nearest};
use crate::yaml::Complaint;
use crate::{RadioProfile, radio_profiles};

/// What lies between UE and gNB.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum RadioFile {
    /// A profile that comes with the program.
    Named(String),
    /// A profile of the scenario's own.
    Inline(ProfileFile),
}

/// A radio profile.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "kebab-case",
    deny_unknown_fields,
    default,
    expecting = "a mapping such as {latency: 8ms, loss: 0.1%}"
)]
pub(super) struct ProfileFile {
    /// For the report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    /// One way, the median.
    pub(super) latency: DurationText,
    /// Standard deviation of the latency.
    pub(super) jitter: DurationText,
    /// How many NAS messages are lost.
    pub(super) loss: Ratio,
    /// RRC connections at once in each cell. Default: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub(super) capacity: Option<u32>,
    /// Round trips before the first NAS message.
    #[schemars(range(max = 16))]
    pub(super) setup_round_trips: u32,
}

impl Default for RadioFile {
    fn default() -> Self {
        Self::Named("ideal".to_owned())
    }
}

impl Default for ProfileFile {
    fn default() -> Self {
        Self {
            name: None,
            latency: DurationText::default(),
            jitter: DurationText::default(),
            loss: Ratio::default(),
            capacity: None,
            setup_round_trips: 1,
        }
    }
}

impl<'de> Deserialize<'de> for RadioFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(RadioVisitor)
    }
}

struct RadioVisitor;

impl<'de> Visitor<'de> for RadioVisitor {
    type Value = RadioFile;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a radio profile, or a mapping such as {latency: 8ms, loss: 0.1%}")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<RadioFile, E> {
        Ok(RadioFile::Named(text.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RadioFile, A::Error> {
        ProfileFile::deserialize(serde::de::value::MapAccessDeserializer::new(map)).map(RadioFile::Inline)
    }
}

pub(super) fn check(file: RadioFile, at: &At<'_>) -> Result<RadioProfile, Complaint> {
    match file {
        RadioFile::Named(name) => match RadioProfile::named(&name) {
            Some(profile) => Ok(profile),
            None => {
                let known: Vec<&str> = radio_profiles().iter().map(|(known, _)| *known).collect();
                let hint = nearest(&name, &known)
                    .map(|near| format!("; did you mean {near:?}?"))
                    .unwrap_or_default();
                at.wrong(format!("unknown radio profile {name:?}{hint} (known: {})", known.join(", ")))
            }
        },
        RadioFile::Inline(file) => {
            at.field("capacity").require(file.capacity != Some(0), || {
                "0 connections let nobody in: 1 or more are accepted, or leave it out".to_owned()
            })?;
            at.field("setup-round-trips").require(file.setup_round_trips <= 16, || {
                format!("{} round trips: 0 to 16 are accepted", file.setup_round_trips)
            })?;
            Ok(file.resolve("inline"))
        }
    }
}

impl ProfileFile {
    /// The profile, with this name unless it has its own.
    pub(super) fn resolve(self, name: &str) -> RadioProfile {
        RadioProfile {
            name: self.name.unwrap_or_else(|| name.to_owned()),
            latency: self.latency.0,
            jitter: self.jitter.0,
            loss: self.loss.value(),
            capacity: self.capacity,
            setup_round_trips: self.setup_round_trips,
        }
    }
}

impl From<&RadioProfile> for ProfileFile {
    fn from(radio: &RadioProfile) -> Self {
        Self {
            name: Some(radio.name.clone()),
            latency: DurationText(radio.latency),
            jitter: DurationText(radio.jitter),
            loss: Ratio::new(radio.loss),
            capacity: radio.capacity,
            setup_round_trips: radio.setup_round_trips,
        }
    }
}
