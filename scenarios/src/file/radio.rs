//! What lies between UE and gNB.

use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::at::At;
use crate::units::{DurationText, Ratio, hint};
use crate::yaml::Complaint;
use crate::{RadioProfile, radio_profiles};

/// What lies between UE and gNB.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum RadioFile {
    /// A profile that comes with the program.
    Named(#[schemars(extend("enum" = names()))] String),
    /// A profile of the scenario's own.
    Inline(ProfileFile),
}

/// A radio profile.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "kebab-case",
    deny_unknown_fields,
    default,
    expecting = "a mapping such as {latency: 8ms, loss: 0.1%}"
)]
pub(super) struct ProfileFile {
    /// The profile that comes with the program, from which everything is taken that is not said here.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = names()))]
    pub(super) extend: Option<String>,
    /// For the report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    /// One way, the median. Default: 0s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) latency: Option<DurationText>,
    /// Standard deviation of the latency. Default: 0s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) jitter: Option<DurationText>,
    /// How many NAS messages are lost. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) loss: Option<Ratio>,
    /// RRC connections at once in each cell. Default: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub(super) capacity: Option<u32>,
    /// Round trips before the first NAS message. Default: 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 16))]
    pub(super) setup_round_trips: Option<u32>,
}

fn names() -> Vec<&'static str> {
    radio_profiles().iter().map(|(known, _)| *known).collect()
}

impl Default for RadioFile {
    fn default() -> Self {
        Self::Named("ideal".to_owned())
    }
}

// Written by hand: serde's untagged enums forget what was wrong inside.
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
        RadioFile::Named(name) => named(&name, at),
        RadioFile::Inline(file) => {
            at.field("capacity").require(file.capacity != Some(0), || {
                "0 connections let nobody in: 1 or more are accepted, or leave it out".to_owned()
            })?;
            at.field("setup-round-trips").require(
                file.setup_round_trips.is_none_or(|trips| trips <= 16),
                || {
                    format!(
                        "{} round trips: 0 to 16 are accepted",
                        file.setup_round_trips.unwrap_or_default()
                    )
                },
            )?;
            let base = match &file.extend {
                Some(name) => {
                    let base = named(name, &at.field("extend"))?;
                    RadioProfile { name: format!("{name}, changed"), ..base }
                }
                None => plain("inline"),
            };
            Ok(file.over(base))
        }
    }
}

fn named(name: &str, at: &At<'_>) -> Result<RadioProfile, Complaint> {
    RadioProfile::find(name).or_else(|why| at.wrong(why))
}

impl RadioProfile {
    /// As [`RadioProfile::named`].
    ///
    /// # Errors
    /// There is none of this name: the text says which there are.
    pub fn find(name: &str) -> Result<Self, String> {
        Self::named(name).ok_or_else(|| {
            let known = names();
            format!("unknown radio profile {name:?}{} (known: {})", hint(name, &known), known.join(", "))
        })
    }
}

/// Of a profile that says nothing.
fn plain(name: &str) -> RadioProfile {
    RadioProfile {
        name: name.to_owned(),
        latency: Duration::ZERO,
        jitter: Duration::ZERO,
        loss: 0.0,
        capacity: None,
        setup_round_trips: 1,
    }
}

impl ProfileFile {
    /// The profile, with this name unless it has its own.
    pub(super) fn resolve(self, name: &str) -> RadioProfile {
        self.over(plain(name))
    }

    /// What it says, and the rest of another.
    fn over(self, base: RadioProfile) -> RadioProfile {
        RadioProfile {
            name: self.name.unwrap_or(base.name),
            latency: self.latency.map_or(base.latency, |latency| latency.0),
            jitter: self.jitter.map_or(base.jitter, |jitter| jitter.0),
            loss: self.loss.map_or(base.loss, Ratio::value),
            capacity: self.capacity.or(base.capacity),
            setup_round_trips: self.setup_round_trips.unwrap_or(base.setup_round_trips),
        }
    }
}

impl From<&RadioProfile> for ProfileFile {
    fn from(radio: &RadioProfile) -> Self {
        Self {
            extend: None,
            name: Some(radio.name.clone()),
            latency: Some(DurationText(radio.latency)),
            jitter: Some(DurationText(radio.jitter)),
            loss: Some(Ratio::new(radio.loss)),
            capacity: radio.capacity,
            setup_round_trips: Some(radio.setup_round_trips),
        }
    }
}
