//! PDU sessions and their traffic.

use std::fmt;

use billing::Octets;
use identity::{Dnn, PduSessionType, Snssai};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{SeqAccess, Visitor};
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::at::{At, each, long};
use crate::units::{BitRate, DurationText, Volume, hint};
use crate::yaml::{Complaint, Node, read};
use crate::{Burst, Cells, Flow, SessionTemplate, traffic_profiles};

/// What a UE asks for when it establishes a session, and what flows in it.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a mapping such as {dnn: internet}")]
pub(super) struct SessionFile {
    /// For the report. Default: the DNN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    /// The data network.
    pub(super) dnn: Dnn,
    /// The kind of addresses.
    #[serde(rename = "type", default)]
    pub(super) type_: PduSessionType,
    /// The slice, one of the cells. Default: the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) slice: Option<Snssai>,
    /// Its part of all sessions, relative to the others.
    #[serde(default = "default_share")]
    #[schemars(range(max = 1_000_000))]
    pub(super) share: f64,
    /// What flows in both directions: web, video, voice or telemetry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = traffic_profiles().iter().map(|(name, _)| *name).collect::<Vec<_>>()))]
    pub(super) traffic: Option<String>,
    /// What flows, from the UE. Default: that of the traffic, or nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) uplink: Option<FlowFile>,
    /// What flows, to the UE. Default: that of the traffic, or nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) downlink: Option<FlowFile>,
}

/// Traffic that comes with the program.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct TrafficFile {
    uplink: FlowFile,
    downlink: FlowFile,
}

/// Traffic in one direction.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "kebab-case",
    deny_unknown_fields,
    default,
    expecting = "a mapping such as {rate: 200kbit/s, packet: 1200}"
)]
pub(super) struct FlowFile {
    /// While it flows.
    pub(super) rate: BitRate,
    /// Size of the packets in octets, or the smallest and the largest, from 48 to 9000.
    pub(super) packet: PacketFile,
    /// It flows and pauses by turns. Default: without a pause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) burst: Option<BurstFile>,
    /// It ends when this much has flowed in the session. Default: it goes on to the session's end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) volume: Option<Volume>,
}

/// By turns.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping with active and idle")]
pub(super) struct BurstFile {
    /// How long it flows.
    #[schemars(extend("not" = super::schema::zero()))]
    pub(super) active: DurationText,
    /// How long it pauses.
    #[schemars(extend("not" = super::schema::zero()))]
    pub(super) idle: DurationText,
}

/// The size of packets: one, or the smallest and the largest.
#[derive(Clone, Copy, Debug)]
pub(super) struct PacketFile(u16, u16);

impl Default for FlowFile {
    fn default() -> Self {
        Self::from(&Flow::NONE)
    }
}

pub(super) fn check(
    files: Vec<SessionFile>,
    cells: &Cells,
    at: &At<'_>,
) -> Result<Vec<SessionTemplate>, Complaint> {
    let sessions = each(files, at, |file, at| session(file, cells, at))?;
    for (index, session) in sessions.iter().enumerate() {
        let twice = sessions[..index].iter().any(|earlier| earlier.name == session.name);
        at.item(index).field("name").require(!twice, || {
            format!("two sessions are called {:?}: a name of its own is expected for each", session.name)
        })?;
    }
    Ok(sessions)
}

fn session(file: SessionFile, cells: &Cells, at: &At<'_>) -> Result<SessionTemplate, Complaint> {
    let SessionFile { name, dnn, type_, slice, share, traffic, uplink, downlink } = file;
    let name = name.unwrap_or_else(|| dnn.to_string());
    at.field("name").require(!name.is_empty(), || "an empty name is none: leave it out".to_owned())?;
    let slice = slice.unwrap_or(cells.slices[0]);
    at.field("slice").require_across(cells.slices.contains(&slice), || {
        let known: Vec<String> = cells.slices.iter().map(ToString::to_string).collect();
        format!("no cell has slice {slice} (cells.slices: {})", known.join(", "))
    })?;
    at.field("share").require(share > 0.0 && share <= LARGEST_SHARE, || {
        format!("{share} is no share: above 0 and at most {LARGEST_SHARE} are accepted")
    })?;
    let traffic = match traffic {
        Some(name) => traffic_named(&name, &at.field("traffic"))?,
        None => TrafficFile::default(),
    };
    let uplink = flow(uplink.unwrap_or(traffic.uplink), &at.field("uplink"))?;
    let downlink = flow(downlink.unwrap_or(traffic.downlink), &at.field("downlink"))?;
    Ok(SessionTemplate { name, dnn, type_, slice, share, uplink, downlink })
}

