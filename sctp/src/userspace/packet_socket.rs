//! Datagram sockets, UDP and raw IP, with as few system calls as there can be: many packets to a call, both ways.

use super::association::Datagram;
use crate::Transport;
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, SocketAddrAny, sendmmsg};
use socket2::{Domain, Protocol, SockAddr, SockAddrStorage, Socket, Type};
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;

/// A non-blocking UDP or raw socket. Raw ones are driven through [`UdpSocket`] too: its calls fit every datagram socket.
pub(super) struct PacketSocket {
    pub(super) socket: UdpSocket,
    pub(super) is_ipv6: bool,
}

impl PacketSocket {
    pub(super) fn open(transport: Transport, bind: SocketAddr) -> io::Result<Self> {
        let domain = Domain::for_address(bind);
        let socket = match transport {
            Transport::RawIp => Socket::new(domain, Type::RAW, Some(Protocol::from(IPPROTO_SCTP)))?,
            _ => Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?,
        };
        if bind.is_ipv6() && transport == Transport::Udp {
            socket.set_only_v6(true)?;
        }
        // The kernel gives what it allows (net.core.rmem_max); less is no error.
        socket.set_recv_buffer_size(SOCKET_BUFFER)?;
        socket.set_send_buffer_size(SOCKET_BUFFER)?;
        socket.set_nonblocking(true)?;
        socket.bind(&bind.into())?;
        Ok(Self { socket: socket.into(), is_ipv6: bind.is_ipv6() })
    }

    /// Sends packets from the front of `packets`, which are of this socket's address family, in one call. How many were
    /// taken: at least one.
    ///
    /// # Errors
    /// What became of the first packet, if it was not taken.
    pub(super) fn send(&self, packets: &[Datagram]) -> io::Result<usize> {
        if let [Datagram { to, octets, .. }] = packets {
            return self.socket.send_to(octets, to).map(|_| 1);
        }
        let packets = packets.get(..BATCH).unwrap_or(packets);
        let addresses: Vec<SocketAddrAny> =
            packets.iter().map(|packet| SocketAddrAny::from(packet.to)).collect();
        let octets: Vec<[IoSlice<'_>; 1]> =
            packets.iter().map(|packet| [IoSlice::new(&packet.octets)]).collect();
        let mut no_control: Vec<SendAncillaryBuffer<'_, '_, '_>> =
            packets.iter().map(|_| SendAncillaryBuffer::default()).collect();
        let mut headers: Vec<MMsgHdr<'_>> = addresses
            .iter()
            .zip(&octets)
            .zip(&mut no_control)
            .map(|((address, octets), control)| MMsgHdr::new_with_addr(address, octets, control))
            .collect();
        Ok(sendmmsg(&self.socket, &mut headers, SendFlags::empty())?)
    }
}

/// Room for the packets of one read.
pub(super) struct Inbox {
    octets: Box<[u8]>,
    /// What the last read brought: from where, and how many octets.
    packets: Vec<(Option<SocketAddr>, usize)>,
    /// Packets that the next read asks for: preparing for many costs when there are few.
    asked: usize,
}

impl Inbox {
    pub(super) fn new() -> Self {
        // Zeroed memory comes from the system untouched: what is never written to costs nothing.
        Self {
            octets: vec![0; BATCH * DATAGRAM_LIMIT].into_boxed_slice(),
            packets: Vec::with_capacity(BATCH),
            asked: FEW,
        }
    }

    /// Reads what has arrived, up to [`BATCH`] packets, in one call. Whether there may be more.
    ///
    /// # Errors
    /// As of `recvfrom(2)`: `WouldBlock` when there is nothing, or what ICMP said about an earlier packet.
    #[allow(unsafe_code, reason = "no safe wrapper of recvmmsg(2) is among the dependencies")]
    pub(super) fn read(&mut self, socket: &PacketSocket) -> io::Result<bool> {
        self.packets.clear();
        let mut names = [const { MaybeUninit::<SockAddrStorage>::uninit() }; BATCH];
        let mut slices = [const { MaybeUninit::<libc::iovec>::uninit() }; BATCH];
        let mut headers = [const { MaybeUninit::<libc::mmsghdr>::uninit() }; BATCH];
        let rooms = self.octets.chunks_exact_mut(DATAGRAM_LIMIT).take(self.asked);
        for (((header, name), slice), room) in headers.iter_mut().zip(&mut names).zip(&mut slices).zip(rooms)
        {
            let name = name.write(SockAddrStorage::zeroed());
            let slice = slice.write(libc::iovec { iov_base: room.as_mut_ptr().cast(), iov_len: room.len() });
            // SAFETY: all zeroes are a valid `mmsghdr`: null pointers and lengths of nothing.
            let header = header.write(unsafe { std::mem::zeroed() });
            header.msg_hdr.msg_name = std::ptr::from_mut(name).cast();
            header.msg_hdr.msg_namelen = name.size_of();
            header.msg_hdr.msg_iov = slice;
            header.msg_hdr.msg_iovlen = 1;
        }
        let limit = u32::try_from(self.asked).unwrap_or(0);
        // SAFETY: so many headers are written, `asked` being BATCH at most; each points at one name and one slice, and that
        // at its own part of `octets`, all of which outlive the call.
        let got = unsafe {
            libc::recvmmsg(
                socket.socket.as_raw_fd(),
                headers.as_mut_ptr().cast(),
                limit,
                // The C libraries do not agree on its sign.
                libc::MSG_DONTWAIT as _,
                std::ptr::null_mut(),
            )
        };
        let Ok(got) = usize::try_from(got) else { return Err(io::Error::last_os_error()) };
        for (header, name) in headers.iter().zip(names).take(got) {
            // SAFETY: both were written above, and filled in by the kernel.
            let (header, name) = unsafe { (header.assume_init_ref(), name.assume_init()) };
            // SAFETY: the kernel wrote an address of that length there.
            let from = unsafe { SockAddr::new(name, header.msg_hdr.msg_namelen) };
            self.packets.push((from.as_socket(), usize::try_from(header.msg_len).unwrap_or(0)));
        }
        let more = got == self.asked;
        self.asked = if more { (self.asked * 2).min(BATCH) } else { (got * 2).clamp(FEW, BATCH) };
        Ok(more)
    }

