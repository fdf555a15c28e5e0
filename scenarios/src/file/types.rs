//! What a scenario file may hold: names, defaults and units. The JSON Schema is made from these types.

use std::fmt;
use std::time::Duration;

use identity::{Imsi, Key128, Plmn, Snssai, Tac};
use schemars::JsonSchema;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::units::{DurationText, Hex, Rate, Ratio};
use crate::{Arrivals, Procedure, Retry};

/// What a run does: who signals, through which cells, how often, and what counts as good.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "kebab-case",
    deny_unknown_fields,
    expecting = "a mapping with name, subscribers and load"
)]
pub(super) struct ScenarioFile {
    /// Names the run folder and the report: letters, digits, dots, dashes and underscores.
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"))]
    pub(super) name: String,
    /// For the reader of the report.
    #[serde(default)]
    pub(super) description: String,
    /// The seed of a run which is not given one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) seed: Option<u64>,
    /// Ranges of IMSIs with their keys; they must not overlap.
    #[schemars(length(min = 1))]
    pub(super) subscribers: Vec<SubscribersFile>,
    /// The base stations. Default: one gNB with one cell.
    #[serde(default)]
    pub(super) cells: CellsFile,
    /// What the UEs can do.
    #[serde(default)]
    pub(super) nas: NasFile,
    /// What lies between UE and gNB: ideal, urban, rural, or a profile of its own.
    #[serde(default)]
    pub(super) radio: RadioFile,
    /// What is attempted, how often.
    #[schemars(length(min = 1))]
    pub(super) load: Vec<LoadFile>,
    /// What must hold at the end, such as `registration.success >= 99.5%`.
    #[serde(default)]
    pub(super) slos: Vec<String>,
    /// What aborts the run.
    #[serde(default)]
    pub(super) guardrails: Vec<GuardrailFile>,
    /// What the embedded simulator does; a real target ignores it.
    #[serde(default)]
    pub(super) network: NetworkFile,
    /// How long what is in flight at the end may still take.
    #[serde(default = "default_drain")]
    pub(super) drain: DurationText,
}

/// A range of consecutive IMSIs.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "kebab-case",
    deny_unknown_fields,
    expecting = "a mapping with plmn, imsi, count, k and opc"
)]
pub(super) struct SubscribersFile {
    /// The home network, MCC/MNC.
    pub(super) plmn: Plmn,
    /// The first IMSI, in quotes; it begins with the PLMN's digits.
    pub(super) imsi: Imsi,
    /// How many.
    #[schemars(range(min = 1))]
    pub(super) count: u64,
    /// The secret key: one for all, or `derived-from` a master key, one for each.
    pub(super) k: KeyFile,
    /// OPc, one for all.
    pub(super) opc: Key128,
    /// The authentication management field, four hexadecimal digits.
    #[serde(default = "default_amf")]
    #[schemars(regex(pattern = "^[0-9A-Fa-f]{4}$"))]
    pub(super) amf: Hex,
    /// How the IMSI is concealed.
    #[serde(default)]
    pub(super) suci: SuciFile,
}

/// The secret key K.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum KeyFile {
    /// The same for all.
    Shared(Key128),
    /// One for each.
    Derived(DerivedFile),
}

/// K of each subscriber is AES-128 under the master key of its IMSI.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a mapping with derived-from")]
pub(super) struct DerivedFile {
    /// The master key.
    pub(super) derived_from: Key128,
}

/// How the IMSI is concealed (TS 33.501 annex C).
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum SuciFile {
    /// Not at all.
    #[default]
    NullScheme,
    /// ECIES on Curve25519.
    ProfileA(HomeKeyFile),
    /// ECIES on secp256r1.
    ProfileB(HomeKeyFile),
}

/// The home network's key pair.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a mapping with key-id and public-key")]
pub(super) struct HomeKeyFile {
    /// Home network public key identifier.
    pub(super) key_id: u8,
    /// 32 octets for profile A, 33 (compressed) for profile B, in hexadecimal.
    pub(super) public_key: Hex,
    /// 32 octets; only the embedded simulator needs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) private_key: Option<Hex>,
}

