//! INIT ACKs that were sent and whose COOKIE ECHO has not come yet.
//!
//! dcsctp's cookie is not authenticated, so a COOKIE ECHO is only believed when it carries the tag of an offer made to
//! that peer. An offer costs some 300 octets, is short-lived, and their number is bounded: a flood of INITs from false
//! addresses displaces offers, never memory.

use super::association::{Key, socket_options};
use super::packet;
use crate::Options;
use dcsctp::api::{DcSctpSocket, Socket, SocketEvent};
use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

#[derive(Debug)]
pub(crate) struct Offers {
    by_key: HashMap<Key, Offer>,
    /// In order of expiry; may name offers that are gone or renewed.
    order: VecDeque<(Instant, Key)>,
    /// Answers in the current second.
    answered: u32,
    second: Option<Instant>,
}

#[derive(Debug)]
struct Offer {
    /// The Initiate Tag of the INIT: the same again is the same INIT, sent again.
    asked_tag: u32,
    /// Ours, which the COOKIE ECHO carries.
    our_tag: u32,
    init_ack: Vec<u8>,
    expires: Instant,
}

impl Offers {
    pub(crate) fn new() -> Self {
        Self { by_key: HashMap::new(), order: VecDeque::new(), answered: 0, second: None }
    }

    /// The INIT ACK for an INIT whose checksum was right; `None` when it is malformed or there are too many.
    pub(crate) fn answer(
        &mut self,
        key: Key,
        init: &[u8],
        options: &Options,
        now: Instant,
    ) -> Option<Vec<u8>> {
        let asked_tag = packet::initiate_tag(init)?;
        if let Some(offer) = self.by_key.get(&key)
            && offer.asked_tag == asked_tag
            && offer.expires > now
        {
            return Some(offer.init_ack.clone());
        }
        if !self.allowed(now) {
            return None;
        }
        let init_ack = init_ack(key, init, options)?;
        let our_tag = packet::initiate_tag(&init_ack)?;
        let expires = now + LIFETIME;
        self.by_key.insert(key, Offer { asked_tag, our_tag, init_ack: init_ack.clone(), expires });
        self.order.push_back((expires, key));
        while self.order.len() > LIMIT || self.order.front().is_some_and(|(expires, _)| *expires <= now) {
            let Some((expires, key)) = self.order.pop_front() else { break };
            if self.by_key.get(&key).is_some_and(|offer| offer.expires == expires) {
                self.by_key.remove(&key);
            }
        }
        Some(init_ack)
    }

    /// Whether a COOKIE ECHO with this tag answers an offer, which is thereby used up.
    pub(crate) fn redeem(&mut self, key: Key, tag: u32, now: Instant) -> bool {
        let valid = self.by_key.get(&key).is_some_and(|offer| offer.our_tag == tag && offer.expires > now);
        if valid {
            self.by_key.remove(&key);
        }
        valid
    }

    fn allowed(&mut self, now: Instant) -> bool {
        if self.second.is_none_or(|second| second + Duration::from_secs(1) <= now) {
            self.second = Some(now);
            self.answered = 0;
        }
        self.answered += 1;
        self.answered <= LIMIT_PER_S
    }
}

/// What a closed dcsctp socket answers; it keeps no state of it.
fn init_ack(key: Key, init: &[u8], options: &Options) -> Option<Vec<u8>> {
    let mut socket = Socket::new("", &socket_options(key, options));
    catch_unwind(AssertUnwindSafe(|| socket.handle_input(init))).ok()?;
    std::iter::from_fn(|| socket.poll_event()).find_map(|event| match event {
        SocketEvent::SendPacket(octets) => Some(octets),
        _ => None,
    })
}

/// Offers kept at once.
const LIMIT: usize = 4096;
/// INITs answered a second.
const LIMIT_PER_S: u32 = 10_000;
/// `Valid.Cookie.Life` (RFC 9260 §16).
const LIFETIME: Duration = Duration::from_secs(60);
