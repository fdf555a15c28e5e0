//! One session: its tunnels, its downlink, and what it has used.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Instant;

use billing::Octets;
use gtpu::{Direction, GPdu, Packet, QosFlow, SequenceCounter, Skipped, TrafficSource};
use scenarios::stream_seed;

use super::{N3End, SessionSpec, UpfAction, UpfCounters, Volumes};

pub(super) struct Session {
    pub(super) spec: SessionSpec,
    /// When [`super::Wakeups`] next has the session looked at.
    pub(super) wakeup: Option<Instant>,
    teid: u32,
    seed: u64,
    path: Path,
    /// From the first downlink tunnel on.
    source: Option<TrafficSource>,
    throttle: f64,
    packet: Option<Packet>,
    /// Of the next packet in the downlink tunnel.
    sequence: u16,
    /// Who sends the uplink.
    uplink_from: Option<SocketAddr>,
    uplink_sequence: SequenceCounter,
    volumes: Volumes,
    /// The total at which the quota is used up.
    granted_up_to: Option<u64>,
}

/// The way down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Path {
    /// There was no tunnel yet, or the gNB has lost it.
    None,
    To(N3End),
    /// The UE is idle.
    Waits {
        reported: bool,
    },
}

/// Why a packet of the uplink is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Drop {
    NotUplink,
    NotTheUes,
}

impl Session {
    pub(super) fn new(spec: SessionSpec, teid: u32, seed: u64) -> Self {
        // Where there are both, the downlink is IPv4.
        let to = spec.ue.ipv4.map(IpAddr::from).or_else(|| spec.ue.ipv6.map(IpAddr::from));
        let packet = to.map(|to| {
            let from = if to.is_ipv4() { SERVER_V4.into() } else { SERVER_V6.into() };
            Packet { from, to, from_port: SERVER_PORT, to_port: UE_PORT }
        });
        Self {
            wakeup: None,
            teid,
            seed: stream_seed(seed, &[DOWNLINK, u64::from(teid)]),
            path: Path::None,
            source: None,
            throttle: 1.0,
            packet,
            sequence: 0,
            uplink_from: None,
            uplink_sequence: SequenceCounter::new(),
            volumes: Volumes::default(),
            granted_up_to: None,
            spec,
        }
    }

    /// The way down changes. The old one, where it has to be closed with an end marker (TS 23.502 §4.9.1.2.2).
    pub(super) fn redirect(&mut self, now: Instant, tunnel: Option<N3End>) -> Option<N3End> {
        let old = self.path;
        let Some(tunnel) = tunnel else {
            if let Path::To(_) = old {
                self.path = Path::Waits { reported: false };
            }
            return None;
        };
        if old == Path::To(tunnel) {
            return None;
        }
        self.path = Path::To(tunnel);
        // TS 29.281 §5.1: numbers are those of one tunnel.
        self.sequence = 0;
        match &mut self.source {
            Some(source) => source.resume(now),
            None => self.source = Some(TrafficSource::new(self.spec.downlink, self.seed, now)),
        }
        self.throttle(now, self.throttle);
        match old {
            Path::To(old) => Some(old),
            _ => None,
        }
    }

    /// The gNB does not know this tunnel.
    pub(super) fn lost(&mut self, tunnel: N3End) {
        if self.path == Path::To(tunnel) {
            self.path = Path::None;
        }
    }

    pub(super) fn throttle(&mut self, now: Instant, factor: f64) {
        self.throttle = factor;
        let (ambr, rate) = (self.spec.ambr.1, self.spec.downlink.rate_bps);
        let limit = if ambr == 0 || ambr >= rate { 1.0 } else { ambr as f64 / rate as f64 };
        if let Some(source) = &mut self.source {
            source.throttle(now, factor.min(limit));
        }
    }

    pub(super) fn grant(&mut self, octets: Octets) {
        self.granted_up_to = Some(self.volumes.total().0.saturating_add(octets.0));
    }

    /// When there is something to do for the downlink.
    pub(super) fn next_due(&self) -> Option<Instant> {
        match self.path {
            Path::To(_) | Path::Waits { reported: false } => self.source.as_ref()?.next_due(),
            Path::None | Path::Waits { reported: true } => None,
        }
    }

