//! Keeps the messages of the UEs worth keeping: failed, sampled or all, within a limit of memory.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use wire::to_agent::TracePolicy;
use wire::to_coordinator::{ONLY_SLOW, SlowAttempt, Trace, TracePacket};

/// The message traces of one shard.
pub(crate) struct Tracer {
    policy: TracePolicy,
    ues: HashMap<u32, UeTrace>,
    common: Vec<Packet>,
    octets: usize,
    dropped: u64,
    /// By procedure, the slowest attempts that succeeded so far, µs.
    slowest: HashMap<&'static str, Vec<u64>>,
}

#[derive(Default)]
struct UeTrace {
    packets: Vec<Packet>,
    comment: Comment,
    failed: Option<String>,
    /// The slowest attempt in it that is worth keeping for that.
    slow: Option<(&'static str, u64)>,
}

impl UeTrace {
    /// Worth keeping, whatever the policy says of this UE.
    fn is_kept(&self) -> bool {
        self.failed.is_some() || self.slow.is_some()
    }
}

/// What a packet says of the attempt that begins with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Comment {
    /// Nothing.
    #[default]
    None,
    /// A UE began it by itself, and why.
    Begins(String),
    /// The schedule made it due: what it is, when it was due since the run's start, and how late it is, which the departure of
    /// the packet adds to.
    Scheduled { attempt: String, due: Duration, late: Duration },
}

impl Comment {
    fn text(&self) -> String {
        match self {
            Self::None => String::new(),
            Self::Begins(text) => text.clone(),
            Self::Scheduled { attempt, due, late } => {
                let (late, due) = (late.as_micros(), due.as_secs_f64());
                format!("{attempt} begins {late} µs after it was due at {due:.6} s")
            }
        }
    }
}

/// One SCTP message at the N2 interface, or what the radio kept from becoming one.
pub(crate) struct Packet {
    pub(crate) at: Instant,
    /// It has not left yet.
    pub(crate) ticket: Option<u64>,
    pub(crate) uplink: bool,
    pub(crate) ends: Option<(SocketAddr, SocketAddr)>,
    pub(crate) stream: u16,
    pub(crate) ppid: u32,
    pub(crate) octets: Vec<u8>,
    pub(crate) comment: Comment,
    /// A NAS message that the radio has lost; it is no packet of the interface.
    pub(crate) lost: bool,
}

impl Tracer {
    pub(crate) fn new(policy: TracePolicy) -> Self {
        Self {
            policy,
            ues: HashMap::new(),
            common: Vec::new(),
            octets: 0,
            dropped: 0,
            slowest: HashMap::new(),
        }
    }

    /// An attempt begins: its first packet will say so.
    pub(crate) fn begins(&mut self, ue: u32, comment: impl FnOnce() -> Comment) {
        // A UE of which nothing else is to be kept starts afresh with each attempt.
        if !self.keeps(ue) && !self.ues.get(&ue).is_some_and(UeTrace::is_kept) {
            self.forget(ue);
        }
        if self.octets < OCTETS_LIMIT {
            self.ues.entry(ue).or_default().comment = comment();
        }
    }

    /// An attempt failed: what there is of this UE is worth keeping.
    pub(crate) fn failed(&mut self, ue: u32, why: String) {
        if let Some(trace) = self.ues.get_mut(&ue) {
            trace.failed = Some(why);
        }
    }

    /// An attempt succeeded. Its messages are worth keeping when it is among the slowest of its procedure.
    pub(crate) fn succeeded(&mut self, ue: u32, procedure: &'static str, latency: Duration) {
        let Some(trace) = self.ues.get_mut(&ue) else { return };
        let us = crate::time::micros(latency);
        let slowest = self.slowest.entry(procedure).or_default();
        let place = slowest.partition_point(|known| *known >= us);
        if place >= MOST_SLOW {
            return;
        }
        slowest.insert(place, us);
        slowest.truncate(MOST_SLOW);
        if trace.slow.is_none_or(|(_, known)| known < us) {
            trace.slow = Some((procedure, us));
        }
    }

    /// A message of this UE, or of none, would be kept: `packet` drops it otherwise.
    pub(crate) fn wants(&self, ue: Option<u32>) -> bool {
        ue.is_none_or(|ue| self.ues.contains_key(&ue) || self.keeps(ue))
    }

