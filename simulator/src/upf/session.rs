//! One session: its tunnels, its downlink, and what it has used.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use billing::Octets;
use gtpu::{Direction, GPdu, IpPacket, Packet, QosFlow, Skipped, TrafficSource};
use scenarios::stream_seed;

use super::gateway::Gateway;
use super::sources::{Source, Sources};
use super::{N3End, SessionSpec, UpfAction, UpfCounters, Volumes, gateway};

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
    /// Who sends the uplink, and what is missing of it.
    sources: Sources,
    gateway: Gateway,
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
    UnknownFlow,
    NotIp,
    NotTheUes,
    ForeignSource,
}

impl Session {
    pub(super) fn new(spec: SessionSpec, teid: u32, seed: u64) -> Self {
        // Where there are both, the downlink is IPv4.
        let to = spec.ue.ipv4.map(IpAddr::from).or_else(|| spec.ue.ipv6.map(IpAddr::from));
        let packet = to.map(|to| {
            let from = if to.is_ipv4() { gateway::SERVER_V4.into() } else { gateway::SERVER_V6.into() };
            Packet { from, to, from_port: SERVER_PORT, to_port: UE_PORT }
        });
        Self {
            wakeup: None,
            teid,
            // Not of the TEID, which is another in each run.
            seed: stream_seed(seed, &[DOWNLINK, spec.supi.value(), u64::from(spec.session.value())]),
            path: Path::None,
            source: None,
            throttle: 1.0,
            packet,
            sequence: 0,
            sources: Sources::default(),
            gateway: Gateway::default(),
            volumes: Volumes::default(),
            granted_up_to: None,
            spec,
        }
    }

    /// The gNB's end that the downlink goes to.
    pub(super) fn tunnel(&self) -> Option<N3End> {
        match self.path {
            Path::To(tunnel) => Some(tunnel),
            Path::None | Path::Waits { .. } => None,
        }
    }

    pub(super) fn is_from_its_gnb(&self, from: IpAddr) -> bool {
        self.sources.judge(self.tunnel(), from) == Source::Known
    }

    /// The way down changes. The old one, where it has to be closed with an end marker (TS 23.502 §4.9.1.2.2).
    pub(super) fn redirect(
        &mut self,
        now: Instant,
        tunnel: Option<N3End>,
        counters: &mut UpfCounters,
    ) -> Option<N3End> {
        let old = self.path;
        let Some(tunnel) = tunnel else {
            if let Path::To(old) = old {
                self.sources.left(old.address);
                self.path = Path::Waits { reported: false };
            }
            return None;
        };
        if old == Path::To(tunnel) {
            return None;
        }
        if let Path::To(old) = old {
            self.sources.left(old.address);
        }
        self.path = Path::To(tunnel);
        let (packets, octets) = self.sources.adopt(now, tunnel.address);
        self.volumes.uplink.0 += octets;
        self.volumes.uplink_packets += packets;
        counters.foreign_source = counters.foreign_source.saturating_sub(packets);
        counters.uplink_packets += packets;
        counters.uplink_octets += octets;
        // TS 29.281 §5.1: numbers are those of one tunnel.
        self.sequence = 0;
        match &mut self.source {
            Some(source) => source.resume(now),
            None => {
                self.gateway.advertise(self.spec.ue);
                self.source = Some(TrafficSource::new(self.spec.downlink, self.seed, now));
            }
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
            self.sources.left(tunnel.address);
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
            if gtpu::build(packet, size, scratch).is_err() {
                break;
            }
            let mut pipe =
                Pipe { spec: &self.spec, sequence: &mut self.sequence, volumes: &mut self.volumes };
            let Some(action) = pipe.send(tunnel, scratch, counters) else { break };
            out.push(action);
            made += 1;
        }
        if self.quota_reached() {
            out.push(UpfAction::QuotaReached { teid: self.teid });
        }
        made
    }

