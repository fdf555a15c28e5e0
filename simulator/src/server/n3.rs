//! The socket of N3: UDP port 2152, never waited for.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use socket2::{Domain, Protocol, Socket, Type};

/// What went through the socket of N3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct N3Counters {
    /// Datagrams that came.
    pub received: u64,
    /// Datagrams that went.
    pub sent: u64,
    /// Datagrams that could not be sent; their peers count them as lost.
    pub dropped: u64,
    /// How much the kernel holds for us between two looks, in octets with its own overhead.
    pub receive_buffer: usize,
}

/// The socket, and what the kernel had no room for.
pub(super) struct N3 {
    socket: UdpSocket,
    address: IpAddr,
    waiting: VecDeque<(SocketAddr, Vec<u8>)>,
    buffer: Vec<u8>,
    counters: N3Counters,
}

impl N3 {
    /// At this address, or at one of 127/8 that is drawn.
    pub(super) fn bind(address: Option<IpAddr>) -> io::Result<Self> {
        let mut draws = 0;
        loop {
            let ip = address.unwrap_or_else(drawn);
            match Self::bind_to(ip) {
                Err(error) if error.kind() == ErrorKind::AddrInUse && address.is_none() && draws < DRAWS => {
                    draws += 1;
                }
                bound => return bound,
            }
        }
    }

    fn bind_to(ip: IpAddr) -> io::Result<Self> {
        if ip.is_unspecified() {
            return Err(io::Error::new(
                ErrorKind::InvalidInput,
                "gNBs are told this address: it must be one that they can send to",
            ));
        }
        let address = SocketAddr::new(ip, gtpu::PORT);
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        // The kernel gives what it allows (net.core.rmem_max, wmem_max); less is no error.
        socket.set_recv_buffer_size(BUFFER)?;
        // Beyond net.core.rmem_max, where this process may (CAP_NET_ADMIN).
        #[cfg(target_os = "linux")]
        let _ = rustix::net::sockopt::set_socket_recv_buffer_size_force(&socket, BUFFER);
        socket.set_send_buffer_size(BUFFER)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        let counters = N3Counters { receive_buffer: socket.recv_buffer_size()?, ..N3Counters::default() };
        Ok(Self {
            socket: socket.into(),
            address: ip,
            waiting: VecDeque::new(),
            buffer: vec![0; LARGEST],
            counters,
        })
    }

    pub(super) fn address(&self) -> IpAddr {
        self.address
    }

    pub(super) fn counters(&self) -> N3Counters {
        self.counters
    }

    /// Whether datagrams wait for room in the kernel.
    pub(super) fn is_behind(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// To be watched.
    pub(super) fn socket(&self) -> &UdpSocket {
        &self.socket
    }

    /// Takes in all that has come, up to a bound that only a flood reaches. Whether there was anything.
    pub(super) fn drain(&mut self, mut take: impl FnMut(SocketAddr, &[u8])) -> bool {
        let before = self.counters.received;
        for _ in 0..DRAINED {
            match self.socket.recv_from(&mut self.buffer) {
                Ok((length, from)) => {
                    self.counters.received += 1;
                    take(from, &self.buffer[..length]);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Nothing more; or an error of an earlier send, which is that datagram's loss.
                Err(_) => break,
            }
        }
        self.counters.received > before
    }

    /// Sends these, after what waits.
    pub(super) fn send(&mut self, datagrams: impl Iterator<Item = (SocketAddr, Vec<u8>)>) {
        while let Some((to, octets)) = self.waiting.pop_front() {
            if !self.try_send(to, &octets) {
                self.waiting.push_front((to, octets));
                break;
            }
        }
        for (to, octets) in datagrams {
            if self.waiting.is_empty() && self.try_send(to, &octets) {
                continue;
            }
            if self.waiting.len() < WAITING {
                self.waiting.push_back((to, octets));
            } else {
                self.counters.dropped += 1;
            }
        }
    }

    /// `false`: there is no room now.
    fn try_send(&mut self, to: SocketAddr, octets: &[u8]) -> bool {
        match self.socket.send_to(octets, to) {
            Ok(_) => self.counters.sent += 1,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                return false;
            }
            Err(error) => {
                tracing::debug!(%to, %error, "a datagram of N3 was not sent");
                self.counters.dropped += 1;
            }
        }
        true
    }
}

/// Of 127.0.0.0/8, without its first and last 256.
fn drawn() -> IpAddr {
    let [a, b, c, ..] = RandomState::new().hash_one(0).to_ne_bytes();
    Ipv4Addr::new(127, a.clamp(1, 254), b, c.clamp(1, 254)).into()
}

/// What is asked of the kernel for each direction.
const BUFFER: usize = 32 << 20;
const DRAWS: usize = 16;
/// Datagrams that are taken in at one go.
const DRAINED: usize = 65_536;
/// Datagrams that wait for room.
const WAITING: usize = 65_536;
const LARGEST: usize = 65_536;
/// The address that a simulator listens at, when others than this machine can know it.
pub(super) fn own_address(listen: &sctp::Address) -> Option<IpAddr> {
    if listen.transport() == sctp::Transport::Memory {
        return None;
    }
    let addresses = listen.resolve().ok()?;
    let ip = addresses.first()?.ip();
    (!ip.is_loopback() && !ip.is_unspecified()).then_some(ip)
}