    /// A message of a UE, or of none.
    pub(crate) fn packet(&mut self, ue: Option<u32>, mut packet: Packet) {
        let size = packet.octets.len() + size_of::<Packet>();
        let Some(ue) = ue else {
            if self.common.len() < COMMON_LIMIT {
                self.octets += size;
                self.common.push(packet);
            } else {
                self.dropped += 1;
            }
            return;
        };
        if !self.wants(Some(ue)) {
            return;
        }
        let trace = self.ues.entry(ue).or_default();
        if trace.packets.len() >= UE_LIMIT || self.octets + size > OCTETS_LIMIT {
            self.dropped += 1;
            return;
        }
        packet.comment = std::mem::take(&mut trace.comment);
        self.octets += size;
        trace.packets.push(packet);
    }

    /// A message that was sent has left at an instant, having waited for so long.
    pub(crate) fn departed(&mut self, ue: Option<u32>, ticket: u64, at: Instant, waited: Duration) {
        let packets = match ue {
            Some(ue) => self.ues.get_mut(&ue).map(|trace| &mut trace.packets),
            None => Some(&mut self.common),
        };
        let packets = packets.into_iter().flatten().rev();
        if let Some(packet) = packets.into_iter().find(|packet| packet.ticket == Some(ticket)) {
            (packet.at, packet.ticket) = (at, None);
            if let Comment::Scheduled { late, .. } = &mut packet.comment {
                *late += waited;
            }
        }
    }

    /// What has not left by now never will: it was never sent.
    pub(crate) fn no_more_departures(&mut self) {
        let octets = &mut self.octets;
        let mut keep = |packets: &mut Vec<Packet>| {
            *octets -= octets_of(packets);
            packets.retain(|packet| packet.ticket.is_none());
            *octets += octets_of(packets);
        };
        keep(&mut self.common);
        self.ues.values_mut().for_each(|trace| keep(&mut trace.packets));
    }

    /// What can be handed out now: everything of UEs that are at rest and of which every message has left. The rest of them is
    /// forgotten.
    pub(crate) fn take(
        &mut self,
        shard: u32,
        start: Instant,
        at_rest: impl Fn(u32) -> bool,
        imsi: impl Fn(u32) -> String,
    ) -> Vec<Trace> {
        let mut traces = Vec::new();
        let has_left = |packet: &Packet| packet.ticket.is_none();
        if self.common.iter().any(has_left) {
            let all = std::mem::take(&mut self.common);
            let (packets, waiting) = all.into_iter().partition(has_left);
            self.common = waiting;
            let common = UeTrace { packets, ..UeTrace::default() };
            traces.push(self.hand_out(shard, String::new(), common, true, start));
        }
        let rests = |(ue, trace): &(&u32, &UeTrace)| at_rest(**ue) && trace.packets.iter().all(has_left);
        let resting: Vec<u32> = self.ues.iter().filter(rests).map(|(ue, _)| *ue).collect();
        for ue in resting {
            let Some(trace) = self.ues.remove(&ue) else { continue };
            if trace.packets.is_empty() || !(trace.is_kept() || self.keeps(ue)) {
                self.octets -= octets_of(&trace.packets);
                continue;
            }
            traces.push(self.hand_out(shard, imsi(ue), trace, self.keeps(ue), start));
        }
        traces
    }

    /// How many packets a limit has cost since the last call.
    pub(crate) fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }

    fn keeps(&self, ue: u32) -> bool {
        match self.policy {
            TracePolicy::Failed => false,
            TracePolicy::Sampled(count) => ue < count,
            TracePolicy::All => true,
        }
    }

    fn forget(&mut self, ue: u32) {
        if let Some(trace) = self.ues.remove(&ue) {
            self.octets -= octets_of(&trace.packets);
        }
    }

    fn hand_out(&mut self, shard: u32, imsi: String, trace: UeTrace, keeps: bool, start: Instant) -> Trace {
        let UeTrace { mut packets, failed, slow, .. } = trace;
        // What waited for the kernel may have been overtaken by what came meanwhile.
        packets.sort_by_key(|packet| packet.at);
        self.octets -= octets_of(&packets);
        let kept = match self.policy {
            TracePolicy::All => "all",
            _ if slow.is_some() && !keeps => ONLY_SLOW,
            TracePolicy::Sampled(_) | TracePolicy::Failed => "sampled",
        };
        Trace {
            shard,
            imsi,
            failed: failed.is_some(),
            why: failed.unwrap_or_else(|| kept.to_owned()),
            slow: slow
                .map(|(procedure, latency_us)| SlowAttempt { procedure: procedure.to_owned(), latency_us }),
            packets: packets.into_iter().map(|packet| packet.into_wire(start)).collect(),
        }
    }
}

