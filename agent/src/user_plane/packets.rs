//! What goes out on N3, and what comes: it counts when it comes through a tunnel, from the other end of that tunnel.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use gtpu::{Arrival, Direction, GPdu, Message, Packet, QosFlow};
use identity::SessionId;

use super::strays::Stray;
use super::tunnels::Came;
use super::{Outgoing, UserPlane, send};

impl UserPlane {
    /// Sends the packets of one session that are due, at most so many. Returns how many it were.
    pub(super) fn send_due(
        &mut self,
        ue: u32,
        id: SessionId,
        most: usize,
        now: Instant,
        out: &mut Vec<Outgoing>,
    ) -> usize {
        let Some(held) = self.sessions.get_mut(ue, id) else { return 0 };
        if held.holds_until.take().is_some() {
            self.resume(ue, id, now);
            return 0;
        }
        let (Some(teid), Some(part), Some(source)) = (held.tunnel, held.part, &mut held.source) else {
            return 0;
        };
        let Some((remote, qfi)) = self.tunnels.remote(teid) else { return 0 };
        let path = Packet {
            from: held.address,
            to: server(held.address),
            from_port: FIRST_PORT + u16::from(id.value()),
            to_port: DISCARD,
        };
        let mut count = 0;
        while count < most
            && let Some(size) = source.packet(now)
        {
            count += 1;
            self.t_pdu.clear();
            let Ok(octets) = gtpu::build(&path, size, &mut self.t_pdu) else { break };
            let g_pdu = Message::GPdu(GPdu {
                teid: remote.1,
                sequence: Some(self.tunnels.next_sequence(teid)),
                qos_flow: Some(QosFlow { direction: Direction::Uplink, qfi }),
                t_pdu: &self.t_pdu,
            });
            if !send(SocketAddr::new(remote.0, gtpu::PORT), &g_pdu, out) {
                self.counters.uplink_dropped += 1;
                continue;
            }
            self.counters.uplink_packets += 1;
            self.counters.uplink_octets += octets as u64;
            self.usage.sent(part, octets as u64);
            self.tunnels.touch(teid, now);
        }
        if let Some(at) = source.next_due() {
            self.due.set((ue, id), at);
        }
        count
    }

    /// A GTP-U message came. Answers go to `out`.
    pub(crate) fn received(
        &mut self,
        from: SocketAddr,
        octets: &[u8],
        now: Instant,
        out: &mut Vec<Outgoing>,
    ) {
        match Message::decode(octets) {
            Ok(Message::GPdu(packet)) => self.received_packet(from, &packet, now, out),
            Ok(Message::EchoRequest { sequence }) => {
                self.counters.echoes += 1;
                send(from, &Message::EchoResponse { sequence }, out);
            }
            Ok(Message::EchoResponse { .. }) => self.counters.echoes += 1,
            Ok(Message::EndMarker { teid }) => match self.tunnels.is_from_its_end(teid, from.ip()) {
                Some(true) => self.counters.end_markers += 1,
                Some(false) => self.foreign(),
                None => self.stray(Stray::UnknownTunnel),
            },
            // Nothing ends by it: the SMF tells the gNB when a tunnel is gone.
            Ok(Message::ErrorIndication { .. }) => self.stray(Stray::ErrorIndication),
            Err(gtpu::DecodeError::UnsupportedExtensionHeader(_)) => {
                self.stray(Stray::ExtensionHeader);
                if self.answers.allow(now) {
                    send(from, &Message::supported(), out);
                }
            }
            Ok(Message::SupportedExtensionHeaders(_) | Message::Other { .. }) => self.stray(Stray::Other),
            Err(_) => self.stray(Stray::Malformed),
        }
    }

    fn received_packet(
        &mut self,
        from: SocketAddr,
        packet: &GPdu<'_>,
        now: Instant,
        out: &mut Vec<Outgoing>,
    ) {
        // IPv4 or IPv6; an empty one is nothing that a UE receives.
        if !matches!(packet.t_pdu.first().map(|first| first >> 4), Some(4 | 6)) {
            return match self.tunnels.is_from_its_end(packet.teid, from.ip()) {
                Some(false) => self.foreign(),
                _ => self.stray(Stray::NoPacket),
            };
        }
        let octets = packet.t_pdu.len() as u64;
        match self.tunnels.count(packet.teid, from.ip(), (packet.sequence, octets), now) {
            Came::Through { part, arrival, of } => {
                let newly_lost = self.count_arrival(arrival);
                self.counters.downlink_packets += 1;
                self.counters.downlink_octets += octets;
                self.usage.received(part, octets, newly_lost);
                if let Some((ue, id)) = of
                    && let Some(advertised) = gtpu::read_router_advertisement(packet.t_pdu)
                {
                    self.advertised(ue, id, advertised.prefix, now);
                }
            }
            Came::Foreign => self.foreign(),
            Came::Nobodys => {
                self.stray(Stray::NobodysTunnel);
                self.indicate(from, packet.teid, now, out);
            }
            Came::Unknown => {
                self.stray(Stray::UnknownTunnel);
                self.indicate(from, packet.teid, now, out);
            }
        }
    }

    /// TS 29.281 §7.3.1: nobody takes what comes in this tunnel, so that the peer stops.
    fn indicate(&mut self, from: SocketAddr, teid: u32, now: Instant, out: &mut Vec<Outgoing>) {
        let Some(peer) = self.address.filter(|_| self.answers.allow(now)) else { return };
        // To the port that every endpoint listens on.
        let to = SocketAddr::new(from.ip(), gtpu::PORT);
        send(to, &Message::ErrorIndication { teid, peer }, out);
    }

    /// How many more packets are missing than before.
    fn count_arrival(&mut self, arrival: Option<Arrival>) -> i64 {
        let newly_lost = match arrival {
            Some(Arrival::After(missing)) => i64::from(missing),
            Some(Arrival::Late) => {
                self.counters.downlink_reordered += 1;
                -1
            }
            Some(Arrival::Twice) => {
                self.counters.downlink_duplicated += 1;
                0
            }
            Some(Arrival::Restarted) => {
                self.counters.sequence_restarts += 1;
                0
            }
            Some(Arrival::Jumped) => {
                self.counters.sequence_jumps += 1;
                0
            }
            Some(Arrival::InOrder) | None => 0,
        };
        self.lost += newly_lost;
        newly_lost
    }

    fn foreign(&mut self) {
        self.counters.foreign_source += 1;
        self.stray(Stray::ForeignSource);
    }

    fn stray(&mut self, kind: Stray) {
        self.counters.strays += 1;
        self.strays.count(kind);
    }
}

/// Whom the UEs send to: addresses kept for documentation (RFC 5737, RFC 3849).
fn server(of: IpAddr) -> IpAddr {
    match of {
        IpAddr::V4(_) => std::net::Ipv4Addr::new(198, 51, 100, 1).into(),
        IpAddr::V6(_) => std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
    }
}

/// The discard service (RFC 863).
const DISCARD: u16 = 9;
const FIRST_PORT: u16 = 40_000;
