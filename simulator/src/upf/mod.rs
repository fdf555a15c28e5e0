//! A sans-IO UPF (TS 23.501 §6.2.3): the network's end of the tunnels of N3, and the traffic that comes from the data
//! networks.

mod counters;
mod gateway;
mod peers;
mod session;
mod settings;
mod sources;
mod volumes;
mod wakeups;

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use billing::Octets;
use gtpu::{DecodeError, GPdu, Message, RateLimit};
use identity::{Imsi, Plmn, SessionId, TeidKey};
use rustc_hash::{FxHashMap, FxHashSet};

use peers::Peers;
use session::{Drop, Session};
use wakeups::Wakeups;

pub use counters::UpfCounters;
pub(crate) use gateway::{DNS_V4, DNS_V6, LINK_MTU};
pub use settings::{N3End, SessionSpec, UeAddresses, UpfSettings};
pub use volumes::Volumes;

/// What the UPF wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UpfAction {
    /// Send this datagram.
    Send {
        /// To this address.
        to: SocketAddr,
        /// A GTP-U message.
        octets: Vec<u8>,
    },
    /// There is downlink data for a session without a downlink tunnel (TS 23.502 §4.2.3.3): said once, until the
    /// session has had a tunnel again. Page the UE.
    DownlinkDataReport {
        /// The session's uplink tunnel.
        teid: u32,
    },
    /// What was granted to a session has been used up: said once for each [`Upf::grant`].
    QuotaReached {
        /// The session's uplink tunnel.
        teid: u32,
    },
}

/// A UPF. A session is named by the TEID of its uplink tunnel. The driver feeds it datagrams, calls [`Upf::advance`]
/// at [`Upf::next_deadline`], and carries out what it asks for; a call of [`Upf::advance`] makes at most
/// [`UpfSettings::packets_per_advance`] packets, and is wanted again at once when that was not all.
///
/// ```text
///            set_downlink(Some)          set_downlink(None)            first packet
/// no tunnel ────────────────────► flows ────────────────────► waits ────────────────► waits, reported
///                                   ▲  ◄── end marker to the old tunnel at a change       │
///                                   └───────────────── set_downlink(Some) ────────────────┘
/// ```
pub struct Upf {
    settings: UpfSettings,
    sessions: FxHashMap<u32, Session>,
    /// The sessions that ended last, so that what comes too late is told from what never had a tunnel.
    ended: Ended,
    /// Whose tunnel a gNB's end is.
    by_downlink: FxHashMap<N3End, u32>,
    /// The number of the last TEID.
    numbers: u32,
    wakeups: Wakeups,
    peers: Peers,
    answers: RateLimit,
    counters: UpfCounters,
    /// What is to be done at the next [`Upf::advance`], and since when.
    outbox: Vec<UpfAction>,
    outbox_since: Option<Instant>,
    packet: Vec<u8>,
}

impl Upf {
    /// A UPF without sessions.
    pub fn new(settings: UpfSettings) -> Self {
        Self {
            sessions: FxHashMap::default(),
            ended: Ended::default(),
            by_downlink: FxHashMap::default(),
            numbers: 0,
            wakeups: Wakeups::default(),
            peers: Peers::new(settings.echo_interval),
            answers: RateLimit::new(settings.answers_per_s),
            counters: UpfCounters::default(),
            outbox: Vec::new(),
            outbox_since: None,
            packet: Vec::new(),
            settings,
        }
    }

    /// From now on TEIDs are drawn by this key, which nobody else should know.
    pub fn draw_teids_by(&mut self, key: TeidKey) {
        self.settings.teids = key;
    }

    /// Makes a session. Its downlink flows from the first [`Upf::set_downlink`] on. `None`: there is no room for it.
    pub fn establish(&mut self, _now: Instant, spec: SessionSpec) -> Option<N3End> {
        if self.sessions.len() >= self.settings.sessions {
            self.counters.sessions_refused += 1;
            return None;
        }
        let teid = self.free_teid();
        self.sessions.insert(teid, Session::new(spec, teid, self.settings.seed));
        self.counters.sessions_made += 1;
        Some(N3End { address: self.settings.address, teid })
    }

