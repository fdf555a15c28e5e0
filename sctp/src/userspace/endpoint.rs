//! The sockets below a userspace stack: UDP, or raw IP.

use super::association::Datagram;
use super::packet_socket::{BATCH, Inbox, PacketSocket};
use super::stack::Stack;
use crate::waker::{Rest, Until, Waiter, Waker};
use crate::{
    Address, AssociationId, Departure, Event, Options, Overview, Parameters, Remote, SctpError, SendError,
    Transport,
};
use polling::{Event as Interest, PollMode};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Instant;

/// One end of associations whose protocol runs in this process.
pub(crate) struct UserspaceEndpoint {
    transport: Transport,
    options: Options,
    stack: Stack,
    sockets: Vec<PacketSocket>,
    probes: Vec<Probe>,
    waiter: Waiter,
    local: Address,
    inbox: Inbox,
    /// A socket did not take all packets.
    blocked: bool,
    /// Messages that have left, where somebody asks for them.
    departures: Vec<Departure>,
}

/// Learns by ICMP that nothing listens at the UDP port that an association is being connected to: a connected socket of
/// its own, since an unconnected one is not told.
struct Probe {
    id: AssociationId,
    socket: UdpSocket,
}

impl UserspaceEndpoint {
    pub(crate) fn client(transport: Transport, options: &Options) -> Result<Self, SctpError> {
        let bind = options.bind.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let open = |source| open_error(transport, source);
        let socket = PacketSocket::open(transport, SocketAddr::new(bind, 0)).map_err(open)?;
        let local = socket.socket.local_addr().map_err(open)?;
        let local =
            Address::new(transport, local.ip(), if transport == Transport::Udp { local.port() } else { 0 });
        Self::new(transport, options, socket, local, None)
    }

    pub(crate) fn listen(local: &Address, options: &Options) -> Result<Self, SctpError> {
        let transport = local.transport();
        let resolved =
            local.resolve().map_err(|source| SctpError::Resolve { address: local.clone(), source })?;
        let first = resolved.first().copied().unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let is_raw = transport == Transport::RawIp;
        let bind = if is_raw { SocketAddr::new(first.ip(), 0) } else { first };
        let failed = |source: io::Error| match open_error(transport, source) {
            SctpError::Open { source, .. } => SctpError::Listen { address: local.clone(), source },
            error => error,
        };
        let socket = PacketSocket::open(transport, bind).map_err(failed)?;
        let bound = socket.socket.local_addr().map_err(failed)?;
        let (port, sctp_port) = match (is_raw, local.sctp_port()) {
            (true, 0) => {
                let port = 1024 + random_port() % 48128;
                (port, port)
            }
            (true, port) => (port, port),
            (false, sctp_port) => (bound.port(), sctp_port),
        };
        let dialable = match bound.ip() {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => IpAddr::V6(Ipv6Addr::LOCALHOST),
            ip => ip,
        };
        let address = Address::new(transport, dialable, port).with_sctp_port(sctp_port);
        Self::new(transport, options, socket, address, Some(sctp_port))
    }

    fn new(
        transport: Transport,
        options: &Options,
        socket: PacketSocket,
        local: Address,
        listening: Option<u16>,
    ) -> Result<Self, SctpError> {
        if transport == Transport::RawIp && std::path::Path::new("/proc/net/sctp").exists() {
            tracing::warn!(
                "this host's kernel has SCTP loaded: it answers packets on raw IP with ABORT; use sctp:// instead, or unload it"
            );
        }
        let open = |source| SctpError::Open { transport, source };
        let mut endpoint = Self {
            transport,
            options: options.clone(),
            stack: Stack::new(transport, options, listening, random_port()),
            sockets: Vec::new(),
            probes: Vec::new(),
            waiter: Waiter::new(options.spin).map_err(open)?,
            local,
            inbox: Inbox::new(),
            blocked: false,
            departures: Vec::new(),
        };
        endpoint.add(socket).map_err(open)?;
        Ok(endpoint)
    }

    pub(crate) fn local_address(&self) -> Address {
        self.local.clone()
    }

