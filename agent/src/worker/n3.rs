//! The worker's part of the user plane: the shared port, and which of its shards has which slot of TEIDs.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, Sender};

use crate::gtpu_port::{Datagram, GtpuPort};

/// The worker's end of N3.
pub(super) struct N3 {
    worker: usize,
    port: Option<GtpuPort>,
    /// What other workers drained for shards of this one.
    datagrams: (Sender<Datagram>, Receiver<Datagram>),
    shards: HashMap<u32, u32>,
}

impl N3 {
    pub(super) fn new(worker: usize) -> Self {
        Self { worker, port: None, datagrams: std::sync::mpsc::channel(), shards: HashMap::new() }
    }

    /// The shard has this slot.
    pub(super) fn route(&mut self, port: GtpuPort, slot: u32, shard: u32) {
        port.route(slot, self.worker, self.datagrams.0.clone());
        self.shards.insert(slot, shard);
        self.port = Some(port);
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