    /// The downlink tunnel of a session, or that it has none any more: what comes for the UE is then reported, once.
    /// A tunnel that replaces another one has an end marker sent to the other. From now on the uplink comes from its address.
    pub fn set_downlink(&mut self, now: Instant, teid: u32, tunnel: Option<(IpAddr, u32)>) {
        let Some(session) = self.sessions.get_mut(&teid) else { return };
        let tunnel = tunnel.map(|(address, teid)| N3End { address: address.to_canonical(), teid });
        if let Some(before) = session.tunnel().filter(|before| self.by_downlink.get(before) == Some(&teid)) {
            self.by_downlink.remove(&before);
        }
        let old = session.redirect(now, tunnel, &mut self.counters);
        if let Some(due) = session.next_due() {
            self.wakeups.set(teid, &mut session.wakeup, due);
        }
        if let Some(old) = old {
            self.counters.end_markers_sent += 1;
            self.send(now, old.address, &Message::EndMarker { teid: old.teid });
        }
        if let Some(tunnel) = tunnel {
            self.by_downlink.insert(tunnel, teid);
            self.peers.meet(now, tunnel.address);
            self.reply(now, teid);
        }
    }

    /// Another network serves the session.
    pub fn set_serving(&mut self, teid: u32, serving: Plmn) {
        if let Some(session) = self.sessions.get_mut(&teid) {
            session.spec.serving = serving;
        }
    }

    /// The downlink flows at this part of its rate, 0 to 1; the session's AMBR holds beside it.
    pub fn throttle(&mut self, now: Instant, teid: u32, factor: f64) {
        let Some(session) = self.sessions.get_mut(&teid) else { return };
        session.throttle(now, factor);
        if let Some(due) = session.next_due() {
            self.wakeups.set(teid, &mut session.wakeup, due);
        }
    }

    /// How much more may flow, both directions together, until [`UpfAction::QuotaReached`].
    pub fn grant(&mut self, teid: u32, octets: Octets) {
        if let Some(session) = self.sessions.get_mut(&teid) {
            session.grant(octets);
        }
    }

    /// Ends a session. Its totals; nothing for one that is unknown.
    pub fn release(&mut self, _now: Instant, teid: u32) -> Volumes {
        let Some(session) = self.sessions.remove(&teid) else { return Volumes::default() };
        self.ended.push(teid);
        if let Some(tunnel) = session.tunnel().filter(|tunnel| self.by_downlink.get(tunnel) == Some(&teid)) {
            self.by_downlink.remove(&tunnel);
        }
        let sessions = &self.sessions;
        let live = |teid, at| sessions.get(&teid).is_some_and(|session| session.wakeup == Some(at));
        if self.wakeups.len() > 64 + 2 * sessions.len() {
            self.wakeups.compact(live);
        }
        self.wakeups.clear_head(live);
        let skipped = session.skipped();
        self.counters.downlink_skipped += skipped.octets;
        session.volumes()
    }

    /// The totals of a session since it was made; nothing for one that is unknown.
    pub fn volumes(&self, teid: u32) -> Volumes {
        self.sessions.get(&teid).map(Session::volumes).unwrap_or_default()
    }

