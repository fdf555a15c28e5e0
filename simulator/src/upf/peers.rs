//! The gNBs' addresses: each is asked from time to time whether it is alive (TS 29.281 §7.2.1, §11).

use std::net::IpAddr;
use std::time::{Duration, Instant};

use gtpu::Message;
use rustc_hash::FxHashMap;

use super::UpfCounters;

/// The paths to gNBs, without their tunnels.
pub(super) struct Peers {
    interval: Duration,
    peers: FxHashMap<IpAddr, Peer>,
    next: Option<Instant>,
    sequence: u16,
}

struct Peer {
    /// When the next request goes out.
    next: Instant,
    /// The request that waits for its answer, and how often it was sent.
    waiting: Option<(u16, u8)>,
}

impl Peers {
    pub(super) fn new(interval: Duration) -> Self {
        Self { interval, peers: FxHashMap::default(), next: None, sequence: 0 }
    }

    /// A tunnel leads to this address.
    pub(super) fn meet(&mut self, now: Instant, address: IpAddr) {
        if self.peers.len() < PEERS && !self.peers.contains_key(&address) {
            self.peers.insert(address, Peer { next: now, waiting: None });
            self.next = Some(now);
        }
    }

    pub(super) fn answered(&mut self, from: IpAddr, sequence: u16, counters: &mut UpfCounters) {
        let Some(peer) = self.peers.get_mut(&from) else { return };
        if peer.waiting.is_some_and(|(waiting, _)| waiting == sequence) {
            // The time of the next request was set to the end of the wait.
            peer.next += self.interval.saturating_sub(T3_RESPONSE);
            peer.waiting = None;
            counters.echo_responses_received += 1;
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.next
    }

    pub(super) fn advance(
        &mut self,
        now: Instant,
        counters: &mut UpfCounters,
        mut send: impl FnMut(IpAddr, &Message<'_>),
    ) {
        if self.next.is_none_or(|next| next > now) {
            return;
        }
        let (interval, sequence) = (self.interval, &mut self.sequence);
        self.peers.retain(|address, peer| {
            if peer.next > now {
                return true;
            }
            let times = match peer.waiting {
                // Nobody is there: it is met again with its next tunnel.
                Some((_, times)) if times >= N3_REQUESTS => {
                    counters.peers_lost += 1;
                    return false;
                }
                Some((_, times)) => times + 1,
                None => 1,
            };
            *sequence = sequence.wrapping_add(1);
            peer.waiting = Some((*sequence, times));
            peer.next = now + T3_RESPONSE.min(interval);
            counters.echo_requests_sent += 1;
            send(*address, &Message::EchoRequest { sequence: *sequence });
            true
        });
        self.next = self.peers.values().map(|peer| peer.next).min();
    }
}

/// TS 29.281 §12: how long an answer is waited for, and how often it is asked for.
const T3_RESPONSE: Duration = Duration::from_secs(3);
const N3_REQUESTS: u8 = 3;
/// Addresses that are asked; more of them are not.
const PEERS: usize = 65_536;
