//! All associations of one endpoint: finds the one a packet belongs to, accepts new ones, answers strays. No I/O.

use super::association::{Association, Datagram, Key, Sink};
use super::offers::Offers;
use super::packet::{self, Header};
use crate::{
    AssociationId, Departure, DownReason, Event, Options, Overview, Parameters, Remote, SctpError, SendError,
    Transport,
};
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::SocketAddr;
use std::time::Instant;

pub(crate) struct Stack {
    transport: Transport,
    options: Options,
    /// The SCTP port that associations are accepted on.
    listening: Option<u16>,
    associations: BTreeMap<AssociationId, Association>,
    by_key: HashMap<Key, AssociationId>,
    offers: Offers,
    /// Associations with messages to flush.
    dirty: Vec<AssociationId>,
    outgoing: Vec<Datagram>,
    /// What calls outside of `wait` caused.
    events: Vec<Event>,
    connecting: usize,
    last_id: u32,
    first_port: u16,
    /// How many local ports were given to associations begun here.
    ports_given: u16,
}

impl Stack {
    /// `seed_port` varies the local ports of the associations begun here.
    pub(crate) fn new(
        transport: Transport,
        options: &Options,
        listening: Option<u16>,
        seed_port: u16,
    ) -> Self {
        Self {
            transport,
            options: options.clone(),
            listening,
            associations: BTreeMap::new(),
            by_key: HashMap::new(),
            offers: Offers::new(),
            dirty: Vec::new(),
            outgoing: Vec::new(),
            events: Vec::new(),
            connecting: 0,
            last_id: 0,
            first_port: FIRST_EPHEMERAL_PORT + seed_port % EPHEMERAL_PORTS,
            ports_given: 0,
        }
    }

    /// Begins an association with `peer` (its UDP port, or 0 on raw IP).
    pub(crate) fn connect(
        &mut self,
        peer: SocketAddr,
        peer_port: u16,
        remote: Remote,
        now: Instant,
    ) -> Result<AssociationId, SctpError> {
        if self.associations.len() >= self.options.max_associations {
            return Err(SctpError::TooManyAssociations { limit: self.options.max_associations });
        }
        let key = self.free_key(peer, peer_port)?;
        self.last_id = self.last_id.wrapping_add(1);
        let id = AssociationId(self.last_id);
        self.by_key.insert(key, id);
        self.associations.insert(id, Association::new(id, key, remote, &self.options, now));
        self.connecting += 1;
        self.with_own_events(|stack, events| {
            stack.act(id, events, |association, sink| association.connect(now, sink));
        });
        Ok(id)
    }

    pub(crate) fn send(
        &mut self,
        id: AssociationId,
        stream: u16,
        ppid: u32,
        payload: Vec<u8>,
    ) -> Result<(), SendError> {
        let association = self.associations.get_mut(&id).ok_or(SendError::Gone)?;
        let clean = !association.is_dirty();
        association.queue(stream, ppid, payload)?;
        if clean {
            self.dirty.push(id);
        }
        Ok(())
    }

    pub(crate) fn shutdown(&mut self, id: AssociationId, now: Instant) {
        self.with_own_events(|stack, events| {
            stack.act(id, events, |association, sink| association.shutdown(now, sink));
        });
    }

    pub(crate) fn abort(&mut self, id: AssociationId) {
        self.with_own_events(|stack, events| {
            stack.act(id, events, |association, sink| Some(association.abort(sink)));
        });
    }

    /// Ends a connection attempt because the network said that nothing listens there.
    pub(crate) fn refused(&mut self, id: AssociationId, cause: &str, events: &mut Vec<Event>) {
        self.act(id, events, |association, _| {
            association.is_connecting().then(|| association.refused(cause))
        });
    }

    /// Ends a connection attempt because the network has no way there.
    pub(crate) fn unreachable(&mut self, id: AssociationId, cause: &io::Error, events: &mut Vec<Event>) {
        self.act(id, events, |association, _| {
            association.is_connecting().then(|| association.unreachable(cause))
        });
    }

    pub(crate) fn is_connecting(&self, id: AssociationId) -> bool {
        self.associations.get(&id).is_some_and(Association::is_connecting)
    }

    pub(crate) fn parameters(&self, id: AssociationId) -> Option<Parameters> {
        self.associations.get(&id)?.parameters()
    }

