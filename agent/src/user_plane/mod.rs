//! The user plane of a shard, sans-IO: the gNBs' ends of the tunnels, the UEs' traffic in them, and what was used.
//!
//! ```text
//! NodeAction::SessionResource ──► tunnel ─┐
//! UeAction::SessionUp ──► session ───────┴──► traffic ──► ShardAction::SendGtpu
//!                           │  part ◄── counts ◄── received()
//!                           └──► usage record
//! ```
//! A session's traffic flows while the session is up and its UE has a tunnel at the gNB that serves it; what flows
//! toward the UE is counted wherever it comes, so that a tunnel which the UE has just left is not forgotten.

mod end;
mod gtpu_port;
mod mobility;
mod packets;
mod routers;
mod sessions;
mod strays;
#[cfg(test)]
mod tests;
mod tunnels;
mod usage;

pub use end::UserPlaneEnd;
pub(crate) use gtpu_port::{Datagram, GtpuPort, Route};

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use billing::{Closing, UsageRecord};
use gtpu::{Message, RateLimit, TrafficSource};
use identity::{Imsi, Plmn, SessionId, Snssai};
use scenarios::{Scenario, stream_seed};
use signalling::{Session, SessionRequest, Tunnel};
use wire::to_coordinator::{MOST_USAGE, UserPlaneInterval};

use crate::time::Timers;
use sessions::{Held, Sessions, address_of};
use strays::Strays;
use tunnels::Tunnels;
use usage::{PartOf, Usage};

/// A GTP-U message to send.
pub(crate) type Outgoing = (SocketAddr, Vec<u8>);

/// The user plane of one shard.
pub(crate) struct UserPlane {
    scenario: Arc<Scenario>,
    seed: u64,
    address: Option<IpAddr>,
    dealt: Vec<u64>,
    sessions: Sessions,
    tunnels: Tunnels,
    due: Timers<(u32, SessionId)>,
    /// When a session asks for its IPv6 prefix.
    solicitations: Timers<(u32, SessionId)>,
    usage: Usage,
    peers: Timers<IpAddr>,
    known_peers: Vec<IpAddr>,
    echo_sequence: u16,
    counters: UserPlaneInterval,
    lost: i64,
    strays: Strays,
    answers: RateLimit,
    t_pdu: Vec<u8>,
    /// The UEs send nothing.
    stands_still: bool,
}

impl UserPlane {
    pub(crate) fn new(scenario: Arc<Scenario>, seed: u64, address: Option<IpAddr>) -> Self {
        Self {
            dealt: vec![0; scenario.sessions.len()],
            scenario,
            seed,
            address,
            sessions: Sessions::default(),
            tunnels: Tunnels::default(),
            due: Timers::new(),
            solicitations: Timers::new(),
            usage: Usage::new(),
            peers: Timers::new(),
            known_peers: Vec::new(),
            echo_sequence: 0,
            counters: UserPlaneInterval::default(),
            lost: 0,
            strays: Strays::default(),
            answers: RateLimit::new(ANSWERS_PER_S),
            t_pdu: Vec::new(),
            stands_still: false,
        }
    }

    /// The wall clock said so much at this instant.
    pub(crate) fn set_clock(&mut self, at: Instant, wall_us: u64) {
        self.usage.set_clock(at, wall_us);
    }

    // Sessions, as the UE knows them.

    /// The session that the UE has or has asked for, by its place in the scenario; of several the first.
    pub(crate) fn session_of(&self, ue: u32) -> Option<usize> {
        self.sessions.of(ue).map(|held| held.template).next()
    }

    /// The slices of all sessions that the UE has or has asked for.
    pub(crate) fn slices_of(&self, ue: u32) -> Vec<Snssai> {
        let templates = self.sessions.of(ue).filter_map(|held| self.scenario.sessions.get(held.template));
        templates.map(|template| template.slice).collect()
    }

    /// The session that the next UE asks for, by its place in the scenario.
    pub(crate) fn next_session(&self) -> Option<usize> {
        self.next_template()
    }

