//! The agent's end of N3: one UDP socket on port 2152 that all its workers share.
//!
//! Whoever drains it hands a message on to the worker whose shard has the slot in the upper bits of its TEID's number. There
//! is no thread for it: every worker drains it as it goes around, without waiting, and one is woken when something comes.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};

use identity::TeidKey;
use sctp::Waker;
use socket2::{Domain, Protocol, Socket, Type};

use super::UserPlaneEnd;

/// The socket, shared by the workers.
#[derive(Clone)]
pub(crate) struct GtpuPort(Arc<Shared>);

struct Shared {
    address: IpAddr,
    key: TeidKey,
    socket: UdpSocket,
    /// One worker drains at a time: order is kept.
    drain: Mutex<Drain>,
}

struct Drain {
    buffer: Vec<u8>,
    /// Which worker has the shard of a slot.
    routes: HashMap<u32, Route>,
    /// The worker that is woken by what comes: the first that had a shard.
    watcher: Option<usize>,
}

/// How a worker is reached.
pub(crate) struct Route {
    pub(crate) worker: usize,
    pub(crate) to: Sender<Datagram>,
    pub(crate) waker: Arc<Mutex<Option<Waker>>>,
}

/// A GTP-U message for a shard of another worker.
pub(crate) struct Datagram {
    pub(crate) slot: u32,
    pub(crate) from: SocketAddr,
    pub(crate) octets: Vec<u8>,
}

/// Why an agent has no end of N3.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GtpuPortError {
    #[error("cannot take UDP port {port} of {address} for GTP-U: give another address with --gtpu-address", port = gtpu::PORT)]
    Bind { address: IpAddr, source: std::io::Error },
    #[error("no address of this machine reaches {target}: give one with --gtpu-address")]
    NoRoute { target: SocketAddr, source: std::io::Error },
}

impl GtpuPort {
    /// Opens the port on the given address. Without one: on loopback an address that nobody else has, drawn by chance,
    /// and else the one from which this machine reaches the target. `key`: by which TEIDs are drawn.
    pub(crate) fn open(
        given: Option<IpAddr>,
        target: Option<SocketAddr>,
        key: TeidKey,
    ) -> Result<Self, GtpuPortError> {
        let Some(target) = target.filter(|target| !target.ip().is_loopback() && given.is_none()) else {
            return match given {
                Some(address) => Self::bind(address, key),
                None => Self::bind_somewhere_on_loopback(key),
            };
        };
        let no_route = |source| GtpuPortError::NoRoute { target, source };
        let any: SocketAddr =
            if target.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { ([0u16; 8], 0).into() };
        // Connecting a datagram socket sends nothing: it only chooses the address.
        let probe = UdpSocket::bind(any).map_err(no_route)?;
        probe.connect(target).map_err(no_route)?;
        Self::bind(probe.local_addr().map_err(no_route)?.ip(), key)
    }

    fn bind_somewhere_on_loopback(key: TeidKey) -> Result<Self, GtpuPortError> {
        let mut tries = 0;
        loop {
            // 127.0.0.1 is left to others, and so are the ends of the range.
            let [a, b, c, ..] = RandomState::new().hash_one(tries).to_ne_bytes();
            let address = Ipv4Addr::new(127, a.clamp(1, 254), b, c.clamp(1, 254));
            match Self::bind(address.into(), key) {
                Err(GtpuPortError::Bind { source, .. })
                    if source.kind() == ErrorKind::AddrInUse && tries < TRIES =>
                {
                    tries += 1;
                }
                other => return other,
            }
        }
    }

    fn bind(address: IpAddr, key: TeidKey) -> Result<Self, GtpuPortError> {
        let failed = |source| GtpuPortError::Bind { address, source };
        let at = SocketAddr::new(address, gtpu::PORT);
        let socket =
            Socket::new(Domain::for_address(at), Type::DGRAM, Some(Protocol::UDP)).map_err(failed)?;
        // Less than this is what the system allows: then bursts may be lost, and the sequence numbers show it.
        let _ = socket.set_recv_buffer_size(BUFFER);
        // Beyond net.core.rmem_max, where this process may (CAP_NET_ADMIN).
        #[cfg(target_os = "linux")]
        let _ = rustix::net::sockopt::set_socket_recv_buffer_size_force(&socket, BUFFER);
        let _ = socket.set_send_buffer_size(BUFFER);
        socket.set_nonblocking(true).map_err(failed)?;
        socket.bind(&at.into()).map_err(failed)?;
        let drain = Drain { buffer: vec![0; 65_536], routes: HashMap::new(), watcher: None };
        Ok(Self(Arc::new(Shared { address, key, socket: socket.into(), drain: Mutex::new(drain) })))
    }

    /// The end of the tunnels of the shard that has this slot.
    pub(crate) fn end(&self, slot: u32) -> UserPlaneEnd {
        UserPlaneEnd { address: self.0.address, slot, key: self.0.key }
    }

