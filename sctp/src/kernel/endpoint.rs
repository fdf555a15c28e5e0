//! The caller's side of a kernel endpoint.

use super::association::{Handle, Outgoing, Report, Reports, Task, Up};
use super::io_thread::{self, NewConnection, Shared};
use crate::waker::{Rest, Until, Waiter, Waker};
use crate::{
    Address, AssociationId, Departure, DownReason, Event, Options, Overview, Parameters, Remote, SctpError,
    SendError, Transport,
};
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;
use tokio::sync::mpsc;

/// One end of associations on the kernel's SCTP.
pub(crate) struct KernelEndpoint {
    options: Arc<Options>,
    local: Address,
    waiter: Waiter,
    associations: BTreeMap<AssociationId, Association>,
    reports: mpsc::Receiver<Report>,
    to_reports: Reports,
    /// Taken at the end, which ends the thread.
    connections: Option<mpsc::UnboundedSender<NewConnection>>,
    thread: Option<JoinHandle<()>>,
    last_id: Arc<AtomicU32>,
    /// Associations of both origins, for the limit.
    count: Arc<AtomicUsize>,
    /// Events that a call other than `wait` caused.
    pending: Vec<Event>,
}

struct Association {
    handle: Handle,
    /// `None` until it is up.
    up: Option<Up>,
    /// Messages that were taken.
    sent: u64,
}

impl KernelEndpoint {
    pub(crate) fn client(options: &Options) -> Result<Self, SctpError> {
        check_kernel()?;
        let ip = options.bind.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let local = Address::new(Transport::Kernel, ip, 0);
        Self::start(local, None, options)
            .map_err(|source| SctpError::Open { transport: Transport::Kernel, source })
    }

    pub(crate) fn listen(local: &Address, options: &Options) -> Result<Self, SctpError> {
        check_kernel()?;
        let resolved =
            local.resolve().map_err(|source| SctpError::Resolve { address: local.clone(), source })?;
        Self::start(local.clone(), resolved.first().copied(), options)
            .map_err(|source| SctpError::Listen { address: local.clone(), source })
    }

    fn start(local: Address, listen: Option<SocketAddr>, options: &Options) -> io::Result<Self> {
        let options = Arc::new(options.clone());
        let waiter = Waiter::new(options.spin)?;
        let (sender, reports) = mpsc::channel(REPORTS);
        let (connections, new_connections) = mpsc::unbounded_channel();
        let departures = options.departures.then(Arc::default);
        let to_reports = Reports { sender, waker: waiter.waker(), departures };
        let (last_id, count) = (Arc::<AtomicU32>::default(), Arc::<AtomicUsize>::default());
        let shared = Shared {
            options: Arc::clone(&options),
            reports: to_reports.clone(),
            last_id: Arc::clone(&last_id),
            associations: Arc::clone(&count),
        };
        let (thread, bound) = io_thread::start(listen, shared, new_connections)?;
        let local = bound.map_or(local, |bound| {
            let ip = match bound.ip() {
                IpAddr::V4(Ipv4Addr::UNSPECIFIED) => IpAddr::V4(Ipv4Addr::LOCALHOST),
                IpAddr::V6(Ipv6Addr::UNSPECIFIED) => IpAddr::V6(Ipv6Addr::LOCALHOST),
                ip => ip,
            };
            Address::new(Transport::Kernel, ip, bound.port())
        });
        Ok(Self {
            options,
            local,
            waiter,
            associations: BTreeMap::new(),
            reports,
            to_reports,
            connections: Some(connections),
            thread: Some(thread),
            last_id,
            count,
            pending: Vec::new(),
        })
    }

    pub(crate) fn local_address(&self) -> Address {
        self.local.clone()
    }

