//! Endpoints of one process that reach each other by name: messages move through channels, and every call of the API
//! behaves as over a network that loses nothing.

use crate::waker::{Rest, Until, Waiter, Waker};
use crate::{
    Address, AssociationId, Departure, DownReason, Event, Options, Overview, Parameters, Remote, SctpError,
    SendError, Transport,
};
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Instant;

/// One end of associations within this process.
#[derive(Debug)]
pub(crate) struct MemoryEndpoint {
    options: Options,
    address: SocketAddr,
    name: String,
    listening: bool,
    waiter: Waiter,
    inbox: Receiver<Letter>,
    mailbox: Mailbox,
    associations: BTreeMap<AssociationId, Association>,
    /// Events that a call other than `wait` caused.
    pending: Vec<Event>,
    next_id: u32,
    /// Messages that have left, where somebody asks for them.
    departures: Vec<Departure>,
}

#[derive(Debug)]
struct Association {
    peer: Mailbox,
    /// Its identifier at the peer; `None` until the peer accepted.
    peer_id: Option<AssociationId>,
    streams_out: u16,
    remote: Remote,
    /// Octets which the peer has not taken out of its inbox yet.
    queued: Arc<AtomicUsize>,
    /// Messages that were taken, where somebody asks when they leave.
    sent: u64,
}

/// How others reach an endpoint.
#[derive(Clone, Debug)]
struct Mailbox {
    sender: Sender<Letter>,
    waker: Waker,
    address: SocketAddr,
}

