//! PDU sessions: what UEs ask for, and what flows in them.

use std::time::Duration;

use billing::Octets;
use identity::{Dnn, PduSessionType, Snssai};

/// What a UE asks for when it establishes a session. A load of `pdu-session` deals these out by their shares.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionTemplate {
    /// For the report.
    pub name: String,
    /// The data network.
    pub dnn: Dnn,
    /// The kind of addresses.
    pub type_: PduSessionType,
    /// The slice.
    pub slice: Snssai,
    /// Its part of all sessions, relative to the others.
    pub share: f64,
    /// What flows, from the UE.
    pub uplink: Flow,
    /// What flows, to the UE.
    pub downlink: Flow,
}

/// Traffic in one direction, paced by its rate from the moment that the session is up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Flow {
    /// While it flows, bits of T-PDU a second; 0 is nothing at all.
    pub rate_bps: u64,
    /// Size of the T-PDUs in octets, the smallest and the largest; drawn evenly.
    pub packet_octets: (u16, u16),
    /// It flows for a while and pauses for a while, by turns. `None`: without a pause.
    pub burst: Option<Burst>,
    /// It ends when this much has flowed in the session. `None`: it goes on to the session's end.
    pub volume: Option<Octets>,
}

/// By turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Burst {
    /// How long it flows.
    pub on: Duration,
    /// How long it pauses.
    pub off: Duration,
}

impl Flow {
    /// No traffic.
    pub const NONE: Self = Self { rate_bps: 0, packet_octets: (100, 1400), burst: None, volume: None };

    /// The most octets that flow in so long a time, wherever its bursts lie; `None` where nothing flows.
    pub fn most_octets(&self, time: Duration) -> Option<u64> {
        if self.rate_bps == 0 {
            return None;
        }
        let flowing = self.burst.map_or(time, |burst| {
            let turn = burst.on.saturating_add(burst.off).as_nanos().max(1);
            let turns = u32::try_from(time.as_nanos() / turn).unwrap_or(u32::MAX).saturating_add(1);
            // The time may begin and end in the middle of a burst.
            burst.on.saturating_mul(turns).saturating_add(burst.on).min(time)
        });
        let octets = flowing.as_nanos().saturating_mul(u128::from(self.rate_bps)) / 8_000_000_000;
        let octets = u64::try_from(octets).unwrap_or(u64::MAX).saturating_add(u64::from(self.largest()));
        let volume =
            self.volume.map_or(u64::MAX, |volume| volume.0.saturating_add(u64::from(self.largest())));
        Some(octets.min(volume))
    }

    /// The most packets that these octets can be.
    pub fn most_packets(&self, octets: u64) -> u64 {
        octets.div_ceil(u64::from(self.packet_octets.0.min(self.packet_octets.1).max(1)))
    }

    /// The size of the largest packet, in octets.
    pub fn largest(&self) -> u16 {
        self.packet_octets.0.max(self.packet_octets.1)
    }
}

/// The traffic that comes with the program: name, and text with the flows of both directions.
pub fn traffic_profiles() -> &'static [(&'static str, &'static str)] {
    &[
        ("web", include_str!("../traffic/web.yaml")),
        ("video", include_str!("../traffic/video.yaml")),
        ("voice", include_str!("../traffic/voice.yaml")),
        ("telemetry", include_str!("../traffic/telemetry.yaml")),
    ]
}