    /// The shard of this slot is this worker's.
    pub(crate) fn route(&self, slot: u32, route: Route) {
        let mut drain = self.0.drain.lock().unwrap_or_else(PoisonError::into_inner);
        drain.watcher.get_or_insert(route.worker);
        drain.routes.insert(slot, route);
    }

    /// Whether this worker is the one to be woken by what comes. It stays so as long as the port is there, as its thread does.
    pub(crate) fn is_watched_by(&self, worker: usize) -> bool {
        self.0.drain.lock().unwrap_or_else(PoisonError::into_inner).watcher == Some(worker)
    }

    /// To be watched.
    pub(crate) fn socket(&self) -> &UdpSocket {
        &self.0.socket
    }

    /// Whether a shard has this slot.
    pub(crate) fn is_routed(&self, slot: u32) -> bool {
        let drain = self.0.drain.lock().unwrap_or_else(PoisonError::into_inner);
        drain.routes.contains_key(&slot)
    }

    /// The shard of this slot is gone: what still comes for it is taken in by whoever drains.
    pub(crate) fn forget(&self, slot: u32) {
        let mut drain = self.0.drain.lock().unwrap_or_else(PoisonError::into_inner);
        drain.routes.remove(&slot);
    }

    /// Sends one message. False when the system did not take it.
    pub(crate) fn send(&self, to: SocketAddr, octets: &[u8]) -> bool {
        for _ in 0..SEND_TRIES {
            match self.0.socket.send_to(octets, to) {
                Ok(_) => return true,
                // A port that nobody listens on is reported by ICMP at the next call: it says nothing of this message.
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::yield_now(),
                Err(error) => {
                    tracing::debug!(%to, %error, "GTP-U message not sent");
                    return false;
                }
            }
        }
        false
    }

    /// Takes in what has come, at most so many messages, hands what is another worker's on to it and wakes it. How many they
    /// were. Returns at once when another worker is at it.
    pub(crate) fn drain(&self, worker: usize, mut own: impl FnMut(u32, SocketAddr, &[u8])) -> usize {
        let Ok(mut drain) = self.0.drain.try_lock() else { return 0 };
        let Drain { buffer, routes, .. } = &mut *drain;
        let (mut taken, mut others) = (0, BTreeSet::new());
        for _ in 0..AT_ONCE {
            match self.0.socket.recv_from(buffer) {
                Ok((length, from)) => {
                    let octets = buffer.get(..length).unwrap_or_default();
                    let slot = slot_of(octets, self.0.key);
                    taken += 1;
                    match routes.get(&slot) {
                        Some(other) if other.worker != worker => {
                            let _ = other.to.send(Datagram { slot, from, octets: octets.to_vec() });
                            others.insert(slot);
                        }
                        _ => own(slot, from, octets),
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                // As for sending: ICMP has something to say of an earlier message.
                Err(_) => {}
            }
        }
        let mut woken = BTreeSet::new();
        for route in others.iter().filter_map(|slot| routes.get(slot)) {
            if woken.insert(route.worker)
                && let Some(waker) = route.waker.lock().unwrap_or_else(PoisonError::into_inner).as_ref()
            {
                waker.wake();
            }
        }
        taken
    }
}

/// The slot of a message's TEID (TS 29.281 figure 5.1-1: octets 5 to 8). An end marker and a G-PDU have one; a message of
/// the path has TEID 0.
fn slot_of(octets: &[u8], key: TeidKey) -> u32 {
    let teid = octets.get(4..8).and_then(|teid| teid.try_into().ok()).map_or(0, u32::from_be_bytes);
    key.number(teid) >> UserPlaneEnd::SHIFT
}

/// Octets that may wait in the socket.
const BUFFER: usize = 32 << 20;
/// Messages that one call takes in.
const AT_ONCE: usize = 512;
/// Addresses that are tried on loopback.
const TRIES: u32 = 64;
/// How often a message is offered to the system.
const SEND_TRIES: u32 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_goes_to_the_worker_that_has_its_slot() {
        let key = TeidKey::of_seed(3);
        let port = GtpuPort::open(None, None, key).unwrap();
        let (to_one, one) = std::sync::mpsc::channel();
        let (to_two, _two) = std::sync::mpsc::channel();
        port.route(1, Route { worker: 1, to: to_one, waker: Arc::default() });
        port.route(2, Route { worker: 2, to: to_two, waker: Arc::default() });
        assert!(port.is_watched_by(1) && !port.is_watched_by(2));
        let message = |slot: u32| {
            let mut octets = vec![0x30, 0xff, 0, 0];
            octets.extend_from_slice(&key.teid(slot << UserPlaneEnd::SHIFT | 7).to_be_bytes());
            octets
        };
        let to = SocketAddr::new(port.end(0).address, gtpu::PORT);
        assert!(port.send(to, &message(1)) && port.send(to, &message(2)));
        let mut own = Vec::new();
        while own.is_empty() {
            port.drain(2, |slot, _, _| own.push(slot));
        }
        assert_eq!(own, [2]);
        assert_eq!(one.recv().unwrap().slot, 1);
    }
}
