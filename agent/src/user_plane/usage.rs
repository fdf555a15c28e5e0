//! The usage records: what each part of each session used, from its beginning to a little after its end.
//!
//! ```text
//! open ──► counts ──► end ──► the tunnels go ──► linger ──► a record, once
//! ```
//! What is on its way to the UE when a part ends still belongs to it, so a part counts on until its tunnels are gone and
//! a moment longer.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use billing::{ChargingId, Closing, Octets, UsageRecord};
use identity::{Dnn, Imsi, Plmn, SessionId};

use crate::time::Timers;

/// Every part that counts, and the records that wait for a report.
pub(crate) struct Usage {
    clock: Option<WallClock>,
    parts: HashMap<PartId, Part>,
    last: u32,
    ends: Timers<PartId>,
    ready: VecDeque<UsageRecord>,
}

/// Names a part within the shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct PartId(u32);

/// What a part is of.
pub(crate) struct PartOf {
    pub(crate) supi: Imsi,
    pub(crate) session: SessionId,
    pub(crate) dnn: Dnn,
    pub(crate) serving: Plmn,
    pub(crate) charging_id: Option<u32>,
    /// The number of the part within the session.
    pub(crate) sequence: u32,
    /// When the session began, where it began before this part: UNIX time in µs.
    pub(crate) opened_us: Option<u64>,
}

struct Part {
    of: PartOf,
    from: Instant,
    end: Option<(Instant, Closing)>,
    tunnels: u32,
    uplink: u64,
    downlink: u64,
    lost: i64,
}

#[derive(Clone, Copy)]
struct WallClock {
    at: Instant,
    us: u64,
}

impl WallClock {
    fn read(self, at: Instant) -> u64 {
        let after = at.saturating_duration_since(self.at).as_micros();
        let before = self.at.saturating_duration_since(at).as_micros();
        let us = |span: u128| u64::try_from(span).unwrap_or(u64::MAX);
        self.us.saturating_add(us(after)).saturating_sub(us(before))
    }
}

impl Usage {
    pub(crate) fn new() -> Self {
        Self { clock: None, parts: HashMap::new(), last: 0, ends: Timers::new(), ready: VecDeque::new() }
    }

    /// The wall clock said so much at this instant.
    pub(crate) fn set_clock(&mut self, at: Instant, us: u64) {
        self.clock = Some(WallClock { at, us });
    }

    /// UNIX time in µs; 0 before the clock is known.
    pub(crate) fn wall_us(&self, at: Instant) -> u64 {
        self.clock.map_or(0, |clock| clock.read(at))
    }

    pub(crate) fn open(&mut self, of: PartOf, now: Instant) -> PartId {
        self.last = self.last.wrapping_add(1);
        let id = PartId(self.last);
        let opened_us = of.opened_us.unwrap_or_else(|| self.wall_us(now));
        let of = PartOf { opened_us: Some(opened_us), ..of };
        let part = Part { of, from: now, end: None, tunnels: 0, uplink: 0, downlink: 0, lost: 0 };
        self.parts.insert(id, part);
        id
    }

    /// What the part is of, to correct what was not known when it was opened.
    pub(crate) fn of(&mut self, id: PartId) -> Option<&mut PartOf> {
        self.parts.get_mut(&id).map(|part| &mut part.of)
    }

    pub(crate) fn uplink(&mut self, id: PartId) -> u64 {
        self.parts.get(&id).map_or(0, |part| part.uplink)
    }

    pub(crate) fn sent(&mut self, id: PartId, octets: u64) {
        if let Some(part) = self.parts.get_mut(&id) {
            part.uplink += octets;
        }
    }

    pub(crate) fn received(&mut self, id: PartId, octets: u64, newly_lost: i64) {
        if let Some(part) = self.parts.get_mut(&id) {
            part.downlink += octets;
            part.lost += newly_lost;
        }
    }

    pub(crate) fn tunnel_added(&mut self, id: PartId) {
        if let Some(part) = self.parts.get_mut(&id) {
            part.tunnels += 1;
        }
    }

    pub(crate) fn tunnel_gone(&mut self, id: PartId, now: Instant) {
        let Some(part) = self.parts.get_mut(&id) else { return };
        part.tunnels = part.tunnels.saturating_sub(1);
        if part.end.is_some() && part.tunnels == 0 {
            self.ends.set(id, now + LINGER);
        }
    }