    /// The totals of every session, by subscriber and session number.
    pub fn all_volumes(&self) -> impl Iterator<Item = ((Imsi, SessionId), Volumes)> + '_ {
        self.sessions.values().map(|session| ((session.spec.supi, session.spec.session), session.volumes()))
    }

    /// A datagram has come.
    pub fn received(&mut self, now: Instant, from: SocketAddr, octets: &[u8]) {
        self.counters.datagrams_received += 1;
        match Message::decode(octets) {
            Ok(Message::GPdu(g_pdu)) => self.uplink(now, from, &g_pdu),
            Ok(Message::EchoRequest { sequence }) => {
                self.counters.echo_requests_received += 1;
                self.answer(now, from, &Message::EchoResponse { sequence });
            }
            Ok(Message::EchoResponse { sequence }) => {
                self.peers.answered(from.ip(), sequence, &mut self.counters)
            }
            Ok(Message::ErrorIndication { teid, peer }) => {
                self.indicated(from, N3End { address: peer, teid })
            }
            Ok(Message::EndMarker { teid }) => {
                // The uplink of this tunnel is over (TS 23.501 §5.8.2.9): nothing depends on it here.
                match self.sessions.get(&teid).map(|session| session.is_from_its_gnb(from.ip())) {
                    Some(true) => self.counters.end_markers_received += 1,
                    Some(false) => self.counters.foreign_source += 1,
                    None => self.counters.ignored += 1,
                }
            }
            Ok(Message::SupportedExtensionHeaders(_) | Message::Other { .. }) => self.counters.ignored += 1,
            Err(DecodeError::UnsupportedExtensionHeader(_)) => {
                self.counters.malformed += 1;
                if self.answers.allow(now) {
                    self.answer(now, from, &Message::supported());
                }
            }
            Err(_) => self.counters.malformed += 1,
        }
    }

    /// Appends what is to be done by `now`.
    pub fn advance(&mut self, now: Instant, out: &mut Vec<UpfAction>) {
        out.append(&mut self.outbox);
        self.outbox_since = None;
        let mut room = self.settings.packets_per_advance;
        while room > 0 {
            let Some((teid, at)) = self.wakeups.expired(now) else { break };
            let session = self.sessions.get_mut(&teid);
            let Some(session) = session.filter(|session| session.wakeup == Some(at)) else { continue };
            session.wakeup = None;
            room -= session.flow(now, room, &mut self.packet, &mut self.counters, out);
            if let Some(due) = session.next_due() {
                let at = if due <= now && room == 0 { due } else { due.max(now + self.settings.tick) };
                self.wakeups.set(teid, &mut session.wakeup, at);
            }
        }
        let sessions = &self.sessions;
        self.wakeups
            .clear_head(|teid, at| sessions.get(&teid).is_some_and(|session| session.wakeup == Some(at)));
        let Self { peers, counters, .. } = self;
        peers.advance(now, counters, |address, message| {
            out.extend(datagram(SocketAddr::new(address, gtpu::PORT), message));
        });
    }

    /// When [`Upf::advance`] is next needed.
    pub fn next_deadline(&self) -> Option<Instant> {
        let (wakeup, echo) = (self.wakeups.next(), self.peers.next_deadline());
        self.outbox_since.into_iter().chain(wakeup).chain(echo).min()
    }

    /// How many sessions there are.
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// What it counted so far.
    pub fn counters(&self) -> UpfCounters {
        UpfCounters { sessions: self.sessions.len(), ..self.counters.clone() }
    }

    /// A packet from a UE.
    fn uplink(&mut self, now: Instant, from: SocketAddr, g_pdu: &GPdu<'_>) {
        let Some(session) = self.sessions.get_mut(&g_pdu.teid) else {
            return self.refuse(now, from, g_pdu.teid, g_pdu.t_pdu.len());
        };
        match session.uplink(now, from, g_pdu, &mut self.counters) {
            Ok(quota_reached) => {
                self.counters.uplink_packets += 1;
                self.counters.uplink_octets += g_pdu.t_pdu.len() as u64;
                self.reply(now, g_pdu.teid);
                if quota_reached {
                    self.ask(now, UpfAction::QuotaReached { teid: g_pdu.teid });
                }
            }
            Err(Drop::NotUplink) => self.counters.not_uplink += 1,
            Err(Drop::UnknownFlow) => self.counters.unknown_flow += 1,
            Err(Drop::NotIp) => self.counters.not_ip += 1,
            Err(Drop::NotTheUes) => self.counters.not_the_ues += 1,
            Err(Drop::ForeignSource) => self.counters.foreign_source += 1,
        }
    }

    /// Sends what the gateway has to say to a UE, as far as there is room.
    fn reply(&mut self, now: Instant, teid: u32) {
        let room = OUTBOX.saturating_sub(self.outbox.len());
        let Some(session) = self.sessions.get_mut(&teid) else { return };
        let before = self.outbox.len();
        let quota_reached = session.reply(room, &mut self.packet, &mut self.counters, &mut self.outbox);
        if self.outbox.len() > before {
            self.outbox_since.get_or_insert(now);
        }
        if quota_reached {
            self.ask(now, UpfAction::QuotaReached { teid });
        }
    }

    /// TS 29.281 §7.3.1: nobody has this tunnel.
    fn refuse(&mut self, now: Instant, from: SocketAddr, teid: u32, octets: usize) {
        if self.ended.contains(teid) {
            self.counters.too_late_packets += 1;
            self.counters.too_late_octets += octets as u64;
        } else {
            self.counters.unknown_tunnel += 1;
        }
        if self.answers.allow(now) {
            self.counters.error_indications_sent += 1;
            // §7.3.1: it goes to the port of GTP-U, wherever the G-PDU came from.
            self.send(now, from.ip(), &Message::ErrorIndication { teid, peer: self.settings.address });
        }
    }

    /// The gNB does not know the tunnel: nothing is sent into it until the SMF gives another (TS 23.527 §5.3.2.1). Only the
    /// gNB itself can say so.
    fn indicated(&mut self, from: SocketAddr, tunnel: N3End) {
        let from = from.ip().to_canonical();
        let named = tunnel.address.to_canonical();
        if !named.is_unspecified() && named != from {
            self.counters.foreign_source += 1;
            return;
        }
        self.counters.error_indications_received += 1;
        let tunnel = N3End { address: from, ..tunnel };
        let session = self.by_downlink.remove(&tunnel).and_then(|teid| self.sessions.get_mut(&teid));
        if let Some(session) = session {
            session.lost(tunnel);
        }
    }

    /// TS 29.281 §4.4.2.2: an answer goes to the port that the request came from.
    fn answer(&mut self, now: Instant, to: SocketAddr, message: &Message<'_>) {
        if let Some(action) = datagram(to, message) {
            self.ask(now, action);
        }
    }

    fn send(&mut self, now: Instant, to: IpAddr, message: &Message<'_>) {
        self.answer(now, SocketAddr::new(to, gtpu::PORT), message);
    }

    fn ask(&mut self, now: Instant, action: UpfAction) {
        // An answer that has no room is not given, like one that got lost. What the SMF must hear always has.
        if self.outbox.len() < OUTBOX || !matches!(action, UpfAction::Send { .. }) {
            self.outbox.push(action);
            self.outbox_since.get_or_insert(now);
        }
    }

    /// Never 0, none in use, none used lately.
    fn free_teid(&mut self) -> u32 {
        loop {
            self.numbers = self.numbers.wrapping_add(1);
            let teid = self.settings.teids.teid(self.numbers);
            if teid != 0 && !self.sessions.contains_key(&teid) && !self.ended.contains(teid) {
                return teid;
            }
        }
    }
}

fn datagram(to: SocketAddr, message: &Message<'_>) -> Option<UpfAction> {
    let mut octets = Vec::with_capacity(24);
    // A signalling message of ours always fits.
    message.encode(&mut octets).ok()?;
    Some(UpfAction::Send { to, octets })
}

/// The sessions that ended last.
#[derive(Default)]
struct Ended {
    order: VecDeque<u32>,
    teids: FxHashSet<u32>,
}

impl Ended {
    fn push(&mut self, teid: u32) {
        if self.order.len() == ENDED_KEPT
            && let Some(oldest) = self.order.pop_front()
        {
            self.teids.remove(&oldest);
        }
        self.order.push_back(teid);
        self.teids.insert(teid);
    }

    fn contains(&self, teid: u32) -> bool {
        self.teids.contains(&teid)
    }
}

const ENDED_KEPT: usize = 4_096;
/// Answers that wait for [`Upf::advance`] at most.
const OUTBOX: usize = 65_536;