impl Packet {
    fn into_wire(self, start: Instant) -> TracePacket {
        let before = start.saturating_duration_since(self.at).as_micros();
        let after = self.at.saturating_duration_since(start).as_micros();
        let end = |ends: Option<SocketAddr>| ends.map(|end| end.to_string()).unwrap_or_default();
        TracePacket {
            at_us: i64::try_from(after).unwrap_or(i64::MAX) - i64::try_from(before).unwrap_or(i64::MAX),
            uplink: self.uplink,
            ran: end(self.ends.map(|(ran, _)| ran)),
            core: end(self.ends.map(|(_, core)| core)),
            stream: self.stream,
            ppid: self.ppid,
            name: if self.lost {
                signalling::nas_message_name(&self.octets).to_owned()
            } else {
                signalling::message_name(&self.octets)
            },
            octets: if self.lost { Vec::new() } else { self.octets },
            comment: self.comment.text(),
            // The driver has the clock for it.
            wall_us: 0,
            lost: self.lost,
        }
    }
}

fn octets_of(packets: &[Packet]) -> usize {
    packets.iter().map(|packet| packet.octets.len() + size_of::<Packet>()).sum()
}

/// Slow attempts of one procedure that are kept of one shard at a time.
const MOST_SLOW: usize = 3;
/// Messages kept of one UE between two reports.
const UE_LIMIT: usize = 512;
/// Messages of no UE kept between two reports.
const COMMON_LIMIT: usize = 4096;
/// Octets kept by one shard.
const OCTETS_LIMIT: usize = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(lost: bool) -> Packet {
        let (at, comment) = (Instant::now(), Comment::None);
        Packet {
            at,
            ticket: None,
            uplink: true,
            ends: None,
            stream: 1,
            ppid: 60,
            octets: vec![0x7e, 0, 0x41],
            comment,
            lost,
        }
    }

    fn attempt(tracer: &mut Tracer, ue: u32, ms: u64) {
        tracer.begins(ue, || Comment::None);
        tracer.packet(Some(ue), packet(false));
        tracer.succeeded(ue, "registration", Duration::from_millis(ms));
    }

    fn taken(tracer: &mut Tracer) -> Vec<Trace> {
        let mut traces = tracer.take(0, Instant::now(), |_| true, |ue| ue.to_string());
        traces.sort_by_key(|trace| trace.slow.as_ref().map(|slow| slow.latency_us));
        traces
    }

    #[test]
    fn slowest_attempts_of_a_procedure_are_handed_out_and_no_others() {
        let mut tracer = Tracer::new(TracePolicy::Failed);
        (1..=20).for_each(|ue| attempt(&mut tracer, ue, 100 - u64::from(ue)));
        let kept: Vec<u64> =
            taken(&mut tracer).iter().map(|trace| trace.slow.as_ref().unwrap().latency_us).collect();
        assert_eq!(kept, [97_000, 98_000, 99_000]);
        // Later, only what is slower than those.
        attempt(&mut tracer, 30, 50);
        attempt(&mut tracer, 31, 6_060);
        let later = taken(&mut tracer);
        let kept: Vec<(&str, bool)> = later.iter().map(|trace| (trace.imsi.as_str(), trace.failed)).collect();
        assert_eq!(kept, [("31", false)]);
    }

    #[test]
    fn next_attempt_does_not_forget_what_is_worth_keeping() {
        let mut tracer = Tracer::new(TracePolicy::Failed);
        attempt(&mut tracer, 1, 900);
        tracer.begins(1, || Comment::None);
        assert_eq!(taken(&mut tracer).len(), 1);
        tracer.begins(2, || Comment::None);
        tracer.packet(Some(2), packet(false));
        tracer.failed(2, "registration timed out: T3510".to_owned());
        tracer.begins(2, || Comment::None);
        assert_eq!(taken(&mut tracer)[0].why, "registration timed out: T3510");
    }

    #[test]
    fn message_that_the_radio_lost_has_a_name_and_no_octets() {
        let mut tracer = Tracer::new(TracePolicy::All);
        tracer.packet(Some(1), packet(true));
        let lost = &taken(&mut tracer)[0].packets[0];
        assert!(lost.lost && lost.octets.is_empty() && lost.name == "registration request", "{lost:?}");
    }
}
