//! Messages on their way out, which count when they have left, and the traces of all that came and went.

use std::time::{Duration, Instant};

use wire::to_coordinator::Trace;

use crate::measure::{Comment, Packet};
use crate::ran::Delivery;
use crate::shard::ShardRunner;

impl ShardRunner {
    /// The first octet of a message was given to the kernel, at this instant. Only then it counts as sent.
    pub fn departed(&mut self, ticket: u64, at: Instant) {
        let Some(expected) = self.departures.take(ticket) else { return };
        self.sent += 1;
        let amf = self.amf_of(expected.gnb);
        self.count_amf(amf, |counts| counts.sent += 1);
        let mut waited = Duration::ZERO;
        if let Some(first) = expected.first {
            waited = self.attempts.left(first, at, &mut self.recorder);
        }
        if expected.traced {
            self.tracer.departed(expected.ue, ticket, at, waited);
        }
    }

    /// A message never leaves: its association does not take it.
    pub fn not_sent(&mut self, ticket: u64) {
        self.departures.take(ticket);
    }

    /// The traces that are complete.
    pub fn take_traces(&mut self) -> Vec<Trace> {
        let Some(start) = self.start else { return Vec::new() };
        let (attempts, access, population) = (&self.attempts, &self.access, &self.population);
        let at_rest = |ue| !attempts.contains(ue) && !access.is_connected(ue);
        let imsi = |ue| population.imsi(ue).map(|imsi| imsi.to_string()).unwrap_or_default();
        self.tracer.take(self.number, start, at_rest, imsi)
    }

    /// The traces of everything, also of UEs that are still connected.
    pub fn take_last_traces(&mut self) -> Vec<Trace> {
        self.access.clear();
        self.tracer.no_more_departures();
        self.take_traces()
    }

    /// Packets that a limit kept out of the traces since the last call.
    pub fn take_trace_dropped(&mut self) -> u64 {
        self.tracer.take_dropped()
    }

    /// A message from the network, or with a ticket one to it, which is stamped when it has left.
    pub(in crate::shard) fn trace(
        &mut self,
        ue: Option<u32>,
        gnb: u16,
        ticket: Option<u64>,
        stream: u16,
        octets: Vec<u8>,
        now: Instant,
    ) {
        let Some(port) = self.gnbs.get(usize::from(gnb)) else { return };
        let (ends, ppid) = (port.ends, port.gnb.ppid());
        let (uplink, comment) = (ticket.is_some(), Comment::None);
        self.tracer
            .packet(ue, Packet { at: now, ticket, uplink, ends, stream, ppid, octets, comment, lost: false });
    }

    /// A NAS message that the radio has lost: it is on no wire, and explains what comes after it.
    pub(in crate::shard) fn trace_lost(&mut self, ue: u32, lost: Option<Delivery>, now: Instant) {
        let (uplink, octets) = match lost {
            Some(Delivery::Connect { nas, .. } | Delivery::Uplink(nas)) => (true, nas),
            Some(Delivery::Downlink(nas)) => (false, nas),
            _ => return,
        };
        if !self.tracer.wants(Some(ue)) {
            return;
        }
        let ends = self.access.gnb_of(ue).and_then(|gnb| self.gnbs.get(usize::from(gnb))?.ends);
        let (at, comment) = (now, Comment::None);
        let packet =
            Packet { at, ticket: None, uplink, ends, stream: 0, ppid: 0, octets, comment, lost: true };
        self.tracer.packet(Some(ue), packet);
    }
}
