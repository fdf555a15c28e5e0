//! What the UPF itself says to UEs: answers to pings, and what an IPv6 host hears of its router.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use gtpu::{Advertised, IpPacket, Request};

use super::{UeAddresses, UpfCounters};

/// What the UPF has to say to one UE and has not said yet.
#[derive(Default)]
pub(super) struct Gateway {
    waiting: VecDeque<Reply>,
}

enum Reply {
    Packet(Vec<u8>),
    /// To this address.
    RouterAdvertisement(Ipv6Addr),
}

impl Gateway {
    /// A router advertisement that nobody has asked for (TS 23.501 §5.8.2.2.3), where the session has IPv6.
    pub(super) fn advertise(&mut self, ue: UeAddresses) {
        if ue.ipv6.is_some() {
            self.waiting.push_front(Reply::RouterAdvertisement(gtpu::ALL_NODES));
        }
    }

    /// A packet of the UE came: where it asks the gateway for something, there is an answer.
    pub(super) fn asked(&mut self, ue: UeAddresses, packet: &IpPacket<'_>, counters: &mut UpfCounters) {
        let Some(reply) = answer(ue, packet) else { return };
        if self.waiting.len() < WAITING {
            self.waiting.push_back(reply);
        } else {
            counters.replies_dropped += 1;
        }
    }

    pub(super) fn next(&mut self, ue: UeAddresses, counters: &mut UpfCounters) -> Option<Vec<u8>> {
        match self.waiting.pop_front()? {
            Reply::Packet(packet) => {
                counters.echo_replies += 1;
                Some(packet)
            }
            Reply::RouterAdvertisement(to) => {
                counters.router_advertisements += 1;
                let [a, b, c, d, e, f, g, h, ..] = ue.ipv6?.octets();
                let prefix = [a, b, c, d, e, f, g, h];
                let advertised = Advertised { prefix, mtu: Some(u32::from(LINK_MTU)), dns: Some(DNS_V6) };
                Some(gtpu::router_advertisement(ROUTER, to, &advertised))
            }
        }
    }
}

fn answer(ue: UeAddresses, packet: &IpPacket<'_>) -> Option<Reply> {
    match (packet.asks?, packet.from, packet.to) {
        (Request::Echo { .. }, _, to) => {
            let own = match to {
                IpAddr::V4(to) => [DNS_V4, SERVER_V4].contains(&to).then_some(IpAddr::from(to)),
                IpAddr::V6(to) if [SERVER_V6, ROUTER].contains(&to) => Some(to.into()),
                IpAddr::V6(to) => [gtpu::ALL_NODES, gtpu::ALL_ROUTERS].contains(&to).then_some(ROUTER.into()),
            };
            gtpu::echo_reply(packet, own?).map(Reply::Packet)
        }
        (Request::Router, IpAddr::V6(from), _) if ue.ipv6.is_some() => {
            // RFC 4861 §6.2.6: who has no address yet hears it with all others.
            Some(Reply::RouterAdvertisement(if from.is_unspecified() { gtpu::ALL_NODES } else { from }))
        }
        (Request::Neighbour(target), IpAddr::V6(from), _) if target == ROUTER => {
            let to = if from.is_unspecified() { gtpu::ALL_NODES } else { from };
            Some(Reply::Packet(gtpu::neighbour_advertisement(ROUTER, to, !from.is_unspecified())))
        }
        _ => None,
    }
}

/// Whether a packet is from this UE: from its IPv4 address, from any address in its IPv6 prefix (TS 23.501 §5.8.2.2.3: the UE
/// chooses the interface identifier), from its link-local address, or from none while it looks for one.
pub(super) fn is_of(ue: UeAddresses, packet: &IpPacket<'_>) -> bool {
    match packet.from {
        IpAddr::V4(from) => ue.ipv4 == Some(from),
        IpAddr::V6(from) => ue.ipv6.is_some_and(|own| {
            let (own, from_octets) = (own.octets(), from.octets());
            let link_local = from_octets[..8] == [0xfe, 0x80, 0, 0, 0, 0, 0, 0];
            let asks_for_one = matches!(packet.asks, Some(Request::Router | Request::Neighbour(_)));
            own[..8] == from_octets[..8]
                || link_local && own[8..] == from_octets[8..]
                || from.is_unspecified() && asks_for_one
        }),
    }
}

/// Who talks to UEs: addresses that are kept for documentation (RFC 5737, RFC 3849).
pub(super) const SERVER_V4: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
pub(super) const SERVER_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
/// The gateway's own address in the UEs' IPv4 network, which UEs are told as their DNS server.
pub(crate) const DNS_V4: Ipv4Addr = Ipv4Addr::new(10, 255, 255, 254);
/// The same for IPv6.
pub(crate) const DNS_V6: Ipv6Addr = SERVER_V6;
/// The gateway's address on the link of each UE; no UE has its interface identifier.
const ROUTER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 1, 0, 0, 1);
/// The largest packet that UEs are told to send, in octets: with the headers of N3 it fits 1,500 octets.
pub(crate) const LINK_MTU: u16 = 1_400;
/// Answers that wait for a UE which cannot be reached.
const WAITING: usize = 8;