    pub(crate) fn connect(&mut self, peer: &Address, now: Instant) -> Result<AssociationId, SctpError> {
        if peer.transport() != self.transport {
            return Err(SctpError::WrongTransport { address: peer.clone(), transport: self.transport });
        }
        let failed = |source| SctpError::Resolve { address: peer.clone(), source };
        let resolved = peer.resolve().map_err(failed)?;
        // No multihoming: the first address that a socket of ours can reach.
        let mut to = resolved
            .iter()
            .find(|to| self.sockets.iter().any(|socket| socket.is_ipv6 == to.is_ipv6()))
            .or_else(|| resolved.first())
            .copied()
            .ok_or_else(|| failed(io::ErrorKind::NotFound.into()))?;
        if self.transport == Transport::RawIp {
            to.set_port(0);
        }
        let open = |source| open_error(self.transport, source);
        if !self.sockets.iter().any(|socket| socket.is_ipv6 == to.is_ipv6()) {
            let socket = PacketSocket::open(self.transport, unspecified_like(to)).map_err(open)?;
            self.add(socket).map_err(|source| SctpError::Open { transport: self.transport, source })?;
        }
        let remote = Remote { transport: self.transport, address: peer.to_string() };
        let id = self.stack.connect(to, peer.sctp_port(), remote, now)?;
        if self.transport == Transport::Udp {
            self.probe(id, to);
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
        self.stack.send(id, stream, ppid, payload)
    }

    pub(crate) fn shutdown(&mut self, id: AssociationId, now: Instant) {
        self.stack.shutdown(id, now);
    }

    pub(crate) fn abort(&mut self, id: AssociationId, _now: Instant) {
        self.stack.abort(id);
    }

    pub(crate) fn wait(&mut self, until: Until, events: &mut Vec<Event>) -> io::Result<()> {
        let before = events.len();
        loop {
            let now = Instant::now();
            let drained = self.turn(now, events)?;
            if events.len() > before || self.waiter.was_asked() || now >= until.end() {
                return Ok(());
            }
            if drained {
                match self.waiter.rest(until, self.stack.next_deadline(), now) {
                    Rest::Awake { end } => self.look_until(end, events)?,
                    rest => self.sleep(rest)?,
                }
            }
        }
    }

    pub(crate) fn poll(&mut self, now: Instant, events: &mut Vec<Event>) -> io::Result<()> {
        self.turn(now, events)?;
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

    pub(crate) fn parameters(&self, id: AssociationId) -> Option<Parameters> {
        self.stack.parameters(id)
    }

    pub(crate) fn overview(&self) -> Overview {
        self.stack.overview()
    }

    pub(crate) fn ends(&self, id: AssociationId) -> Option<(SocketAddr, SocketAddr)> {
        let key = self.stack.key(id)?;
        let mut local = self.socket_for(key.peer)?.socket.local_addr().ok()?.ip();
        if local.is_unspecified() {
            // Routing decides; a connected socket tells how.
            let probe = UdpSocket::bind(unspecified_like(key.peer)).ok()?;
            probe.connect(SocketAddr::new(key.peer.ip(), 9)).ok()?;
            local = probe.local_addr().ok()?.ip();
        }
        Some((SocketAddr::new(local, key.local_port), SocketAddr::new(key.peer.ip(), key.peer_port)))
    }

    /// One round of everything that can be done now. Whether the sockets had nothing more to read.
    fn turn(&mut self, now: Instant, events: &mut Vec<Event>) -> io::Result<bool> {
        self.stack.flush(now, events);
        self.write(events);
        let drained = read(&self.sockets, self.transport, &mut self.inbox, &mut self.stack, now, events)?;
        self.check_probes(events);
        // After reading, so that a peer is not taken for dead whose packets wait in the socket.
        self.stack.expire(now, events);
        self.write(events);
        Ok(drained)
    }

    fn write(&mut self, events: &mut Vec<Event>) {
        self.blocked = false;
        if self.stack.outgoing().is_empty() {
            return;
        }
        let mut packets = std::mem::take(self.stack.outgoing());
        let mut sent = 0;
        while let Some(rest @ [first, ..]) = packets.get(sent..) {
            let family = |packet: &&Datagram| packet.to.is_ipv6() == first.to.is_ipv6();
            let batch = rest.iter().take(BATCH).take_while(family).count();
            let result = match self.socket_for(first.to) {
                Some(socket) => socket.send(rest.get(..batch).unwrap_or(rest)),
                None => Err(io::ErrorKind::NetworkUnreachable.into()),
            };
            match result {
                Ok(taken) => {
                    self.depart(rest.get(..taken).unwrap_or_default());
                    sent += taken;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.blocked = true;
                    break;
                }
                // A lost packet, which the protocol repeats; but there is no point in going on connecting.
                Err(error) => {
                    if let Some(id) = first.association {
                        self.stack.unreachable(id, &error, events);
                    }
                    sent += 1;
                }
            }
        }
        packets.drain(..sent);
        // What was added meanwhile goes behind; what does not fit is lost, and repeated by the protocol.
        packets.append(self.stack.outgoing());
        packets.truncate(BACKLOG_LIMIT);
        *self.stack.outgoing() = packets;
    }

    /// The kernel has taken these packets.
    fn depart(&mut self, packets: &[Datagram]) {
        if self.options.departures {
            let now = Instant::now();
            packets.iter().for_each(|packet| self.stack.left(packet, now, &mut self.departures));
        }
    }

    fn sleep(&mut self, rest: Rest) -> io::Result<()> {
        if self.blocked {
            for (key, socket) in self.sockets.iter().enumerate() {
                self.waiter.poller().modify_with_mode(&socket.socket, Interest::all(key), PollMode::Level)?;
            }
        }
        self.waiter.sleep(rest)?;
        if self.blocked {
            for (key, socket) in self.sockets.iter().enumerate() {
                self.waiter.poller().modify_with_mode(
                    &socket.socket,
                    Interest::readable(key),
                    PollMode::Level,
                )?;
            }
        }
        Ok(())
    }

    /// Reads again and again, until then or until something comes of it.
    fn look_until(&mut self, end: Instant, events: &mut Vec<Event>) -> io::Result<()> {
        let Self { waiter, inbox, sockets, stack, transport, .. } = self;
        let (before, mut vigil) = (events.len(), waiter.vigil(end));
        while let Some(now) = vigil.goes_on() {
            read(sockets, *transport, inbox, stack, now, events)?;
            if events.len() > before || !stack.outgoing().is_empty() {
                break;
            }
        }
        Ok(())
    }

    fn socket_for(&self, to: SocketAddr) -> Option<&PacketSocket> {
        self.sockets.iter().find(|socket| socket.is_ipv6 == to.is_ipv6())
    }

    #[allow(unsafe_code, reason = "registering a socket with epoll is unsafe in `polling`")]
    fn add(&mut self, socket: PacketSocket) -> io::Result<()> {
        let interest = Interest::readable(self.sockets.len());
        // SAFETY: the socket is kept in `sockets` until `drop` has taken it out of the poller.
        unsafe { self.waiter.poller().add_with_mode(&socket.socket, interest, PollMode::Level)? };
        self.sockets.push(socket);
        Ok(())
    }

    #[allow(unsafe_code, reason = "registering a socket with epoll is unsafe in `polling`")]
    fn probe(&mut self, id: AssociationId, to: SocketAddr) {
        let bind = match self.options.bind {
            Some(ip) if ip.is_ipv6() == to.is_ipv6() => SocketAddr::new(ip, 0),
            _ => unspecified_like(to),
        };
        let probe = || -> io::Result<UdpSocket> {
            let socket = UdpSocket::bind(bind)?;
            socket.set_nonblocking(true)?;
            socket.connect(to)?;
            // An empty datagram: an SCTP stack drops it, being shorter than any packet.
            socket.send(&[])?;
            Ok(socket)
        };
        match probe() {
            Ok(socket) => {
                // SAFETY: the socket is kept in `probes` until `check_probes` or `drop` has taken it out of the poller.
                let added = unsafe {
                    self.waiter.poller().add_with_mode(&socket, Interest::readable(PROBE), PollMode::Level)
                };
                if added.is_ok() {
                    self.probes.push(Probe { id, socket });
                }
            }
            // The real socket meets the same error with the INIT, and reports it.
            Err(error) => tracing::debug!(%to, %error, "no probe"),
        }
    }

    fn check_probes(&mut self, events: &mut Vec<Event>) {
        let (stack, waiter) = (&mut self.stack, &self.waiter);
        self.probes.retain(|probe| {
            match probe.socket.recv(&mut [0; 1]) {
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    stack.refused(probe.id, "nothing listens there: ICMP port unreachable", events);
                }
                Err(error) if is_about_the_network(&error) => stack.unreachable(probe.id, &error, events),
                _ => {}
            }
            let keep = stack.is_connecting(probe.id);
            if !keep {
                let _ = waiter.poller().delete(&probe.socket);
            }
            keep
        });
    }
}

impl Drop for UserspaceEndpoint {
    fn drop(&mut self) {
        self.stack.abort_all();
        self.write(&mut Vec::new());
        for Probe { socket, .. } in &self.probes {
            let _ = self.waiter.poller().delete(socket);
        }
        for PacketSocket { socket, .. } in &self.sockets {
            let _ = self.waiter.poller().delete(socket);
        }
    }
}

impl std::fmt::Debug for UserspaceEndpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserspaceEndpoint").field("local", &self.local).field("stack", &self.stack).finish()
    }
}

