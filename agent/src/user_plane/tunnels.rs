//! The gNBs' ends of the tunnels of a shard, and the sequence numbers that come and go in them.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::time::Instant;

use gtpu::{Arrival, MOST_MISSING, SequenceCounter};
use identity::SessionId;
use scenarios::Flow;
use signalling::Tunnel;

use super::usage::{LINGER, PartId};

/// Tunnels by our TEID. A tunnel that was released is kept for a moment, for what is on its way in it.
#[derive(Default)]
pub(super) struct Tunnels {
    ends: HashMap<u32, End>,
    by_resource: HashMap<(u32, u16, SessionId), u32>,
    released: VecDeque<(Instant, u32)>,
}

struct End {
    tunnel: Tunnel,
    /// What its packets count for.
    part: Option<PartId>,
    /// Whose session it is, when the UE is here.
    of: Option<(u32, SessionId)>,
    /// The other end before it was changed: some of its packets may be on their way.
    former: Option<IpAddr>,
    downlink: SequenceCounter,
    /// What the other end is expected to send.
    flow: Option<Flow>,
    /// When the first packet came and the last one, and the octets of all.
    came: Option<(Instant, Instant)>,
    octets: u64,
    uplink: u16,
    last_used: Option<Instant>,
    released: Option<Instant>,
}

/// How a packet came.
pub(super) enum Came {
    /// Through the tunnel of a session.
    Through {
        /// What it counts for.
        part: PartId,
        /// By its sequence number, where it has one.
        arrival: Option<Arrival>,
        /// Whose session it is.
        of: Option<(u32, SessionId)>,
    },
    /// From an address that is not the tunnel's other end.
    Foreign,
    /// For a tunnel whose UE is not at the gNB: not yet, or not any more.
    Nobodys,
    /// For no tunnel.
    Unknown,
}

impl End {
    fn is_remote(&self, from: IpAddr) -> bool {
        let mut ends = [Some(self.tunnel.remote), self.former].into_iter().flatten();
        ends.any(|end| gtpu::is_same_address(end, from))
    }

    /// How many packets can have been lost since the last one came.
    fn most_missing(&self, now: Instant) -> u16 {
        let (Some(flow), Some((first, last))) = (&self.flow, self.came) else { return MOST_MISSING };
        let (since_first, idle) = (now.saturating_duration_since(first), now.saturating_duration_since(last));
        gtpu::most_missing(flow, since_first, idle, self.octets)
    }
}

impl Tunnels {
    /// A tunnel is there, or its other end has changed. Returns the part of another one that it replaces.
    pub(super) fn set(&mut self, ue: u32, gnb: u16, tunnel: Tunnel) -> Option<PartId> {
        let teid = tunnel.local_teid;
        if let Some(end) = self.ends.get_mut(&teid).filter(|end| end.released.is_none()) {
            if !gtpu::is_same_address(end.tunnel.remote, tunnel.remote) {
                end.former = Some(end.tunnel.remote);
            }
            end.tunnel = tunnel;
            return None;
        }
        let before = self.by_resource.insert((ue, gnb, tunnel.session), teid).filter(|old| *old != teid);
        let end = End {
            tunnel,
            part: None,
            of: None,
            former: None,
            downlink: SequenceCounter::new(),
            flow: None,
            came: None,
            octets: 0,
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
        session: SessionId,
        now: Instant,
    ) -> Option<(u32, Option<PartId>)> {
        let teid = self.by_resource.remove(&(ue, gnb, session))?;
        let end = self.ends.get_mut(&teid)?;
        end.released = Some(now);
        self.released.push_back((now + LINGER, teid));
        Some((teid, end.part))
    }

    pub(super) fn teid(&self, ue: u32, gnb: u16, session: SessionId) -> Option<u32> {
        self.by_resource.get(&(ue, gnb, session)).copied()
    }

    /// What comes in the tunnel counts for this part of this session, whose other end sends this flow. Returns what it counted
    /// for before.
    pub(super) fn count_for(
        &mut self,
        teid: u32,
        part: PartId,
        of: (u32, SessionId),
        flow: Option<Flow>,
    ) -> Option<PartId> {
        let end = self.ends.get_mut(&teid)?;
        (end.of, end.flow) = (Some(of), flow);
        end.part.replace(part)
    }

    /// Whether what comes from this address comes from the tunnel's other end; nothing for a tunnel that is not there.
    pub(super) fn is_from_its_end(&self, teid: u32, from: IpAddr) -> Option<bool> {
        Some(self.ends.get(&teid)?.is_remote(from))
    }

    /// A packet of so many octets came in a tunnel.
    pub(super) fn count(
        &mut self,
        teid: u32,
        from: IpAddr,
        (sequence, octets): (Option<u16>, u64),
        now: Instant,
    ) -> Came {
        let Some(end) = self.ends.get_mut(&teid) else { return Came::Unknown };
        if !end.is_remote(from) {
            return Came::Foreign;
        }
        let Some(part) = end.part else { return Came::Nobodys };
        end.last_used = Some(now);
        let most = end.most_missing(now);
        end.came = Some((end.came.map_or(now, |(first, _)| first), now));
        end.octets = end.octets.saturating_add(octets);
        let arrival = sequence.map(|number| end.downlink.record_after(number, most));
        Came::Through { part, arrival, of: end.of }
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
            + self.by_resource.capacity() * (size_of::<((u32, u16, SessionId), u32)>() + 1)
    }
}