    pub(crate) fn overview(&self) -> Overview {
        let mut overview = Overview::default();
        let up = self.associations.values().filter(|association| association.is_up());
        up.for_each(|association| overview.add(association.parameters()));
        overview
    }

    pub(crate) fn key(&self, id: AssociationId) -> Option<Key> {
        self.associations.get(&id).map(|association| association.key)
    }

    /// A packet from the network.
    pub(crate) fn receive(&mut self, from: SocketAddr, octets: &[u8], now: Instant, events: &mut Vec<Event>) {
        let Some(header) = Header::parse(octets) else {
            self.receive_garbage(from, events);
            return;
        };
        if self.transport == Transport::RawIp && !self.owns_port(header.destination_port) {
            // Every process of the host sees every packet; this one is another's.
            return;
        }
        let key = Key { peer: from, peer_port: header.source_port, local_port: header.destination_port };
        if let Some(id) = self.by_key.get(&key).copied() {
            self.act(id, events, |association, sink| association.receive(header, octets, now, sink));
        } else if !packet::checksum_is_right(octets) {
            self.receive_garbage(from, events);
        } else if self.listening == Some(header.destination_port) && header.first_chunk == packet::INIT {
            self.offer(key, header, octets, now);
        } else if self.listening == Some(header.destination_port) && header.first_chunk == packet::COOKIE_ECHO
        {
            self.accept(key, header, octets, now, events);
        } else if self.owns_port(header.destination_port) || !self.receive_garbage(from, events) {
            self.reply(from, packet::answer_out_of_the_blue(octets));
        }
    }

    /// Hands queued messages over to their associations, and reports what calls outside of `wait` caused.
    pub(crate) fn flush(&mut self, now: Instant, events: &mut Vec<Event>) {
        events.append(&mut self.events);
        let mut dirty = std::mem::take(&mut self.dirty);
        for id in dirty.drain(..) {
            self.act(id, events, |association, sink| association.flush(now, sink));
        }
        self.dirty = dirty;
    }

    /// Runs the timers that are due.
    pub(crate) fn expire(&mut self, now: Instant, events: &mut Vec<Event>) {
        let due = |association: &&Association| association.deadline() <= now;
        let due: Vec<AssociationId> = self.associations.values().filter(due).map(|found| found.id).collect();
        for id in due {
            self.act(id, events, |association, sink| association.expire(now, sink));
        }
    }

