//! Messages between nodes and core: they count when they have left, and some are kept in traces.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use wire::to_agent::TracePolicy;
use wire::to_coordinator::Trace;

use super::departures::{Departures, Expected};
use super::ues::Ues;
use crate::measure::{Comment, Packet, Tracer};

/// What goes between the nodes of a shard and the core.
pub(crate) struct Messages {
    /// Messages that the kernel has not taken yet.
    departures: Departures,
    pub(crate) tracer: Tracer,
    pub(crate) sent: u64,
    pub(crate) received: u64,
    /// When a node last sent anything.
    pub(crate) last_sent: Option<Instant>,
    /// When one last received anything.
    pub(crate) last_received: Option<Instant>,
}

/// Over which association, and what: a message as it is traced.
pub(crate) struct Traced {
    pub(crate) ends: Option<(SocketAddr, SocketAddr)>,
    pub(crate) stream: u16,
    pub(crate) ppid: u32,
    pub(crate) octets: Vec<u8>,
}

impl Messages {
    pub(crate) fn new(policy: TracePolicy) -> Self {
        Self {
            departures: Departures::default(),
            tracer: Tracer::new(policy),
            sent: 0,
            received: 0,
            last_sent: None,
            last_received: None,
        }
    }

    /// A message goes out, to leave at `planned` if nothing is late here. Its ticket, which no other has.
    pub(crate) fn goes_out(
        &mut self,
        interface: u16,
        ue: Option<u32>,
        planned: Instant,
        now: Instant,
        traced: impl FnOnce() -> Traced,
    ) -> u64 {
        self.last_sent = Some(now);
        let ticket = self.departures.next_ticket();
        let is_traced = self.tracer.wants(ue);
        if is_traced {
            self.trace(ue, Some(ticket), traced(), now);
        }
        self.departures.expect(ticket, Expected { gnb: interface, ue, planned, traced: is_traced });
        ticket
    }

    /// A message has left at this instant: only then it counts as sent. Over which interface, and about whom.
    pub(crate) fn departed(&mut self, ticket: u64, at: Instant) -> Option<(u16, Option<u32>)> {
        let Expected { gnb, ue, planned, traced } = self.departures.take(ticket)?;
        self.sent += 1;
        if traced {
            let waited = ue.map_or(Duration::ZERO, |_| at.saturating_duration_since(planned));
            self.tracer.departed(ue, ticket, at, waited);
        }
        Some((gnb, ue))
    }

    /// A message never leaves: its association does not take it.
    pub(crate) fn not_sent(&mut self, ticket: u64) {
        self.departures.take(ticket);
    }

    /// The association of an interface is gone: what has not left never does. Which messages.
    pub(crate) fn forget(&mut self, interface: u16) -> Vec<u64> {
        self.departures.forget(interface)
    }

    /// The traces of all UEs that are at rest.
    pub(crate) fn take_traces(
        &mut self,
        shard: u32,
        start: Option<Instant>,
        at_rest: impl Fn(u32) -> bool,
        ues: &Ues,
    ) -> Vec<Trace> {
        let Some(start) = start else { return Vec::new() };
        let imsi = |ue| ues.imsi(ue).map(|imsi| imsi.to_string()).unwrap_or_default();
        self.tracer.take(shard, start, at_rest, imsi)
    }

    pub(crate) fn all_left(&self) -> bool {
        self.departures.is_empty()
    }

    /// A message from the network, or with a ticket one to it, which is stamped when it has left.
    pub(crate) fn trace(&mut self, ue: Option<u32>, ticket: Option<u64>, traced: Traced, now: Instant) {
        let Traced { ends, stream, ppid, octets } = traced;
        let (uplink, comment) = (ticket.is_some(), Comment::None);
        self.tracer
            .packet(ue, Packet { at: now, ticket, uplink, ends, stream, ppid, octets, comment, lost: false });
    }

    /// A NAS message that the radio has lost.
    pub(crate) fn trace_lost(
        &mut self,
        ue: u32,
        uplink: bool,
        ends: Option<(SocketAddr, SocketAddr)>,
        octets: Vec<u8>,
        now: Instant,
    ) {
        if self.tracer.wants(Some(ue)) {
            let (at, ticket, comment) = (now, None, Comment::None);
            let packet = Packet { at, ticket, uplink, ends, stream: 0, ppid: 0, octets, comment, lost: true };
            self.tracer.packet(Some(ue), packet);
        }
    }
}
