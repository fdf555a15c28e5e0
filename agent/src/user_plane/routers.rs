//! The IPv6 prefix of a session: the UE has it from a router advertisement (TS 23.501 §5.8.2.2.3, RFC 4861 §6.3.7).

use std::net::IpAddr;
use std::time::{Duration, Instant};

use gtpu::{Direction, GPdu, Message, QosFlow};
use identity::SessionId;

use super::{Outgoing, UserPlane, send};

/// What a session knows of its router.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Router {
    /// The session has an IPv4 address, and sends from it.
    #[default]
    NotNeeded,
    /// It was asked so many times for a prefix.
    Asked(u8),
    /// It has advertised this prefix.
    Advertised([u8; 8]),
}

impl Router {
    pub(super) fn prefix(self) -> Option<[u8; 8]> {
        if let Self::Advertised(prefix) = self { Some(prefix) } else { None }
    }

    /// Nobody has asked it yet.
    pub(super) fn is_to_be_asked(self) -> bool {
        self == Self::Asked(0)
    }

    /// Without a prefix nothing is sent until the router was asked twice: then it goes from the link-local address, by whose
    /// interface identifier a UPF may know the UE.
    pub(super) fn is_waited_for(self) -> bool {
        matches!(self, Self::Asked(0 | 1))
    }
}

impl UserPlane {
    /// Asks for the prefix of a session, at most [`SOLICITATIONS`] times.
    pub(super) fn solicit(&mut self, ue: u32, id: SessionId, now: Instant, out: &mut Vec<Outgoing>) {
        let Some(held) = self.sessions.get_mut(ue, id) else { return };
        let (Router::Asked(times), IpAddr::V6(from)) = (held.router, held.address) else { return };
        let (Some(teid), Some(part)) = (held.tunnel, held.part) else { return };
        if times >= SOLICITATIONS {
            return;
        }
        let Some((remote, qfi)) = self.tunnels.remote(teid) else { return };
        held.router = Router::Asked(times + 1);
        self.solicitations.set((ue, id), now + INTERVAL);
        let t_pdu = gtpu::router_solicitation(from);
        let g_pdu = Message::GPdu(GPdu {
            teid: remote.1,
            sequence: Some(self.tunnels.next_sequence(teid)),
            qos_flow: Some(QosFlow { direction: Direction::Uplink, qfi }),
            t_pdu: &t_pdu,
        });
        if send((remote.0, gtpu::PORT).into(), &g_pdu, out) {
            self.counters.uplink_packets += 1;
            self.counters.uplink_octets += t_pdu.len() as u64;
            self.usage.sent(part, t_pdu.len() as u64);
            self.tunnels.touch(teid, now);
        }
        if times == 1 {
            self.resume(ue, id, now);
        }
    }

    /// The router of a session has told its prefix.
    pub(super) fn advertised(&mut self, ue: u32, id: SessionId, prefix: [u8; 8], now: Instant) {
        let Some(held) = self.sessions.get_mut(ue, id) else { return };
        if held.router.prefix() == Some(prefix) {
            return;
        }
        self.counters.router_advertisements += 1;
        if held.router != Router::NotNeeded {
            held.advertised(prefix);
            self.solicitations.stop((ue, id));
            self.resume(ue, id, now);
        }
    }
}

/// How often a host asks, and how long it waits in between (RFC 4861 §10).
const SOLICITATIONS: u8 = 3;
const INTERVAL: Duration = Duration::from_secs(4);