    /// What the last read brought.
    pub(super) fn packets(&self) -> impl Iterator<Item = (SocketAddr, &[u8])> {
        self.packets
            .iter()
            .zip(self.octets.chunks_exact(DATAGRAM_LIMIT))
            .filter_map(|(&(from, length), octets)| Some((from?, octets.get(..length)?)))
    }
}

/// Packets in one system call.
pub(super) const BATCH: usize = 32;
/// Packets asked for after a read that brought hardly any.
const FEW: usize = 4;
/// The largest datagram of UDP or IP.
const DATAGRAM_LIMIT: usize = 65536;
/// The protocol number of SCTP in IP.
const IPPROTO_SCTP: i32 = 132;
/// Octets asked for each direction of a socket.
const SOCKET_BUFFER: usize = 4 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn open() -> (PacketSocket, SocketAddr) {
        let socket = PacketSocket::open(Transport::Udp, SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let address = socket.socket.local_addr().unwrap();
        (socket, address)
    }

    fn packet(to: SocketAddr, octets: Vec<u8>) -> Datagram {
        Datagram { to, octets, association: None }
    }

    /// Loopback delivers before the send returns.
    fn read_all(inbox: &mut Inbox, socket: &PacketSocket) -> Vec<(SocketAddr, Vec<u8>)> {
        let mut all = Vec::new();
        while inbox.read(socket).is_ok() {
            all.extend(inbox.packets().map(|(from, octets)| (from, octets.to_vec())));
        }
        all
    }

    #[test]
    fn batch_arrives_whole_and_in_order() {
        let ((sender, from), (receiver, to)) = (open(), open());
        let packets: Vec<Datagram> = (0..2 * BATCH + 7)
            .map(|number| packet(to, vec![u8::try_from(number).unwrap(); number]))
            .collect();
        let mut sent = 0;
        while sent < packets.len() {
            sent += sender.send(&packets[sent..]).unwrap();
        }
        let got = read_all(&mut Inbox::new(), &receiver);
        assert_eq!(got.len(), packets.len());
        for (packet, (source, octets)) in packets.iter().zip(got) {
            assert_eq!((source, octets), (from, packet.octets.clone()));
        }
    }

    #[test]
    fn read_that_was_filled_says_that_there_may_be_more() {
        let ((sender, _), (receiver, to)) = (open(), open());
        let mut inbox = Inbox::new();
        for asked in [FEW, 2 * FEW, 4 * FEW, BATCH, BATCH] {
            let packets: Vec<Datagram> = (0..asked).map(|_| packet(to, vec![1])).collect();
            assert_eq!(sender.send(&packets).unwrap(), asked);
            assert!(inbox.read(&receiver).unwrap());
            assert_eq!(inbox.packets().count(), asked);
        }
        assert_eq!(inbox.read(&receiver).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert_eq!(inbox.packets().count(), 0, "nothing is left of the read before");
        sender.send(&[packet(to, vec![1])]).unwrap();
        assert!(!inbox.read(&receiver).unwrap());
        assert_eq!(inbox.asked, FEW);
    }

    #[test]
    fn bad_packet_is_the_first_of_its_call_and_stops_only_itself() {
        let ((sender, _), (receiver, to)) = (open(), open());
        let too_long = packet(to, vec![0; DATAGRAM_LIMIT]);
        let packets = [packet(to, vec![1]), packet(to, vec![2]), too_long, packet(to, vec![3])];
        assert_eq!(sender.send(&packets).unwrap(), 2, "what comes before the bad one");
        let error = sender.send(&packets[2..]).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EMSGSIZE));
        assert_eq!(sender.send(&packets[3..]).unwrap(), 1);
        let got: Vec<u8> =
            read_all(&mut Inbox::new(), &receiver).iter().map(|(_, octets)| octets[0]).collect();
        assert_eq!(got, [1, 2, 3]);
    }
}
