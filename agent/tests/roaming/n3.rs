//! An N3 that is not good: packets that get lost, and a stranger who knows every tunnel.

use std::net::SocketAddr;
use std::time::Duration;

use gtpu::{GPdu, Message};

/// What is wrong with N3.
#[derive(Default)]
pub(crate) struct N3 {
    /// For each message that comes, a stranger sends some of its own into the same tunnel.
    pub(crate) stranger: bool,
    /// One of so many packets gets lost between these two times after the start.
    pub(crate) losing: Option<(u64, Duration, Duration)>,
    packets: u64,
}

impl N3 {
    /// Whether the message does not arrive.
    pub(crate) fn loses(&mut self, octets: &[u8], at: Duration) -> bool {
        let Some((one_of, from, to)) = self.losing else { return false };
        let is_packet = matches!(Message::decode(octets), Ok(Message::GPdu(_)));
        self.packets += u64::from(is_packet);
        is_packet && (from..to).contains(&at) && self.packets.is_multiple_of(one_of)
    }

    /// What the stranger sends when this message goes to `to`.
    pub(crate) fn forged(&self, octets: &[u8], to: SocketAddr) -> Vec<Vec<u8>> {
        let Ok(Message::GPdu(g_pdu)) = Message::decode(octets) else { return Vec::new() };
        if !self.stranger {
            return Vec::new();
        }
        let ahead = g_pdu.sequence.map(|number| number.wrapping_add(30_000));
        let messages = [
            Message::GPdu(GPdu { sequence: ahead, t_pdu: &[], ..g_pdu }),
            Message::GPdu(GPdu { sequence: ahead, ..g_pdu }),
            Message::GPdu(GPdu { sequence: None, ..g_pdu }),
            Message::EndMarker { teid: g_pdu.teid },
            Message::ErrorIndication { teid: g_pdu.teid, peer: to.ip() },
        ];
        let encoded = messages.iter().map(|message| {
            let mut octets = Vec::new();
            message.encode(&mut octets).unwrap();
            octets
        });
        encoded.collect()
    }
}

/// Where the stranger is.
pub(crate) const STRANGER: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(127, 77, 0, 1)), gtpu::PORT);
