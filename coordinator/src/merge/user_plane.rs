//! What the user plane carried: in one second, or in the whole run.

use serde::{Deserialize, Serialize};
use wire::to_coordinator::UserPlaneInterval;

/// T-PDUs, and their octets without GTP-U headers. A type apart from the wire's: the names in `summary.json` stay, the wire has
/// versions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserPlaneSummary {
    /// T-PDUs sent.
    pub uplink_packets: u64,
    /// Octets sent.
    pub uplink_octets: u64,
    /// T-PDUs received.
    pub downlink_packets: u64,
    /// Octets received.
    pub downlink_octets: u64,
    /// T-PDUs missing by their sequence numbers.
    pub downlink_lost: u64,
    /// T-PDUs that came after a later one.
    pub downlink_reordered: u64,
    /// T-PDUs that could not be sent.
    pub uplink_dropped: u64,
    /// GTP-U messages that were not understood, or of no session.
    pub strays: u64,
    /// End markers received.
    pub end_markers: u64,
    /// Echoes answered, in either direction.
    pub echoes: u64,
    /// T-PDUs whose sequence number had come before.
    #[serde(default)]
    pub downlink_duplicated: u64,
    /// How often a sender began its sequence numbers anew within a tunnel.
    #[serde(default)]
    pub sequence_restarts: u64,
    /// How often a sequence number was further away than can have been lost.
    #[serde(default)]
    pub sequence_jumps: u64,
    /// Messages for a tunnel from an address that is not its other end; among the strays.
    #[serde(default)]
    pub foreign_source: u64,
    /// Router advertisements that gave a UE its IPv6 prefix.
    #[serde(default)]
    pub router_advertisements: u64,
}

impl UserPlaneSummary {
    /// Adds one interval. Sums saturate; `merge` refuses what could come near.
    pub(crate) fn add(&mut self, interval: &UserPlaneInterval) {
        self.merge(&Self {
            uplink_packets: interval.uplink_packets,
            uplink_octets: interval.uplink_octets,
            downlink_packets: interval.downlink_packets,
            downlink_octets: interval.downlink_octets,
            downlink_lost: interval.downlink_lost,
            downlink_reordered: interval.downlink_reordered,
            uplink_dropped: interval.uplink_dropped,
            strays: interval.strays,
            end_markers: interval.end_markers,
            echoes: interval.echoes,
            downlink_duplicated: interval.downlink_duplicated,
            sequence_restarts: interval.sequence_restarts,
            sequence_jumps: interval.sequence_jumps,
            foreign_source: interval.foreign_source,
            router_advertisements: interval.router_advertisements,
        });
    }

    /// Adds what another stretch of time carried.
    pub(crate) fn merge(&mut self, interval: &Self) {
        for (sum, more) in [
            (&mut self.uplink_packets, interval.uplink_packets),
            (&mut self.uplink_octets, interval.uplink_octets),
            (&mut self.downlink_packets, interval.downlink_packets),
            (&mut self.downlink_octets, interval.downlink_octets),
            (&mut self.downlink_lost, interval.downlink_lost),
            (&mut self.downlink_reordered, interval.downlink_reordered),
            (&mut self.uplink_dropped, interval.uplink_dropped),
            (&mut self.strays, interval.strays),
            (&mut self.end_markers, interval.end_markers),
            (&mut self.echoes, interval.echoes),
            (&mut self.downlink_duplicated, interval.downlink_duplicated),
            (&mut self.sequence_restarts, interval.sequence_restarts),
            (&mut self.sequence_jumps, interval.sequence_jumps),
            (&mut self.foreign_source, interval.foreign_source),
            (&mut self.router_advertisements, interval.router_advertisements),
        ] {
            *sum = sum.saturating_add(more);
        }
    }
}