/// Takes in what has arrived. Whether the sockets had nothing more to read.
fn read(
    sockets: &[PacketSocket],
    transport: Transport,
    inbox: &mut Inbox,
    stack: &mut Stack,
    now: Instant,
    events: &mut Vec<Event>,
) -> io::Result<bool> {
    let mut drained = true;
    for socket in sockets {
        let is_raw = transport == Transport::RawIp;
        let strip = is_raw && !socket.is_ipv6;
        let mut left = PACKETS_A_TURN;
        loop {
            if left == 0 {
                drained = false;
                break;
            }
            let more = match inbox.read(socket) {
                Ok(more) => more,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // What ICMP said about an earlier packet; the protocol finds out by itself.
                Err(error) if is_about_the_network(&error) => {
                    left -= 1;
                    continue;
                }
                Err(error) => return Err(error),
            };
            // What is handled before it may have taken a while; on a busy machine, long.
            let now = Instant::now().max(now);
            for (mut from, octets) in inbox.packets() {
                left = left.saturating_sub(1);
                let octets = if strip { without_ip_header(octets) } else { octets };
                if is_raw {
                    from.set_port(0);
                }
                stack.receive(from, octets, now, events);
            }
            if !more {
                break;
            }
        }
    }
    Ok(drained)
}

fn open_error(transport: Transport, source: io::Error) -> SctpError {
    if transport == Transport::RawIp && source.kind() == io::ErrorKind::PermissionDenied {
        SctpError::NoRawSocket { source }
    } else {
        SctpError::Open { transport, source }
    }
}

/// Different in each endpoint; std's hash keys are random.
fn random_port() -> u16 {
    u16::try_from(RandomState::new().hash_one(0) & 0xffff).unwrap_or(0)
}

/// Raw IPv4 sockets deliver the IP header too (RFC 791 §3.1: its length is in words of 4 octets).
fn without_ip_header(octets: &[u8]) -> &[u8] {
    let words = octets.first().map_or(0, |first| first & 0x0f);
    octets.get(usize::from(words) * 4..).unwrap_or_default()
}

fn unspecified_like(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    }
}

/// Errors that ICMP caused, not a defect of the socket.
fn is_about_the_network(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::Interrupted
    )
}

/// Packets read from a socket before events are reported, and at most one [`BATCH`] more.
const PACKETS_A_TURN: usize = 64;
/// Packets that wait for a socket at most.
const BACKLOG_LIMIT: usize = 65536;
/// The poller's key of all probes.
const PROBE: usize = usize::MAX - 1;