    /// When [`Self::expire`] must be called next.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.associations.values().map(Association::deadline).min()
    }

    /// What is to be sent; the caller takes packets from its front.
    pub(crate) fn outgoing(&mut self) -> &mut Vec<Datagram> {
        &mut self.outgoing
    }

    /// A packet was given to the kernel at an instant.
    pub(crate) fn left(&mut self, packet: &Datagram, at: Instant, departures: &mut Vec<Departure>) {
        let Some((id, association)) =
            packet.association.and_then(|id| Some((id, self.associations.get_mut(&id)?)))
        else {
            return;
        };
        association.left(&packet.octets, |number| departures.push(Departure { id, number, at }));
    }

    /// Aborts everything, for the end of the endpoint.
    pub(crate) fn abort_all(&mut self) {
        let ids: Vec<AssociationId> = self.associations.keys().copied().collect();
        for id in ids {
            self.abort(id);
        }
    }

    fn offer(&mut self, key: Key, header: Header, init: &[u8], now: Instant) {
        if header.tag != 0 {
            return;
        }
        let answer = if self.associations.len() >= self.options.max_associations {
            tracing::warn!(peer = %key.peer, limit = self.options.max_associations, "association refused: limit reached");
            packet::refuse_init(init)
        } else {
            self.offers.answer(key, init, &self.options, now)
        };
        self.reply(key.peer, answer);
    }

    fn accept(&mut self, key: Key, header: Header, octets: &[u8], now: Instant, events: &mut Vec<Event>) {
        if self.associations.len() >= self.options.max_associations
            || !self.offers.redeem(key, header.tag, now)
        {
            return;
        }
        self.last_id = self.last_id.wrapping_add(1);
        let id = AssociationId(self.last_id);
        let address = match self.transport {
            Transport::RawIp => format!("sctp+ip://{}", SocketAddr::new(key.peer.ip(), key.peer_port)),
            _ => format!("sctp+udp://{}?port={}", key.peer, key.peer_port),
        };
        let remote = Remote { transport: self.transport, address };
        let mut association = Association::new(id, key, remote, &self.options, now);
        let mut sink =
            Sink { outgoing: &mut self.outgoing, events: &mut *events, last_id: &mut self.last_id };
        let reason = association.receive(header, octets, now, &mut sink);
        if association.is_up() {
            match reason {
                Some(reason) => events.push(Event::Down { id, reason }),
                None => {
                    self.by_key.insert(key, id);
                    self.associations.insert(id, association);
                }
            }
        }
    }

    /// Lets an association act, then keeps the books.
    fn act(
        &mut self,
        id: AssociationId,
        events: &mut Vec<Event>,
        action: impl FnOnce(&mut Association, &mut Sink<'_>) -> Option<DownReason>,
    ) {
        let Some(association) = self.associations.get_mut(&id) else { return };
        let was_connecting = association.is_connecting();
        let mut sink =
            Sink { outgoing: &mut self.outgoing, events: &mut *events, last_id: &mut self.last_id };
        let reason = action(association, &mut sink);
        let (new_id, key) = (association.id, association.key);
        if was_connecting && (reason.is_some() || !association.is_connecting()) {
            self.connecting -= 1;
        }
        if let Some(reason) = reason {
            events.push(Event::Down { id: new_id, reason });
            self.associations.remove(&id);
            self.by_key.remove(&key);
        } else if new_id != id
            && let Some(association) = self.associations.remove(&id)
        {
            self.associations.insert(new_id, association);
            self.by_key.insert(key, new_id);
        }
    }

    fn with_own_events(&mut self, action: impl FnOnce(&mut Self, &mut Vec<Event>)) {
        let mut events = std::mem::take(&mut self.events);
        action(self, &mut events);
        self.events = events;
    }

    /// What is no SCTP packet for us; whether it came from where an association is being connected to.
    fn receive_garbage(&mut self, from: SocketAddr, events: &mut Vec<Event>) -> bool {
        if self.connecting == 0 {
            return false;
        }
        let waits = |association: &&Association| association.is_connecting() && association.key.peer == from;
        let waiting: Vec<AssociationId> =
            self.associations.values().filter(waits).map(|found| found.id).collect();
        for id in &waiting {
            self.act(*id, events, |association, _| {
                association.receive_garbage();
                None
            });
        }
        !waiting.is_empty()
    }

    fn reply(&mut self, to: SocketAddr, answer: Option<Vec<u8>>) {
        if let Some(octets) = answer
            && self.outgoing.len() < REPLIES_LIMIT
        {
            self.outgoing.push(Datagram { to, octets, association: None });
        }
    }

    /// Whether an association of this endpoint uses, used or could use this port.
    fn owns_port(&self, port: u16) -> bool {
        let from_first = (port.wrapping_sub(self.first_port)) % EPHEMERAL_PORTS;
        let was_given = port >= FIRST_EPHEMERAL_PORT && from_first < self.ports_given;
        was_given || self.listening == Some(port)
    }

    fn port(&self, number: u16) -> u16 {
        let offset = (u32::from(self.first_port - FIRST_EPHEMERAL_PORT) + u32::from(number))
            % u32::from(EPHEMERAL_PORTS);
        FIRST_EPHEMERAL_PORT.saturating_add(u16::try_from(offset).unwrap_or(0))
    }

    fn free_key(&mut self, peer: SocketAddr, peer_port: u16) -> Result<Key, SctpError> {
        for _ in 0..EPHEMERAL_PORTS {
            let key = Key { peer, peer_port, local_port: self.port(self.ports_given) };
            self.ports_given = (self.ports_given + 1) % EPHEMERAL_PORTS;
            if !self.by_key.contains_key(&key) {
                return Ok(key);
            }
        }
        Err(SctpError::TooManyAssociations { limit: usize::from(EPHEMERAL_PORTS) })
    }
}

impl std::fmt::Debug for Stack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stack")
            .field("transport", &self.transport)
            .field("listening", &self.listening)
            .field("associations", &self.associations.len())
            .finish_non_exhaustive()
    }
}

/// Local ports of associations begun here (RFC 6335 §6).
const FIRST_EPHEMERAL_PORT: u16 = 49152;
const EPHEMERAL_PORTS: u16 = 16384;
/// Answers to strays and INITs wait for the network at most in this number.
const REPLIES_LIMIT: usize = 4096;