#[derive(Debug)]
enum Letter {
    Connect { from: Mailbox, id: AssociationId, streams: u16 },
    Accepted { from: Mailbox, id: AssociationId, peer_id: AssociationId, streams: u16 },
    Refused { id: AssociationId, cause: &'static str },
    Message { id: AssociationId, stream: u16, ppid: u32, payload: Vec<u8>, queued: Arc<AtomicUsize> },
    Shutdown { id: AssociationId },
    Abort { id: AssociationId },
}

/// The listeners of this process by name.
static LISTENERS: LazyLock<Mutex<HashMap<String, Mailbox>>> = LazyLock::new(Mutex::default);
/// Tells endpoints apart in [`Event::Up`]; the port has no other meaning.
static NEXT_PORT: AtomicU16 = AtomicU16::new(1);

impl MemoryEndpoint {
    pub(crate) fn client(options: &Options) -> Result<Self, SctpError> {
        let waiter = Waiter::new(options.spin)
            .map_err(|source| SctpError::Open { transport: Transport::Memory, source })?;
        let (sender, inbox) = mpsc::channel();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, NEXT_PORT.fetch_add(1, Ordering::Relaxed)));
        let mailbox = Mailbox { sender, waker: waiter.waker(), address };
        Ok(Self {
            options: options.clone(),
            address,
            name: format!("client-{}", address.port()),
            listening: false,
            waiter,
            inbox,
            mailbox,
            associations: BTreeMap::new(),
            pending: Vec::new(),
            next_id: 0,
            departures: Vec::new(),
        })
    }

    pub(crate) fn listen(local: &Address, options: &Options) -> Result<Self, SctpError> {
        let mut endpoint = Self::client(options)?;
        endpoint.name = local.host().to_owned();
        endpoint.listening = true;
        let mut listeners = LISTENERS.lock().unwrap_or_else(PoisonError::into_inner);
        if listeners.contains_key(&endpoint.name) {
            // The endpoint is not in the registry; its drop must not remove the one that is.
            endpoint.listening = false;
            return Err(SctpError::Listen {
                address: local.clone(),
                source: io::ErrorKind::AddrInUse.into(),
            });
        }
        listeners.insert(endpoint.name.clone(), endpoint.mailbox.clone());
        drop(listeners);
        Ok(endpoint)
    }

    pub(crate) fn local_address(&self) -> Address {
        Address::memory(&self.name)
    }

    pub(crate) fn connect(&mut self, peer: &Address, _now: Instant) -> Result<AssociationId, SctpError> {
        if peer.transport() != Transport::Memory {
            return Err(SctpError::WrongTransport { address: peer.clone(), transport: Transport::Memory });
        }
        if self.associations.len() >= self.options.max_associations {
            return Err(SctpError::TooManyAssociations { limit: self.options.max_associations });
        }
        let id = self.new_id();
        let remote = Remote { transport: Transport::Memory, address: peer.to_string() };
        let listener = LISTENERS.lock().unwrap_or_else(PoisonError::into_inner).get(peer.host()).cloned();
        let connect = Letter::Connect { from: self.mailbox.clone(), id, streams: self.options.streams };
        match listener {
            Some(listener) if listener.post(connect) => {
                self.insert(id, listener, None, 0, remote);
            }
            _ => {
                let cause = "nothing listens there".to_owned();
                self.pending.push(Event::Down { id, reason: DownReason::Refused { remote, cause } });
            }
        }
        Ok(id)
    }

    pub(crate) fn send(
        &mut self,
        id: AssociationId,
        stream: u16,
        ppid: u32,
        payload: Vec<u8>,
    ) -> Result<(), SendError> {
        SendError::check_length(payload.len())?;
        let association = self.associations.get_mut(&id).ok_or(SendError::Gone)?;
        let peer_id = association.peer_id.ok_or(SendError::NotUp)?;
        let streams = association.streams_out;
        if stream >= streams {
            return Err(SendError::NoSuchStream { stream, streams });
        }
        let queued = &association.queued;
        if queued.load(Ordering::Relaxed).saturating_add(payload.len()) > self.options.send_buffer {
            return Err(SendError::Full);
        }
        queued.fetch_add(payload.len(), Ordering::Relaxed);
        let message = Letter::Message { id: peer_id, stream, ppid, payload, queued: Arc::clone(queued) };
        if !association.peer.post(message) {
            return Err(SendError::Gone);
        }
        if self.options.departures {
            self.departures.push(Departure { id, number: association.sent, at: Instant::now() });
            association.sent += 1;
        }
        Ok(())
    }

    pub(crate) fn shutdown(&mut self, id: AssociationId, _now: Instant) {
        let Some(association) = self.associations.remove(&id) else { return };
        if let Some(id) = association.peer_id {
            association.peer.post(Letter::Shutdown { id });
        }
        self.pending
            .push(Event::Down { id, reason: DownReason::Shutdown { remote: association.remote, unsent: 0 } });
    }

    pub(crate) fn abort(&mut self, id: AssociationId, _now: Instant) {
        let Some(association) = self.associations.remove(&id) else { return };
        association.abort();
        let cause = "by this side".to_owned();
        self.pending
            .push(Event::Down { id, reason: DownReason::Aborted { remote: association.remote, cause } });
    }

    pub(crate) fn wait(&mut self, until: Until, events: &mut Vec<Event>) -> io::Result<()> {
        let before = events.len();
        loop {
            self.drain(events);
            let now = Instant::now();
            if events.len() > before || self.waiter.was_asked() || now >= until.end() {
                return Ok(());
            }
            match self.waiter.rest(until, None, now) {
                Rest::Awake { end } => {
                    let (mut vigil, mut letter) = (self.waiter.vigil(end), None);
                    while letter.is_none() && vigil.goes_on().is_some() {
                        letter = self.inbox.try_recv().ok();
                    }
                    if let Some(letter) = letter {
                        self.open(letter, events);
                    }
                }
                rest => self.waiter.sleep(rest)?,
            }
        }
    }

    pub(crate) fn poll(&mut self, _now: Instant, events: &mut Vec<Event>) -> io::Result<()> {
        self.drain(events);
        Ok(())
    }

    pub(crate) fn take_departures(&mut self, departures: &mut Vec<Departure>) {
        departures.append(&mut self.departures);
    }

    pub(crate) fn waiter(&mut self) -> &mut Waiter {
        &mut self.waiter
    }

    pub(crate) fn waker(&self) -> Waker {
        self.waiter.waker()
    }

    /// No SCTP is spoken.
    #[allow(clippy::unused_self, reason = "one of several endpoints")]
    pub(crate) fn parameters(&self, _: AssociationId) -> Option<Parameters> {
        None
    }

    pub(crate) fn overview(&self) -> Overview {
        let mut overview = Overview::default();
        self.associations.values().for_each(|_| overview.add(None));
        overview
    }

    pub(crate) fn ends(&self, id: AssociationId) -> Option<(SocketAddr, SocketAddr)> {
        self.associations.get(&id).map(|association| (self.address, association.peer.address))
    }

    fn drain(&mut self, events: &mut Vec<Event>) {
        events.append(&mut self.pending);
        while let Ok(letter) = self.inbox.try_recv() {
            self.open(letter, events);
        }
    }

    fn open(&mut self, letter: Letter, events: &mut Vec<Event>) {
        match letter {
            Letter::Connect { from, id: peer_id, streams } => self.accept(from, peer_id, streams, events),
            Letter::Accepted { from, id, peer_id, streams } => match self.associations.get_mut(&id) {
                Some(association) => {
                    association.peer_id = Some(peer_id);
                    association.streams_out = streams;
                    association.peer = from;
                    events.push(Event::Up { id, peer: association.peer.address, streams_out: streams });
                }
                // Given up here in the meantime.
                None => {
                    from.post(Letter::Abort { id: peer_id });
                }
            },
            Letter::Refused { id, cause } => {
                self.down(id, events, |remote| DownReason::Refused { remote, cause: cause.to_owned() })
            }
            Letter::Message { id, stream, ppid, payload, queued } => {
                queued.fetch_sub(payload.len(), Ordering::Relaxed);
                if self.associations.contains_key(&id) {
                    events.push(Event::Received { id, stream, ppid, payload, at: Instant::now() });
                }
            }
            Letter::Shutdown { id } => {
                self.down(id, events, |remote| DownReason::Shutdown { remote, unsent: 0 });
            }
            Letter::Abort { id } => self
                .down(id, events, |remote| DownReason::Aborted { remote, cause: "by the peer".to_owned() }),
        }
    }

    fn accept(&mut self, from: Mailbox, peer_id: AssociationId, streams: u16, events: &mut Vec<Event>) {
        if self.associations.len() >= self.options.max_associations {
            from.post(Letter::Refused { id: peer_id, cause: "the listener is at its limit of associations" });
            return;
        }
        let id = self.new_id();
        let streams = streams.min(self.options.streams);
        let peer = from.address;
        let accepted = Letter::Accepted { from: self.mailbox.clone(), id: peer_id, peer_id: id, streams };
        if from.post(accepted) {
            let remote = Remote { transport: Transport::Memory, address: format!("client-{}", peer.port()) };
            self.insert(id, from, Some(peer_id), streams, remote);
            events.push(Event::Up { id, peer, streams_out: streams });
        }
    }

    fn insert(
        &mut self,
        id: AssociationId,
        peer: Mailbox,
        peer_id: Option<AssociationId>,
        streams_out: u16,
        remote: Remote,
    ) {
        let association = Association { peer, peer_id, streams_out, remote, queued: Arc::default(), sent: 0 };
        self.associations.insert(id, association);
    }

    fn down(
        &mut self,
        id: AssociationId,
        events: &mut Vec<Event>,
        reason: impl FnOnce(Remote) -> DownReason,
    ) {
        if let Some(association) = self.associations.remove(&id) {
            events.push(Event::Down { id, reason: reason(association.remote) });
        }
    }

    fn new_id(&mut self) -> AssociationId {
        self.next_id += 1;
        AssociationId(self.next_id)
    }
}

impl Drop for MemoryEndpoint {
    fn drop(&mut self) {
        if self.listening {
            LISTENERS.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.name);
        }
        for association in self.associations.values() {
            association.abort();
        }
        // Whoever is asking for an association now is told that nobody will answer.
        while let Ok(letter) = self.inbox.try_recv() {
            if let Letter::Connect { from, id, .. } = letter {
                from.post(Letter::Refused { id, cause: "the listener is gone" });
            }
        }
    }
}

impl Association {
    fn abort(&self) {
        if let Some(id) = self.peer_id {
            self.peer.post(Letter::Abort { id });
        }
    }
}

impl Mailbox {
    /// Whether the letter was delivered: the endpoint still exists.
    fn post(&self, letter: Letter) -> bool {
        let delivered = self.sender.send(letter).is_ok();
        if delivered {
            self.waker.nudge();
        }
        delivered
    }
}
