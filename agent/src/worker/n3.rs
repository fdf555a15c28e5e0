//! The worker's part of the user plane: the shared port, and which of its shards has which slot of TEIDs.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sctp::{Endpoint, Waker};

use crate::user_plane::{Datagram, GtpuPort, Route};

/// The worker's end of N3.
pub(super) struct N3 {
    worker: usize,
    port: Option<GtpuPort>,
    /// What other workers drained for shards of this one.
    datagrams: (Sender<Datagram>, Receiver<Datagram>),
    shards: HashMap<u32, u32>,
    /// Wakes this worker.
    waker: Arc<Mutex<Option<Waker>>>,
    watch: Watch,
}

/// Whether this worker is woken by what comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Watch {
    /// Another one is, and hands on what is for this one.
    Others,
    /// It is to be, as soon as there is something to wait in.
    Wanted,
    /// It is. Something came last at this instant.
    Ours { came: Option<Instant> },
}

impl N3 {
    pub(super) fn new(worker: usize, waker: Arc<Mutex<Option<Waker>>>) -> Self {
        let datagrams = std::sync::mpsc::channel();
        Self { worker, port: None, datagrams, shards: HashMap::new(), waker, watch: Watch::Others }
    }

    /// The shard has this slot.
    pub(super) fn route(&mut self, port: GtpuPort, slot: u32, shard: u32) {
        let to = Route { worker: self.worker, to: self.datagrams.0.clone(), waker: Arc::clone(&self.waker) };
        port.route(slot, to);
        if self.watch == Watch::Others && port.is_watched_by(self.worker) {
            self.watch = Watch::Wanted;
        }
        self.shards.insert(slot, shard);
        self.port = Some(port);
    }

    /// Has the endpoint look for what comes, where this worker is the one that is woken by it.
    pub(super) fn watch(&mut self, endpoint: Option<&mut Endpoint>) {
        let (Watch::Wanted, Some(endpoint), Some(port)) = (self.watch, endpoint, &self.port) else { return };
        match endpoint.watch(port.socket()) {
            Ok(()) => self.watch = Watch::Ours { came: None },
            // It is looked for again and again then.
            Err(error) => tracing::warn!(%error, "the user plane's socket cannot be watched"),
        }
    }

    /// Something came.
    pub(super) fn came(&mut self, now: Instant) {
        if let Watch::Ours { came } = &mut self.watch {
            *came = Some(now);
        }
    }

    /// When the socket is to be looked at again: while much comes, every few milliseconds, so that one turn takes many. Else
    /// the endpoint says when something comes, and nobody looks.
    pub(super) fn rest(&self, now: Instant, endpoint: &mut Endpoint) -> Option<Instant> {
        match self.watch {
            Watch::Others => None,
            Watch::Wanted => Some(now + TOGETHER),
            Watch::Ours { came: Some(came) } if now < came + TOGETHER => Some(came + TOGETHER),
            Watch::Ours { .. } => endpoint.arm().err().map(|_| now + TOGETHER),
        }
    }

    /// Nobody has this slot any more.
    pub(super) fn forget(&mut self, slot: u32) {
        self.shards.remove(&slot);
        if let Some(port) = &self.port {
            port.forget(slot);
        }
    }

    /// The port, where there is one, to drain it: what is for other workers goes on to them.
    pub(super) fn port(&self) -> Option<GtpuPort> {
        self.port.clone()
    }

    /// What others drained for shards of this worker.
    pub(super) fn take_queued(&mut self) -> Vec<Datagram> {
        self.datagrams.1.try_iter().collect()
    }

    /// Whose slot it is. A message of the path, such as an echo request, has none: any shard may answer.
    pub(super) fn shard(&self, slot: u32) -> Option<u32> {
        self.shards.get(&slot).copied()
    }

    /// Sends one message. False when it was not taken.
    pub(super) fn send(&self, to: SocketAddr, octets: &[u8]) -> bool {
        self.port.as_ref().is_some_and(|port| port.send(to, octets))
    }
}

/// What comes within this time is taken in together.
const TOGETHER: Duration = Duration::from_millis(4);