fn traffic_named(name: &str, at: &At<'_>) -> Result<TrafficFile, Complaint> {
    let Some((_, text)) = traffic_profiles().iter().find(|(known, _)| *known == name) else {
        let known: Vec<&str> = traffic_profiles().iter().map(|(known, _)| *known).collect();
        let hint = hint(name, &known);
        return at.wrong(format!("unknown traffic {name:?}{hint} (known: {})", known.join(", ")));
    };
    Node::parse(text).map_err(|error| Complaint::from_syntax(&error)).and_then(|node| read(&node))
}

fn flow(file: FlowFile, at: &At<'_>) -> Result<Flow, Complaint> {
    let FlowFile { rate, packet: PacketFile(smallest, largest), burst, volume } = file;
    let packet = at.field("packet");
    for octets in [smallest, largest] {
        packet.require((SMALLEST_PACKET..=LARGEST_PACKET).contains(&octets), || {
            format!("{octets} octets: {SMALLEST_PACKET} to {LARGEST_PACKET} are accepted")
        })?;
    }
    packet.require(smallest <= largest, || {
        format!("the smallest packet, {smallest} octets, is larger than the largest, {largest}")
    })?;
    if let Some(BurstFile { active, idle }) = &burst {
        long(*active, &at.field("burst").field("active"))?;
        long(*idle, &at.field("burst").field("idle"))?;
    }
    at.field("volume").require(volume != Some(Volume(Octets(0))), || {
        "0B is nothing: a rate of 0bit/s says so, or leave it out".to_owned()
    })?;
    Ok(Flow {
        rate_bps: rate.0,
        packet_octets: (smallest, largest),
        burst: burst.map(|burst| Burst { on: burst.active.0, off: burst.idle.0 }),
        volume: volume.map(|volume| volume.0),
    })
}

impl From<&SessionTemplate> for SessionFile {
    fn from(session: &SessionTemplate) -> Self {
        Self {
            name: Some(session.name.clone()),
            dnn: session.dnn.clone(),
            type_: session.type_,
            slice: Some(session.slice),
            share: session.share,
            traffic: None,
            uplink: Some(FlowFile::from(&session.uplink)),
            downlink: Some(FlowFile::from(&session.downlink)),
        }
    }
}

impl From<&Flow> for FlowFile {
    fn from(flow: &Flow) -> Self {
        let (smallest, largest) = flow.packet_octets;
        Self {
            rate: BitRate(flow.rate_bps),
            packet: PacketFile(smallest, largest),
            burst: flow
                .burst
                .map(|burst| BurstFile { active: DurationText(burst.on), idle: DurationText(burst.off) }),
            volume: flow.volume.map(Volume),
        }
    }
}

impl Serialize for PacketFile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 == self.1 {
            return serializer.serialize_u16(self.0);
        }
        let mut both = serializer.serialize_seq(Some(2))?;
        both.serialize_element(&self.0)?;
        both.serialize_element(&self.1)?;
        both.end()
    }
}

// Written by hand: serde's untagged enums forget what was wrong inside.
impl<'de> Deserialize<'de> for PacketFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PacketVisitor)
    }
}

struct PacketVisitor;

impl<'de> Visitor<'de> for PacketVisitor {
    type Value = PacketFile;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of octets, or the smallest and the largest, such as 1200 or [80, 1200]")
    }

    fn visit_u64<E: serde::de::Error>(self, octets: u64) -> Result<PacketFile, E> {
        let octets = u16::try_from(octets)
            .map_err(|_| E::invalid_value(serde::de::Unexpected::Unsigned(octets), &self))?;
        Ok(PacketFile(octets, octets))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<PacketFile, A::Error> {
        let (smallest, largest) = (items.next_element()?, items.next_element()?);
        match (smallest, largest, items.next_element::<u16>()?) {
            (Some(smallest), Some(largest), None) => Ok(PacketFile(smallest, largest)),
            _ => Err(serde::de::Error::invalid_type(serde::de::Unexpected::Seq, &self)),
        }
    }
}

impl JsonSchema for PacketFile {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PacketSize".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let octets =
            json_schema!({ "type": "integer", "minimum": SMALLEST_PACKET, "maximum": LARGEST_PACKET });
        json_schema!({
            "description": "The size of packets in octets, or the smallest and the largest.",
            "anyOf": [octets, { "type": "array", "items": octets, "minItems": 2, "maxItems": 2 }],
        })
    }
}

fn default_share() -> f64 {
    1.0
}

/// IPv6 and UDP headers (RFC 8200 §3, RFC 768): IPv4's are smaller.
const SMALLEST_PACKET: u16 = 48;
/// A jumbo frame: no N3 carries more.
const LARGEST_PACKET: u16 = 9000;
const LARGEST_SHARE: f64 = 1e6;
