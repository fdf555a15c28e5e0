//! One API over the transports.

use crate::waker::Until;
use crate::{
    Address, AssociationId, Departure, Event, Options, Overview, Parameters, SctpError, SendError, Transport,
    Waker, kernel, memory, userspace,
};
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::time::Instant;

/// One end of any number of associations, of one transport, owned by one thread.
///
/// Messages queued with [`send`](Self::send) leave together at the next [`wait`](Self::wait) or [`poll`](Self::poll), so
/// that small ones share packets. Dropping the endpoint aborts what is left.
#[derive(Debug)]
pub struct Endpoint {
    inner: Inner,
}

#[derive(Debug)]
enum Inner {
    Memory(Box<memory::MemoryEndpoint>),
    Kernel(Box<kernel::KernelEndpoint>),
    Userspace(Box<userspace::UserspaceEndpoint>),
}

/// Calls the same method of whichever transport it is.
macro_rules! each {
    ($self:expr, $inner:ident => $call:expr) => {
        match $self {
            Inner::Memory($inner) => $call,
            Inner::Kernel($inner) => $call,
            Inner::Userspace($inner) => $call,
        }
    };
}

impl Endpoint {
    /// An endpoint that only connects.
    ///
    /// # Errors
    /// When the transport is not available here; the error says what to do about it.
    pub fn client(transport: Transport, options: &Options) -> Result<Self, SctpError> {
        let inner = match transport {
            Transport::Memory => Inner::Memory(Box::new(memory::MemoryEndpoint::client(options)?)),
            Transport::Udp | Transport::RawIp => {
                Inner::Userspace(Box::new(userspace::UserspaceEndpoint::client(transport, options)?))
            }
            Transport::Kernel => Inner::Kernel(Box::new(kernel::KernelEndpoint::client(options)?)),
        };
        Ok(Self { inner })
    }

    /// An endpoint that accepts associations at `local` (port 0: any free one), and can connect too.
    ///
    /// # Errors
    /// When the transport is not available here, or the address not free.
    pub fn listen(local: &Address, options: &Options) -> Result<Self, SctpError> {
        let inner = match local.transport() {
            Transport::Memory => Inner::Memory(Box::new(memory::MemoryEndpoint::listen(local, options)?)),
            Transport::Udp | Transport::RawIp => {
                Inner::Userspace(Box::new(userspace::UserspaceEndpoint::listen(local, options)?))
            }
            Transport::Kernel => Inner::Kernel(Box::new(kernel::KernelEndpoint::listen(local, options)?)),
        };
        Ok(Self { inner })
    }

    /// Where a listener of this machine is reached, with its real port; of a client, where it is bound.
    pub fn local_address(&self) -> Address {
        each!(&self.inner, inner => inner.local_address())
    }

    /// Begins an association; [`Event::Up`] or [`Event::Down`] tells how it went. Looks host names up, which may block.
    ///
    /// # Errors
    /// When the host has no address, the address is of another transport, or the endpoint is at its limit.
    pub fn connect(&mut self, peer: &Address, now: Instant) -> Result<AssociationId, SctpError> {
        each!(&mut self.inner, inner => inner.connect(peer, now))
    }

    /// Queues one message.
    ///
    /// # Errors
    /// When it cannot be queued; see [`SendError`].
    pub fn send(
        &mut self,
        id: AssociationId,
        stream: u16,
        ppid: u32,
        payload: Vec<u8>,
    ) -> Result<(), SendError> {
        each!(&mut self.inner, inner => inner.send(id, stream, ppid, payload))
    }

    /// When messages left since the last call, in the order in which they did, of each association of which [`Event::Up`] was
    /// reported. Nothing unless [`Options::departures`] is set.
    ///
    /// An answer is never reported by [`Self::wait`] before the departure of its question is to be had here.
    pub fn take_departures(&mut self, departures: &mut Vec<Departure>) {
        each!(&mut self.inner, inner => inner.take_departures(departures));
    }

    /// Has [`Self::wait`] return also when there is something to read from this datagram socket of the caller's, once after
    /// each [`Self::arm`]. One socket at most: a second takes the place of the first.
    ///
    /// # Errors
    /// When the system has no descriptor left.
    pub fn watch(&mut self, socket: impl AsFd) -> io::Result<()> {
        each!(&mut self.inner, inner => inner.waiter().watch(socket.as_fd()))
    }

    /// The watched socket is looked at from now on, until it has once been found ready.
    ///
    /// # Errors
    /// When the machine's own poller fails.
    pub fn arm(&mut self) -> io::Result<()> {
        each!(&mut self.inner, inner => inner.waiter().arm())
    }

    /// Ends an association after everything queued has been delivered. Unknown identifiers are ignored.
    pub fn shutdown(&mut self, id: AssociationId, now: Instant) {
        each!(&mut self.inner, inner => inner.shutdown(id, now));
    }

    /// Ends an association at once; what is queued is lost. Unknown identifiers are ignored.
    pub fn abort(&mut self, id: AssociationId, now: Instant) {
        each!(&mut self.inner, inner => inner.abort(id, now));
    }

    /// Flushes what was queued, runs the protocol's timers, and waits for events until `deadline` or a wake. Returns early
    /// as soon as there are events; they are appended to `events`.
    ///
    /// # Errors
    /// When the machine's own sockets or timers fail; never because of a peer.
    pub fn wait(&mut self, deadline: Instant, events: &mut Vec<Event>) -> io::Result<()> {
        let until = Until { due: None, longest: deadline };
        each!(&mut self.inner, inner => inner.wait(until, events))
    }

    /// The same until something is `due`, but for no longer than `longest`: sleeps until shortly before what is due and
    /// waits the rest awake, so that the return is some µs late where a sleep is by some 60 µs ([`Options::spin`]).
    ///
    /// # Errors
    /// As [`Self::wait`].
    pub fn wait_until_due(
        &mut self,
        due: Option<Instant>,
        longest: Instant,
        events: &mut Vec<Event>,
    ) -> io::Result<()> {
        let until = Until { due, longest };
        each!(&mut self.inner, inner => inner.wait(until, events))
    }

    /// The same without waiting.
    ///
    /// # Errors
    /// As [`Self::wait`].
    pub fn poll(&mut self, now: Instant, events: &mut Vec<Event>) -> io::Result<()> {
        each!(&mut self.inner, inner => inner.poll(now, events))
    }

    /// Wakes [`Self::wait`] from any thread.
    pub fn waker(&self) -> Waker {
        each!(&self.inner, inner => inner.waker())
    }

    /// What an association has come to; `None` when it is unknown, not up, or of a transport without such things.
    pub fn parameters(&self, id: AssociationId) -> Option<Parameters> {
        each!(&self.inner, inner => inner.parameters(id))
    }

    /// All associations that are up, together.
    pub fn overview(&self) -> Overview {
        each!(&self.inner, inner => inner.overview())
    }

    /// The SCTP addresses and ports of an association, ours first; `None` when it is unknown or not resolved yet.
    pub fn ends(&self, id: AssociationId) -> Option<(SocketAddr, SocketAddr)> {
        each!(&self.inner, inner => inner.ends(id))
    }
}

/// The transport for a run within this machine: the kernel's SCTP where there is one, else userspace in UDP.
pub fn pick() -> Transport {
    if open_kernel_socket().is_ok() { Transport::Kernel } else { Transport::Udp }
}

/// Whether `socket(IPPROTO_SCTP)` works here; asking may load the kernel's module.
pub(crate) fn open_kernel_socket() -> io::Result<()> {
    socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, Some(socket2::Protocol::SCTP))
        .map(drop)
}