    /// Sends what the gateway has to say, `room` packets at most, while the UE can be reached. Whether that used up the quota.
    pub(super) fn reply(
        &mut self,
        room: usize,
        scratch: &mut Vec<u8>,
        counters: &mut UpfCounters,
        out: &mut Vec<UpfAction>,
    ) -> bool {
        let Path::To(tunnel) = self.path else { return false };
        let mut sent = 0;
        while sent < room
            && let Some(reply) = self.gateway.next(self.spec.ue, counters)
        {
            scratch.clear();
            scratch.extend_from_slice(&reply);
            let mut pipe =
                Pipe { spec: &self.spec, sequence: &mut self.sequence, volumes: &mut self.volumes };
            out.extend(pipe.send(tunnel, scratch, counters));
            sent += 1;
        }
        sent > 0 && self.quota_reached()
    }

    /// A packet from the UE, which counts. Whether it used up the quota.
    pub(super) fn uplink(
        &mut self,
        now: Instant,
        from: SocketAddr,
        g_pdu: &GPdu<'_>,
        counters: &mut UpfCounters,
    ) -> Result<bool, Drop> {
        let (octets, packet) = (g_pdu.t_pdu.len() as u64, self.judge(g_pdu));
        if self.sources.judge(self.tunnel(), from.ip()) == Source::Foreign {
            if packet.is_ok() {
                self.sources.set_aside(now, from.ip(), octets);
            }
            return Err(Drop::ForeignSource);
        }
        let packet = packet?;
        if let Some(sequence) = g_pdu.sequence {
            self.sources.count(now, from.ip(), sequence, octets, self.spec.uplink.as_ref(), counters);
            self.volumes.uplink_lost = self.sources.lost();
        }
        self.volumes.uplink.0 += octets;
        self.volumes.uplink_packets += 1;
        self.gateway.asked(self.spec.ue, &packet, counters);
        Ok(self.quota_reached())
    }

    /// Whether it is a packet of the session, wherever it comes from.
    fn judge<'a>(&self, g_pdu: &GPdu<'a>) -> Result<IpPacket<'a>, Drop> {
        let flow = g_pdu.qos_flow.filter(|flow| flow.direction == Direction::Uplink);
        if flow.ok_or(Drop::NotUplink)?.qfi != self.spec.qfi {
            return Err(Drop::UnknownFlow);
        }
        let packet = gtpu::read_ip(g_pdu.t_pdu).map_err(|_| Drop::NotIp)?;
        if gateway::is_of(self.spec.ue, &packet) { Ok(packet) } else { Err(Drop::NotTheUes) }
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
}

/// What goes into a downlink tunnel, and counts.
struct Pipe<'a> {
    spec: &'a SessionSpec,
    sequence: &'a mut u16,
    volumes: &'a mut Volumes,
}

impl Pipe<'_> {
    /// `None`: it is larger than a datagram.
    fn send(&mut self, tunnel: N3End, t_pdu: &[u8], counters: &mut UpfCounters) -> Option<UpfAction> {
        let g_pdu = GPdu {
            teid: tunnel.teid,
            sequence: Some(*self.sequence),
            qos_flow: Some(QosFlow { direction: Direction::Downlink, qfi: self.spec.qfi }),
            t_pdu,
        };
        let mut octets = Vec::with_capacity(t_pdu.len() + HEADERS);
        g_pdu.encode(&mut octets).ok()?;
        *self.sequence = self.sequence.wrapping_add(1);
        self.volumes.downlink.0 += t_pdu.len() as u64;
        self.volumes.downlink_packets += 1;
        counters.downlink_packets += 1;
        counters.downlink_octets += t_pdu.len() as u64;
        Some(UpfAction::Send { to: SocketAddr::new(tunnel.address, gtpu::PORT), octets })
    }
}

/// Ports that no protocol is read into.
const SERVER_PORT: u16 = 61_001;
const UE_PORT: u16 = 61_002;
/// Of GTP-U, with a sequence number and one extension.
const HEADERS: usize = 16;
/// The stream of the UPF's seed.
const DOWNLINK: u64 = 2;