    /// Templates are dealt by their shares, the one that is furthest behind first.
    fn next_template(&self) -> Option<usize> {
        let templates = &self.scenario.sessions;
        let total: f64 = templates.iter().map(|template| template.share).sum();
        let next = self.dealt.iter().sum::<u64>() + 1;
        let behind = |(template, dealt): (&scenarios::SessionTemplate, &u64)| {
            template.share / total * next as f64 - *dealt as f64
        };
        (0..templates.len()).max_by(|&a, &b| {
            let of = |at: usize| templates.get(at).zip(self.dealt.get(at)).map_or(f64::MIN, behind);
            // Of two equals the first is taken: max_by takes the last.
            of(a).total_cmp(&of(b)).then(b.cmp(&a))
        })
    }

    /// What the UE asks for next.
    pub(crate) fn request(&mut self, ue: u32, supi: Imsi) -> Option<SessionRequest> {
        let number = self.next_template()?;
        let template = self.scenario.sessions.get(number)?;
        *self.dealt.get_mut(number)? += 1;
        let id = (1..=15).filter_map(SessionId::new).find(|id| self.sessions.get(ue, *id).is_none())?;
        self.sessions.insert(ue, Held::asked_for(id, supi, number));
        Some(SessionRequest { id, dnn: template.dnn.clone(), type_: template.type_, slice: template.slice })
    }

    /// The UE asked for a session and did not get it.
    pub(crate) fn not_granted(&mut self, ue: u32, now: Instant) {
        let asked_for: Vec<_> = self.sessions.of(ue).filter(|held| !held.up).map(|held| held.id).collect();
        for id in asked_for {
            self.session_down(ue, id, Closing::Released, now);
        }
    }

    /// The UE has a session, or the session changed.
    pub(crate) fn session_up(&mut self, ue: u32, supi: Imsi, serving: Plmn, session: &Session, now: Instant) {
        if self.sessions.get(ue, session.id).is_none() {
            let of_dnn = |template: &scenarios::SessionTemplate| template.dnn == session.dnn;
            let number = self.scenario.sessions.iter().position(of_dnn).unwrap_or_default();
            self.sessions.insert(ue, Held::asked_for(session.id, supi, number));
        }
        self.ensure_part(ue, session.id, serving, now);
        let flow = self.uplink_flow(ue, session.id);
        let seed = self.traffic_seed(supi, session.id, 0);
        let Some(held) = self.sessions.get_mut(ue, session.id) else { return };
        held.takes(address_of(session));
        held.up = true;
        held.source.get_or_insert_with(|| {
            let mut source = TrafficSource::new(flow, seed, now);
            source.pause();
            source
        });
        if let Some(of) = held.part.and_then(|part| self.usage.of(part)) {
            of.dnn = session.dnn.clone();
            of.charging_id = session.charging_id.or(of.charging_id);
        }
        self.resume(ue, session.id, now);
    }

    /// The UE has lost the session, or has released it.
    pub(crate) fn session_down(&mut self, ue: u32, id: SessionId, closing: Closing, now: Instant) {
        self.due.stop((ue, id));
        self.solicitations.stop((ue, id));
        if let Some(part) = self.sessions.remove(ue, id).and_then(|held| held.part) {
            self.usage.end(part, closing, now);
        }
    }

    // Tunnels, as the gNB knows them.

    /// A tunnel is there, or has changed. `serving` is the network of the gNB, where the UE is in a cell of it.
    pub(crate) fn resource(
        &mut self,
        ue: u32,
        gnb: u16,
        tunnel: Tunnel,
        serving: Option<Plmn>,
        now: Instant,
    ) {
        if let Some(replaced) = self.tunnels.set(ue, gnb, tunnel) {
            self.usage.tunnel_gone(replaced, now);
        }
        if !self.known_peers.contains(&tunnel.remote) && self.known_peers.len() < PEERS_LIMIT {
            self.known_peers.push(tunnel.remote);
            self.peers.set(tunnel.remote, now);
        }
        if let Some(serving) = serving {
            self.attach(ue, tunnel.session, gnb, serving, now);
        }
    }

    /// A tunnel is gone. What is on its way in it still counts.
    pub(crate) fn resource_released(&mut self, ue: u32, gnb: u16, session: SessionId, now: Instant) {
        let Some((teid, part)) = self.tunnels.release(ue, gnb, session, now) else { return };
        if let Some(part) = part {
            self.usage.tunnel_gone(part, now);
        }
        if let Some(held) = self.sessions.get_mut(ue, session)
            && held.tunnel == Some(teid)
        {
            held.stand_still();
            self.due.stop((ue, session));
        }
    }

