//! The gNBs' ends of the tunnels of a shard, and the sequence numbers that come and go in them.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::time::Instant;

use gtpu::{Arrival, SequenceCounter};
use identity::PduSessionId;
use signalling::Tunnel;

use super::usage::{LINGER, PartId};

/// Tunnels by our TEID. A tunnel that was released is kept for a moment, for what is on its way in it.
#[derive(Default)]
pub(super) struct Tunnels {
    ends: HashMap<u32, End>,
    by_resource: HashMap<(u32, u16, PduSessionId), u32>,
    released: VecDeque<(Instant, u32)>,
}

struct End {
    tunnel: Tunnel,
    /// What its packets count for.
    part: Option<PartId>,
    downlink: SequenceCounter,
    uplink: u16,
    last_used: Option<Instant>,
    released: Option<Instant>,
}

impl Tunnels {
    /// A tunnel is there, or its other end has changed. Returns the part of another one that it replaces.
    pub(super) fn set(&mut self, ue: u32, gnb: u16, tunnel: Tunnel) -> Option<PartId> {
        let teid = tunnel.local_teid;
        if let Some(end) = self.ends.get_mut(&teid).filter(|end| end.released.is_none()) {
            end.tunnel = tunnel;
            return None;
        }
        let before = self.by_resource.insert((ue, gnb, tunnel.session), teid).filter(|old| *old != teid);
        let end = End {
            tunnel,
            part: None,
            downlink: SequenceCounter::new(),
            uplink: 0,
            last_used: None,
            released: None,
        };
        self.ends.insert(teid, end);
        self.ends.remove(&before?)?.part
    }

    /// A tunnel is gone: our TEID of it, and what it counted for.
    pub(super) fn release(
        &mut self,
        ue: u32,
        gnb: u16,
        session: PduSessionId,
        now: Instant,
    ) -> Option<(u32, Option<PartId>)> {
        let teid = self.by_resource.remove(&(ue, gnb, session))?;
        let end = self.ends.get_mut(&teid)?;
        end.released = Some(now);
        self.released.push_back((now + LINGER, teid));
        Some((teid, end.part))
    }

    pub(super) fn teid(&self, ue: u32, gnb: u16, session: PduSessionId) -> Option<u32> {
        self.by_resource.get(&(ue, gnb, session)).copied()
    }

    /// What comes in the tunnel counts for this part. Returns what it counted for before.
    pub(super) fn count_for(&mut self, teid: u32, part: PartId) -> Option<PartId> {
        self.ends.get_mut(&teid)?.part.replace(part)
    }

    pub(super) fn part_of(&self, teid: u32) -> Option<PartId> {
        self.ends.get(&teid)?.part
    }

    /// A packet came in a tunnel: what it counts for, how many more are missing, and whether it was late.
    pub(super) fn count(
        &mut self,
        teid: u32,
        sequence: Option<u16>,
        now: Instant,
    ) -> Option<(PartId, i64, bool)> {
        let end = self.ends.get_mut(&teid)?;
        let part = end.part?;
        end.last_used = Some(now);
        let (newly_lost, late) = match sequence.map(|number| end.downlink.record(number)) {
            Some(Arrival::After(missing)) => (i64::from(missing), false),
            Some(Arrival::Late) => (-1, true),
            _ => (0, false),
        };
        Some((part, newly_lost, late))
    }

    /// The other end, and the QoS flow.
    pub(super) fn remote(&self, teid: u32) -> Option<((IpAddr, u32), u8)> {
        let tunnel = &self.ends.get(&teid)?.tunnel;
        Some(((tunnel.remote, tunnel.remote_teid), tunnel.qfi))
    }

    /// The sequence number of the next packet that we send.
    pub(super) fn next_sequence(&mut self, teid: u32) -> u16 {
        let Some(end) = self.ends.get_mut(&teid) else { return 0 };
        let number = end.uplink;
        end.uplink = number.wrapping_add(1);
        number
    }

    pub(super) fn touch(&mut self, teid: u32, now: Instant) {
        if let Some(end) = self.ends.get_mut(&teid) {
            end.last_used = Some(now);
        }
    }

    pub(super) fn last_used(&self, teid: u32) -> Option<Instant> {
        self.ends.get(&teid)?.last_used
    }

    /// Forgets the tunnels that were released long enough ago, unless their TEID is in use again.
    pub(super) fn sweep(&mut self, now: Instant) {
        while let Some(&(at, teid)) = self.released.front()
            && at <= now
        {
            self.released.pop_front();
            if self.ends.get(&teid).is_some_and(|end| end.released.is_some_and(|then| then + LINGER <= now)) {
                self.ends.remove(&teid);
            }
        }
    }

    pub(super) fn octets(&self) -> usize {
        self.ends.capacity() * (size_of::<(u32, End)>() + 1)
            + self.by_resource.capacity() * (size_of::<((u32, u16, PduSessionId), u32)>() + 1)
    }
}