/// The base stations.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default, expecting = "a mapping such as {gnbs: 10}")]
pub(super) struct CellsFile {
    /// How many gNBs; each has one association.
    #[schemars(range(min = 1, max = 100_000))]
    pub(super) gnbs: u32,
    /// How many cells each gNB has.
    #[schemars(range(min = 1, max = 1024))]
    pub(super) cells_per_gnb: u32,
    /// The network that the gNBs broadcast. Default: that of the first subscribers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) plmn: Option<Plmn>,
    /// Tracking areas, dealt round robin over the gNBs.
    #[schemars(length(min = 1))]
    pub(super) tacs: Vec<Tac>,
    /// Slices that the gNBs support and the UEs ask for: SST, or SST-SD.
    #[schemars(length(min = 1, max = 8))]
    pub(super) slices: Vec<Snssai>,
    /// The identifier of the first gNB; the others follow.
    #[schemars(range(max = 4_194_303))]
    pub(super) first_gnb_id: u32,
    /// After this long without signalling a gNB asks for the release of a UE. Default: it never does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) inactivity: Option<DurationText>,
}

/// What the UEs can do.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "kebab-case",
    deny_unknown_fields,
    default,
    expecting = "a mapping such as {retry: never}"
)]
pub(super) struct NasFile {
    /// Ciphering algorithms NEA 0 to 3, the preferred ones first. With 0 first, traces can be read.
    #[schemars(length(min = 1, max = 4), inner(range(max = 3)))]
    pub(super) ciphering: Vec<u8>,
    /// Integrity algorithms NIA 0 to 3, the preferred ones first.
    #[schemars(length(min = 1, max = 4), inner(range(max = 3)))]
    pub(super) integrity: Vec<u8>,
    /// What a UE does after a failed registration.
    pub(super) retry: Retry,
    /// Overrides the periodic registration timer that the network assigns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) t3512: Option<DurationText>,
}

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

/// One stream of attempts.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a mapping with procedure and phases")]
pub(super) struct LoadFile {
    /// What is attempted.
    pub(super) procedure: Procedure,
    /// How attempts are spread around the rate.
    #[serde(default)]
    pub(super) arrivals: Arrivals,
    /// The first phase begins this long after the start of the run.
    #[serde(default)]
    pub(super) starts_after: DurationText,
    /// One after another.
    #[schemars(length(min = 1))]
    pub(super) phases: Vec<PhaseFile>,
}

/// A part of a load: exactly one of rate, ramp, steps, spike and hold.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "kebab-case",
    deny_unknown_fields,
    default,
    expecting = "a mapping such as {rate: 1000/s, for: 10s}"
)]
#[schemars(extend("oneOf" = [
    {"required": ["rate", "for"]}, {"required": ["ramp", "for"]}, {"required": ["steps"]},
    {"required": ["spike", "for"]}, {"required": ["hold"]},
]))]
pub(super) struct PhaseFile {
    /// For the report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    /// The same rate throughout.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Rate", extend("default" = "1000/s"))]
    pub(super) rate: Option<Rate>,
    /// Linear from one rate to another.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "RampFile")]
    pub(super) ramp: Option<RampFile>,
    /// A staircase.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "StepsFile")]
    pub(super) steps: Option<StepsFile>,
    /// A base rate with one peak.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "SpikeFile")]
    pub(super) spike: Option<SpikeFile>,
    /// No arrivals for this long.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "DurationText")]
    pub(super) hold: Option<DurationText>,
    /// How long, for rate, ramp and spike.
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "DurationText")]
    pub(super) for_: Option<DurationText>,
}

/// Linear from one rate to another.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping with from and to")]
pub(super) struct RampFile {
    /// At the beginning.
    pub(super) from: Rate,
    /// At the end.
    pub(super) to: Rate,
}

/// A staircase from one rate to another, both included.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping with from, to, by and each")]
pub(super) struct StepsFile {
    /// The first step.
    pub(super) from: Rate,
    /// The last step.
    pub(super) to: Rate,
    /// The height of a step, also when it goes down.
    pub(super) by: Rate,
    /// How long each step lasts.
    pub(super) each: DurationText,
}