    // Traffic.

    /// The UE's traffic flows at this part of its rate from now on.
    pub(crate) fn throttle(&mut self, ue: u32, factor: f64, now: Instant) {
        for held in self.sessions.of_mut(ue) {
            held.factor = factor;
            if let Some(source) = &mut held.source {
                source.throttle(now, factor);
                if held.holds_until.is_some() || held.router.is_waited_for() {
                    continue;
                }
                match source.next_due() {
                    Some(at) => self.due.set((ue, held.id), at),
                    None => self.due.stop((ue, held.id)),
                }
            }
        }
    }

    /// A message of ours could not be sent.
    pub(crate) fn not_sent(&mut self) {
        self.counters.uplink_dropped += 1;
    }

    /// Sends what is due, a bounded number of packets at one call, and makes the records of what has ended.
    pub(crate) fn advance(&mut self, now: Instant, out: &mut Vec<Outgoing>) {
        let mut left = PACKETS_AT_ONCE;
        while left > 0
            && let Some((ue, id)) = self.due.pop_expired(now)
        {
            left -= self.send_due(ue, id, left, now, out).max(1).min(left);
        }
        while let Some((ue, id)) = self.solicitations.pop_expired(now) {
            self.solicit(ue, id, now, out);
        }
        while let Some(peer) = self.peers.pop_expired(now) {
            self.echo_sequence = self.echo_sequence.wrapping_add(1);
            let request = Message::EchoRequest { sequence: self.echo_sequence };
            send(SocketAddr::new(peer, gtpu::PORT), &request, out);
            self.peers.set(peer, now + ECHO_INTERVAL);
        }
        self.tunnels.sweep(now);
        self.usage.advance(now);
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let traffic = [self.due.next_deadline(), self.solicitations.next_deadline()];
        let rest = [self.usage.next_deadline(), self.peers.next_deadline()];
        traffic.into_iter().chain(rest).flatten().min()
    }

    /// When user data of the UE last went through a tunnel.
    pub(crate) fn last_used(&self, ue: u32) -> Option<Instant> {
        self.sessions.of(ue).filter_map(|held| self.tunnels.last_used(held.tunnel?)).max()
    }

    // The end of the run, and reports.

    /// Whether some session is open, or counted still.
    pub(crate) fn is_settled(&self) -> bool {
        self.usage.is_settled()
    }

    /// The run is over: nothing is sent any more, and every part ends that has not.
    pub(crate) fn close(&mut self, now: Instant) {
        self.sessions.clear();
        self.due = Timers::new();
        self.solicitations = Timers::new();
        for part in self.usage.unended() {
            self.usage.end(part, Closing::StillOpen, now);
        }
    }

    /// The shard is given up at once: every part ends now, and nothing that comes later counts.
    pub(crate) fn close_at_once(&mut self, now: Instant) {
        self.close(now);
        self.usage.finish_all(now);
    }

    /// The UEs send nothing until [`Self::go_on`].
    pub(crate) fn stand_still(&mut self) {
        self.stands_still = true;
        self.due = Timers::new();
        self.solicitations = Timers::new();
        self.sessions.all_mut().filter_map(|(_, held)| held.source.as_mut()).for_each(TrafficSource::pause);
    }

    pub(crate) fn go_on(&mut self, now: Instant) {
        self.stands_still = false;
        for ue in self.sessions.ues() {
            let ids: Vec<_> = self.sessions.of(ue).map(|held| held.id).collect();
            ids.into_iter().for_each(|id| self.resume(ue, id, now));
        }
    }

    /// Sessions of the UEs that are here.
    pub(crate) fn sessions(&self) -> u64 {
        self.sessions.up()
    }

    /// The records that one report takes; the rest stays for the next.
    pub(crate) fn take_usage(&mut self) -> Vec<UsageRecord> {
        self.usage.take(USAGE_AT_ONCE)
    }

    /// Whether one report takes all the records that there are.
    pub(crate) fn fits_one_report(&self) -> bool {
        self.usage.waiting() <= USAGE_AT_ONCE
    }