    /// The part ends now, and its record is made once nothing can come for it any more.
    pub(crate) fn end(&mut self, id: PartId, closing: Closing, now: Instant) {
        let Some(part) = self.parts.get_mut(&id) else { return };
        if part.end.is_none() {
            part.end = Some((now, closing));
            self.ends.set(id, now + if part.tunnels == 0 { LINGER } else { LONGEST });
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.ends.next_deadline()
    }

    /// Makes the records of the parts that are done with.
    pub(crate) fn advance(&mut self, now: Instant) {
        while let Some(id) = self.ends.pop_expired(now) {
            self.finish(id);
        }
    }

    /// Makes the records of all parts that have ended, whatever may still come for them.
    pub(crate) fn finish_all(&mut self, now: Instant) {
        self.advance(now);
        let mut all: Vec<PartId> = self.parts.keys().copied().collect();
        all.sort_unstable();
        for id in all {
            self.ends.stop(id);
            self.finish(id);
        }
    }

    fn finish(&mut self, id: PartId) {
        let Some(Part { of, from, end: Some((to, closing)), uplink, downlink, lost, .. }) =
            self.parts.remove(&id)
        else {
            return;
        };
        self.ready.push_back(UsageRecord {
            charging_id: of.charging_id.map(ChargingId),
            supi: of.supi,
            session: of.session,
            serving: of.serving,
            dnn: of.dnn,
            sequence: of.sequence,
            opened_us: of.opened_us.unwrap_or_default(),
            from_us: self.wall_us(from),
            to_us: self.wall_us(to),
            uplink: Octets(uplink),
            downlink: Octets(downlink),
            downlink_lost: u64::try_from(lost).unwrap_or_default(),
            closing,
        });
    }

    /// At most so many records; each is handed out once.
    pub(crate) fn take(&mut self, most: usize) -> Vec<UsageRecord> {
        let count = most.min(self.ready.len());
        self.ready.drain(..count).collect()
    }

    /// Records that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.ready.len()
    }

    /// Whether no part counts any more.
    pub(crate) fn is_settled(&self) -> bool {
        self.parts.is_empty()
    }

    /// The parts that have not ended, in order of their beginning.
    pub(crate) fn unended(&self) -> Vec<PartId> {
        let mut open: Vec<PartId> =
            self.parts.iter().filter(|(_, part)| part.end.is_none()).map(|(id, _)| *id).collect();
        open.sort_unstable();
        open
    }

    pub(crate) fn octets(&self) -> usize {
        self.parts.capacity() * (size_of::<(PartId, Part)>() + 1)
            + self.ends.octets()
            + self.ready.capacity() * size_of::<UsageRecord>()
    }
}

/// After a tunnel is gone: what was sent into it before has come by then.
pub(crate) const LINGER: Duration = Duration::from_millis(200);
/// A tunnel that nobody releases holds the record back no longer than this.
const LONGEST: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    fn part_of() -> PartOf {
        PartOf {
            supi: "001010000000001".parse().unwrap(),
            session: SessionId::new(1).unwrap(),
            dnn: "internet".parse().unwrap(),
            serving: "001/01".parse().unwrap(),
            charging_id: Some(9),
            sequence: 0,
            opened_us: None,
        }
    }

    #[test]
    fn what_comes_before_the_tunnel_is_gone_still_counts() {
        let (mut usage, start) = (Usage::new(), Instant::now());
        usage.set_clock(start, 1_000_000);
        let after = |ms| start + Duration::from_millis(ms);
        let id = usage.open(part_of(), after(10));
        usage.tunnel_added(id);
        usage.end(id, Closing::Released, after(1_000));
        usage.received(id, 100, 0);
        usage.tunnel_gone(id, after(1_050));
        usage.advance(after(1_100));
        assert_eq!(usage.waiting(), 0, "it lingers");
        usage.received(id, 50, 0);
        usage.advance(after(1_050) + LINGER);
        let records = usage.take(10);
        assert_eq!(records.len(), 1);
        assert_eq!((records[0].from_us, records[0].to_us), (1_010_000, 2_000_000));
        assert_eq!(records[0].downlink, Octets(150));
        assert!(usage.is_settled() && usage.take(10).is_empty(), "each record comes once");
    }

    #[test]
    fn a_tunnel_that_is_never_released_holds_no_record_back_for_good() {
        let (mut usage, start) = (Usage::new(), Instant::now());
        let id = usage.open(part_of(), start);
        usage.tunnel_added(id);
        usage.end(id, Closing::Deregistered, start);
        usage.end(id, Closing::StillOpen, start + LINGER);
        usage.advance(start + LONGEST);
        assert_eq!(usage.take(1)[0].closing, Closing::Deregistered, "the first end counts");
    }
}