    pub(crate) fn connect(&mut self, peer: &Address, _now: Instant) -> Result<AssociationId, SctpError> {
        if peer.transport() != Transport::Kernel {
            return Err(SctpError::WrongTransport { address: peer.clone(), transport: Transport::Kernel });
        }
        let mut peers =
            peer.resolve().map_err(|source| SctpError::Resolve { address: peer.clone(), source })?;
        // Several hosts are one multihomed peer; the several addresses of one name need not be.
        let is_ipv6 = peers.first().is_some_and(SocketAddr::is_ipv6);
        peers.retain(|address| address.is_ipv6() == is_ipv6);
        if !peer.is_multihomed() {
            peers.truncate(1);
        }
        let limit = self.options.max_associations;
        if self.count.fetch_add(1, Ordering::Relaxed) >= limit {
            self.count.fetch_sub(1, Ordering::Relaxed);
            return Err(SctpError::TooManyAssociations { limit });
        }
        let id = AssociationId(self.last_id.fetch_add(1, Ordering::Relaxed) + 1);
        let remote = Remote { transport: Transport::Kernel, address: peer.to_string() };
        let (task, handle) = Task::new(id, remote, Arc::clone(&self.options), self.to_reports.clone());
        self.associations.insert(id, Association { handle, up: None, sent: 0 });
        if let Some(connections) = &self.connections {
            // Fails only when the thread has died, which `wait` reports.
            let _ = connections.send((task, peers));
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
        let octets = payload.len();
        SendError::check_length(octets)?;
        let association = self.associations.get_mut(&id).ok_or(SendError::Gone)?;
        let outgoing = association.handle.outgoing.as_ref().ok_or(SendError::Gone)?;
        let up = association.up.as_ref().ok_or(SendError::NotUp)?;
        if stream >= up.streams_out {
            return Err(SendError::NoSuchStream { stream, streams: up.streams_out });
        }
        if octets > up.longest {
            return Err(SendError::BadLength { octets });
        }
        let queued = &association.handle.queued;
        if queued.load(Ordering::Relaxed).saturating_add(octets) > self.options.send_buffer {
            return Err(SendError::Full);
        }
        queued.fetch_add(octets, Ordering::Relaxed);
        let number = association.sent;
        outgoing.send(Outgoing { number, stream, ppid, payload }).map_err(|_| SendError::Gone)?;
        association.sent += 1;
        Ok(())
    }

    pub(crate) fn shutdown(&mut self, id: AssociationId, now: Instant) {
        let Some(association) = self.associations.get_mut(&id) else { return };
        if association.up.is_some() {
            association.handle.outgoing = None;
        } else {
            self.end(id, now, |remote| DownReason::Shutdown { remote, unsent: 0 });
        }
    }

    pub(crate) fn abort(&mut self, id: AssociationId, now: Instant) {
        self.end(id, now, |remote| DownReason::Aborted { remote, cause: "by this side".to_owned() });
    }

    pub(crate) fn wait(&mut self, until: Until, events: &mut Vec<Event>) -> io::Result<()> {
        let before = events.len();
        loop {
            self.drain(events);
            let now = Instant::now();
            if events.len() > before || self.waiter.was_asked() || now >= until.end() {
                return Ok(());
            }
            if self.thread.as_ref().is_none_or(JoinHandle::is_finished) {
                return Err(io::Error::other("the thread of the kernel SCTP sockets has ended"));
            }
            match self.waiter.rest(until, None, now) {
                Rest::Awake { end } => {
                    let mut vigil = self.waiter.vigil(end);
                    while vigil.goes_on().is_some() && self.reports.is_empty() {}
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
        if let Some(left) = &self.to_reports.departures {
            departures.append(&mut left.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }

    pub(crate) fn waiter(&mut self) -> &mut Waiter {
        &mut self.waiter
    }

    pub(crate) fn waker(&self) -> Waker {
        self.waiter.waker()
    }

    pub(crate) fn parameters(&self, id: AssociationId) -> Option<Parameters> {
        self.associations.get(&id)?.up.as_ref().map(|up| up.parameters)
    }

    pub(crate) fn overview(&self) -> Overview {
        let mut overview = Overview::default();
        let up = self.associations.values().filter_map(|association| association.up.as_ref());
        up.for_each(|up| overview.add(Some(up.parameters)));
        overview
    }

    pub(crate) fn ends(&self, id: AssociationId) -> Option<(SocketAddr, SocketAddr)> {
        self.associations.get(&id)?.up.as_ref().map(|up| (up.local, up.peer))
    }

    fn drain(&mut self, events: &mut Vec<Event>) {
        events.append(&mut self.pending);
        while let Ok(report) = self.reports.try_recv() {
            match report {
                Report::Accepted { id, handle, up } => {
                    events.push(Event::Up { id, peer: up.peer, streams_out: up.streams_out });
                    self.associations.insert(id, Association { handle, up: Some(up), sent: 0 });
                }
                Report::Connected { id, up } => {
                    if let Some(association) = self.associations.get_mut(&id) {
                        events.push(Event::Up { id, peer: up.peer, streams_out: up.streams_out });
                        association.up = Some(up);
                    }
                }
                Report::Received { id, at, messages } => {
                    if self.associations.contains_key(&id) {
                        events.extend(messages.into_iter().map(|message| Event::Received {
                            id,
                            stream: message.stream_id().unwrap_or(0),
                            ppid: message.ppid().unwrap_or(0),
                            payload: message.payload,
                            at,
                        }));
                    }
                }
                Report::Down { id, reason } => {
                    if self.remove(id).is_some() {
                        events.push(Event::Down { id, reason });
                    }
                }
            }
        }
    }

    /// Ends an association from this side; its task reports nothing more.
    fn end(&mut self, id: AssociationId, _now: Instant, reason: impl FnOnce(Remote) -> DownReason) {
        if let Some(association) = self.remove(id) {
            association.handle.abort();
            self.pending.push(Event::Down { id, reason: reason(association.handle.remote) });
        }
    }

    fn remove(&mut self, id: AssociationId) -> Option<Association> {
        let association = self.associations.remove(&id)?;
        self.count.fetch_sub(1, Ordering::Relaxed);
        Some(association)
    }
}

impl Drop for KernelEndpoint {
    fn drop(&mut self) {
        self.reports.close();
        while let Ok(report) = self.reports.try_recv() {
            if let Report::Accepted { handle, .. } = report {
                handle.abort();
            }
        }
        for association in self.associations.values() {
            association.handle.abort();
        }
        self.connections = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl std::fmt::Debug for KernelEndpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KernelEndpoint")
            .field("local", &self.local)
            .field("associations", &self.associations.len())
            .finish_non_exhaustive()
    }
}

fn check_kernel() -> Result<(), SctpError> {
    crate::endpoint::open_kernel_socket().map_err(|source| SctpError::NoKernelSctp { source })
}

/// Reports that wait for the caller at most; each is of up to 64 messages.
const REPORTS: usize = 1024;