/// A base rate with one rectangular peak.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping with base, peak, after and lasts")]
pub(super) struct SpikeFile {
    /// Before and after the peak.
    pub(super) base: Rate,
    /// In the peak.
    pub(super) peak: Rate,
    /// When the peak begins, since the start of the phase.
    pub(super) after: DurationText,
    /// How long the peak lasts.
    pub(super) lasts: DurationText,
}

/// What aborts the run.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a mapping with abort-when and for")]
pub(super) struct GuardrailFile {
    /// A condition such as `registration.success < 50%`.
    pub(super) abort_when: String,
    /// How long it must have been true without a break.
    #[serde(rename = "for", default = "default_patience")]
    pub(super) for_: DurationText,
}

/// What the embedded simulator does.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "kebab-case",
    deny_unknown_fields,
    default,
    expecting = "a mapping such as {processing-delay: 1ms}"
)]
pub(super) struct NetworkFile {
    /// From a message to the answer, at least.
    pub(super) processing_delay: DurationText,
    /// Added to it: uniformly from zero to this.
    pub(super) processing_jitter: DurationText,
    /// Refuses registrations above a rate. Default: it never does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) congestion: Option<CongestionFile>,
    /// Whether the connection is released after a registration.
    pub(super) release_after_registration: bool,
    /// When the simulator stops to answer.
    pub(super) freezes: Vec<FreezeFile>,
    /// The slices that are allowed. Default: those of the cells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) accept_slices: Option<Vec<Snssai>>,
    /// The periodic registration timer that is assigned.
    pub(super) t3512: DurationText,
}

/// Refusal of registrations above a rate.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a mapping with max-registrations-per-s")]
pub(super) struct CongestionFile {
    /// Registrations accepted in each second.
    pub(super) max_registrations_per_s: u32,
    /// T3346 of the refusal.
    #[serde(default = "default_backoff")]
    pub(super) backoff: DurationText,
}

/// A time in which the simulator answers nothing.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping with at and for")]
pub(super) struct FreezeFile {
    /// Since the first UE's first message.
    pub(super) at: DurationText,
    /// How long.
    #[serde(rename = "for")]
    pub(super) for_: DurationText,
}

impl Default for CellsFile {
    fn default() -> Self {
        Self {
            gnbs: 1,
            cells_per_gnb: 1,
            plmn: None,
            tacs: Tac::new(1).into_iter().collect(),
            slices: vec![Snssai { sst: 1, sd: None }],
            first_gnb_id: 1,
            inactivity: None,
        }
    }
}

impl Default for NasFile {
    fn default() -> Self {
        Self { ciphering: vec![2, 1, 0], integrity: vec![2, 1], retry: Retry::Never, t3512: None }
    }
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

impl Default for NetworkFile {
    fn default() -> Self {
        Self {
            processing_delay: DurationText::default(),
            processing_jitter: DurationText::default(),
            congestion: None,
            release_after_registration: true,
            freezes: Vec::new(),
            accept_slices: None,
            // TS 24.501 table 10.2.1: the default value.
            t3512: DurationText(Duration::from_secs(54 * 60)),
        }
    }
}

// Written by hand: serde's untagged enums forget what was wrong inside.
impl<'de> Deserialize<'de> for KeyFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(KeyVisitor)
    }
}

struct KeyVisitor;

impl<'de> Visitor<'de> for KeyVisitor {
    type Value = KeyFile;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key of 32 hexadecimal digits, or {derived-from: a master key}")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<KeyFile, E> {
        text.parse().map(KeyFile::Shared).map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<KeyFile, A::Error> {
        DerivedFile::deserialize(serde::de::value::MapAccessDeserializer::new(map)).map(KeyFile::Derived)
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

fn default_amf() -> Hex {
    Hex(vec![0x80, 0x00])
}

fn default_drain() -> DurationText {
    DurationText(Duration::from_secs(20))
}

fn default_patience() -> DurationText {
    DurationText(Duration::from_secs(5))
}

fn default_backoff() -> DurationText {
    DurationText(Duration::from_secs(15))
}