    /// Sends what is due, `room` packets at most. How many there were.
    pub(super) fn flow(
        &mut self,
        now: Instant,
        room: usize,
        scratch: &mut Vec<u8>,
        counters: &mut UpfCounters,
        out: &mut Vec<UpfAction>,
    ) -> usize {
        let (Some(source), Some(packet)) = (&mut self.source, &self.packet) else { return 0 };
        let tunnel = match self.path {
            Path::To(tunnel) => tunnel,
            Path::Waits { reported: false } if source.next_due().is_some_and(|due| due <= now) => {
                self.path = Path::Waits { reported: true };
                source.pause();
                counters.downlink_data_reports += 1;
                out.push(UpfAction::DownlinkDataReport { teid: self.teid });
                return 0;
            }
            _ => return 0,
        };
        let mut made = 0;
        while made < room
            && let Some(size) = source.packet(now)
        {
            scratch.clear();
            let Ok(octets) = gtpu::build(packet, size, scratch) else { break };
            let g_pdu = GPdu {
                teid: tunnel.teid,
                sequence: Some(self.sequence),
                qos_flow: Some(QosFlow { direction: Direction::Downlink, qfi: self.spec.qfi }),
                t_pdu: scratch,
            };
            let mut datagram = Vec::with_capacity(octets + HEADERS);
            if g_pdu.encode(&mut datagram).is_err() {
                break;
            }
            made += 1;
            self.sequence = self.sequence.wrapping_add(1);
            self.volumes.downlink.0 += octets as u64;
            self.volumes.downlink_packets += 1;
            counters.downlink_packets += 1;
            counters.downlink_octets += octets as u64;
            out.push(UpfAction::Send { to: SocketAddr::new(tunnel.address, gtpu::PORT), octets: datagram });
        }
        if self.quota_reached() {
            out.push(UpfAction::QuotaReached { teid: self.teid });
        }
        made
    }

    /// A packet from the UE, which counts. Whether it used up the quota.
    pub(super) fn uplink(&mut self, from: SocketAddr, g_pdu: &GPdu<'_>) -> Result<bool, Drop> {
        if g_pdu.qos_flow.is_none_or(|flow| flow.direction != Direction::Uplink) {
            return Err(Drop::NotUplink);
        }
        let packet = gtpu::read(g_pdu.t_pdu).map_err(|_| Drop::NotTheUes)?;
        if !self.is_the_ues(packet.from) {
            return Err(Drop::NotTheUes);
        }
        if let Some(sequence) = g_pdu.sequence {
            if self.uplink_from.replace(from) != Some(from) {
                self.uplink_sequence.begin_again();
            }
            self.uplink_sequence.record(sequence);
            self.volumes.uplink_lost = self.uplink_sequence.lost();
        }
        self.volumes.uplink.0 += g_pdu.t_pdu.len() as u64;
        self.volumes.uplink_packets += 1;
        Ok(self.quota_reached())
    }

    pub(super) fn volumes(&self) -> Volumes {
        self.volumes
    }

    pub(super) fn skipped(&self) -> Skipped {
        self.source.as_ref().map(TrafficSource::skipped).unwrap_or_default()
    }

    /// Once for each grant.
    fn quota_reached(&mut self) -> bool {
        let reached = self.granted_up_to.is_some_and(|limit| self.volumes.total().0 >= limit);
        if reached {
            self.granted_up_to = None;
        }
        reached
    }

    fn is_the_ues(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => self.spec.ue.ipv4 == Some(address),
            // The prefix comes with a router advertisement, which a UE need not have heard yet (TS 23.501 §5.8.2.2.3).
            IpAddr::V6(address) => {
                self.spec.ue.ipv6.is_some_and(|own| own.octets()[8..] == address.octets()[8..])
            }
        }
    }
}

/// Where the TEIDs begin.
pub(super) fn first_teid(seed: u64) -> u32 {
    u32::try_from(stream_seed(seed, &[TEIDS]) >> 32).unwrap_or(1)
}

/// Odd, so that every TEID comes once before any comes again.
pub(super) const TEID_STEP: u32 = 0x9e37_79b1;

/// Who talks to UEs: addresses that are kept for documentation (RFC 5737, RFC 3849).
const SERVER_V4: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
const SERVER_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
/// Ports that no protocol is read into.
const SERVER_PORT: u16 = 61_001;
const UE_PORT: u16 = 61_002;
/// Of GTP-U, with a sequence number and one extension.
const HEADERS: usize = 16;
/// The streams of the UPF's seed.
const TEIDS: u64 = 1;
const DOWNLINK: u64 = 2;
