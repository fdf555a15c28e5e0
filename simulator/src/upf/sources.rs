//! From where the uplink of a session may come, and what is missing of it by its sequence numbers.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use gtpu::{Arrival, MOST_MISSING, SequenceCounter};
use scenarios::Flow;

use super::{N3End, UpfCounters};

/// A packet counts when it comes from the gNB whose end of the tunnel the SMF has named, or from the one before it: after a
/// handover some are still on their way. Until the first is named, the tunnel's TEID vouches for a packet: only a gNB knows it.
///
/// The packets of a gNB that the UE has just arrived at may be faster than the SMF. They are set aside by their source, and
/// count when the SMF names that source within [`SOON`].
#[derive(Default)]
pub(super) struct Sources {
    before: Option<IpAddr>,
    aside: Vec<Aside>,
    /// Who sent the last packet that counted.
    from: Option<IpAddr>,
    sequence: Option<SequenceCounter>,
    first: Option<Instant>,
    last: Option<Instant>,
    octets: u64,
}

/// Whether a source is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Known,
    Foreign,
}

struct Aside {
    from: IpAddr,
    since: Instant,
    packets: u64,
    octets: u64,
}

impl Sources {
    pub(super) fn judge(&self, now: Option<N3End>, from: IpAddr) -> Source {
        let named = now.map(|tunnel| tunnel.address);
        let nobody_yet = named.is_none() && self.before.is_none();
        let known = |address: IpAddr| gtpu::is_same_address(address, from);
        if nobody_yet || named.into_iter().chain(self.before).any(known) {
            Source::Known
        } else {
            Source::Foreign
        }
    }

    /// The tunnel no longer leads to this address.
    pub(super) fn left(&mut self, address: IpAddr) {
        self.before = Some(address);
    }

    /// A packet from a source that may yet be named.
    pub(super) fn set_aside(&mut self, now: Instant, from: IpAddr, octets: u64) {
        let from = from.to_canonical();
        self.aside.retain(|aside| now.saturating_duration_since(aside.since) <= SOON);
        if let Some(aside) = self.aside.iter_mut().find(|aside| aside.from == from) {
            aside.packets += 1;
            aside.octets += octets;
        } else if self.aside.len() < SOURCES {
            self.aside.push(Aside { from, since: now, packets: 1, octets });
        }
    }

    /// The tunnel leads to this address from now on: the packets and octets from it that were set aside.
    pub(super) fn adopt(&mut self, now: Instant, address: IpAddr) -> (u64, u64) {
        let mut adopted = (0, 0);
        for aside in std::mem::take(&mut self.aside) {
            let is_soon = now.saturating_duration_since(aside.since) <= SOON;
            if is_soon && gtpu::is_same_address(aside.from, address) {
                adopted = (aside.packets, aside.octets);
            }
        }
        adopted
    }

    /// A packet that counts. `flow`: what the UE is expected to send.
    pub(super) fn count(
        &mut self,
        now: Instant,
        from: IpAddr,
        number: u16,
        octets: u64,
        flow: Option<&Flow>,
        counters: &mut UpfCounters,
    ) {
        let most = self.most_missing(now, flow);
        let sequence = self.sequence.get_or_insert_with(SequenceCounter::new);
        if self.from.replace(from.to_canonical()) != Some(from.to_canonical()) {
            sequence.begin_again();
        }
        match sequence.record_after(number, most) {
            Arrival::InOrder => {}
            Arrival::After(missing) => counters.uplink_lost += u64::from(missing),
            Arrival::Late => {
                counters.uplink_lost = counters.uplink_lost.saturating_sub(1);
                counters.uplink_reordered += 1;
            }
            Arrival::Twice => counters.uplink_duplicated += 1,
            Arrival::Restarted => counters.uplink_restarts += 1,
            Arrival::Jumped => counters.uplink_jumps += 1,
        }
        self.first.get_or_insert(now);
        self.last = Some(now);
        self.octets = self.octets.saturating_add(octets);
    }

    /// Packets that went missing.
    pub(super) fn lost(&self) -> u64 {
        self.sequence.as_ref().map_or(0, SequenceCounter::lost)
    }

    fn most_missing(&self, now: Instant, flow: Option<&Flow>) -> u16 {
        let (Some(flow), Some(first), Some(last)) = (flow, self.first, self.last) else {
            return MOST_MISSING;
        };
        gtpu::most_missing(
            flow,
            now.saturating_duration_since(first),
            now.saturating_duration_since(last),
            self.octets,
        )
    }
}

/// A packet that is faster than the signalling of its UE's arrival is no more than this ahead of it.
const SOON: Duration = Duration::from_secs(2);
/// Sources of one session that are set aside.
const SOURCES: usize = 4;