    pub(crate) fn take_counters(&mut self) -> UserPlaneInterval {
        let mut counters = std::mem::take(&mut self.counters);
        // What came late after all is taken off the next interval that has losses.
        let lost = self.lost.max(0);
        self.lost -= lost;
        counters.downlink_lost = u64::try_from(lost).unwrap_or_default();
        counters
    }

    /// Messages that belong to nothing, by kind, since the last call.
    pub(crate) fn take_strays(&mut self) -> impl Iterator<Item = (&'static str, u64)> {
        self.strays.take()
    }

    pub(crate) fn octets(&self) -> usize {
        self.sessions.octets() + self.tunnels.octets() + self.usage.octets() + self.due.octets()
    }

    // What an event of either side leads to.

    /// The session's traffic goes through the tunnel at this gNB.
    fn attach(&mut self, ue: u32, id: SessionId, gnb: u16, serving: Plmn, now: Instant) {
        let Some(teid) = self.tunnels.teid(ue, gnb, id) else { return };
        self.ensure_part(ue, id, serving, now);
        let Some(held) = self.sessions.get_mut(ue, id) else { return };
        held.tunnel = Some(teid);
        if let Some(part) = held.part {
            let flow = self.scenario.sessions.get(held.template).map(|template| template.downlink);
            match self.tunnels.count_for(teid, part, (ue, id), flow) {
                Some(before) if before == part => {}
                before => {
                    self.usage.tunnel_added(part);
                    if let Some(before) = before {
                        self.usage.tunnel_gone(before, now);
                    }
                }
            }
        }
        self.resume(ue, id, now);
    }

    fn resume(&mut self, ue: u32, id: SessionId, now: Instant) {
        let Some(held) = self.sessions.get_mut(ue, id) else { return };
        if held.tunnel.is_none() || !held.up || self.stands_still {
            return;
        }
        if let Some(until) = held.holds_until.filter(|until| *until > now) {
            return self.due.set((ue, id), until);
        }
        if held.router.is_to_be_asked() {
            self.solicitations.set((ue, id), now);
        }
        if held.router.is_waited_for() {
            return;
        }
        let factor = held.factor;
        if let Some(source) = &mut held.source {
            source.throttle(now, factor);
            source.resume(now);
            if let Some(at) = source.next_due() {
                self.due.set((ue, id), at);
            }
        }
    }

    fn ensure_part(&mut self, ue: u32, id: SessionId, serving: Plmn, now: Instant) {
        let templates = &self.scenario.sessions;
        let Some(held) = self.sessions.get_mut(ue, id) else { return };
        if held.part.is_some() {
            return;
        }
        let Some(template) = templates.get(held.template) else { return };
        held.part = Some(self.usage.open(
            PartOf {
                supi: held.supi,
                session: id,
                dnn: template.dnn.clone(),
                serving,
                charging_id: None,
                sequence: 0,
                opened_us: None,
            },
            now,
        ));
    }

    fn uplink_flow(&self, ue: u32, id: SessionId) -> scenarios::Flow {
        let template = self.sessions.get(ue, id).and_then(|held| self.scenario.sessions.get(held.template));
        template.map_or(scenarios::Flow::NONE, |template| template.uplink)
    }

    fn traffic_seed(&self, supi: Imsi, id: SessionId, part: u32) -> u64 {
        stream_seed(self.seed, &[supi.value(), u64::from(id.value()), u64::from(part)])
    }
}

fn send(to: SocketAddr, message: &Message<'_>, out: &mut Vec<Outgoing>) -> bool {
    let mut octets = Vec::new();
    let fits = message.encode(&mut octets).is_ok();
    if fits {
        out.push((to, octets));
    }
    fits
}

/// Packets that leave at one call.
const PACKETS_AT_ONCE: usize = 64;
/// Usage records in one report.
const USAGE_AT_ONCE: usize = if MOST_USAGE < 16_384 { MOST_USAGE } else { 16_384 };
/// TS 29.281 §7.2.1: no more often than every minute.
const ECHO_INTERVAL: Duration = Duration::from_secs(60);
/// Answers to strays in a second: each may be a stranger's who has somebody else answered (TS 29.281 §7.3.1 wants one each).
const ANSWERS_PER_S: u32 = 100;
/// UPFs that are asked whether they are alive.
const PEERS_LIMIT: usize = 64;
