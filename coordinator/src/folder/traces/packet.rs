//! IP packets around SCTP user messages: IPv4 (RFC 791) or IPv6 (RFC 8200), and a DATA chunk (RFC 9260 §3.3.1).
//!
//! An agent hands over messages, not packets; so the headers are ours, made so that a dissector takes each message for
//! what it is: sequence numbers rise by one for each direction of an association, and checksums are right.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use wire::to_coordinator::TracePacket;

/// The sequence numbers of the associations of one file.
#[derive(Default)]
pub(super) struct Framing {
    directions: HashMap<(SocketAddr, SocketAddr), Direction>,
}

#[derive(Default)]
struct Direction {
    tsn: u32,
    streams: HashMap<u16, u16>,
}

impl Framing {
    /// The IP packets of one message: one, or several when it is longer than [`FRAGMENT`].
    pub(super) fn packets(&mut self, message: &TracePacket) -> Vec<Vec<u8>> {
        let ran = end(&message.ran, RAN);
        let core = end(&message.core, CORE);
        let (from, to) = if message.uplink { (ran, core) } else { (core, ran) };
        let direction = self.directions.entry((from, to)).or_default();
        let sequence = direction.streams.entry(message.stream).or_default();
        let fragments: Vec<&[u8]> =
            if message.octets.is_empty() { vec![&[]] } else { message.octets.chunks(FRAGMENT).collect() };
        let last = fragments.len() - 1;
        let packets = fragments.iter().enumerate().map(|(position, fragment)| {
            let flags = u8::from(position == 0) << 1 | u8::from(position == last);
            direction.tsn = direction.tsn.wrapping_add(1);
            let chunk = data(flags, direction.tsn, message.stream, *sequence, message.ppid, fragment);
            ip(from.ip(), to.ip(), &sctp(from, to, &chunk))
        });
        let packets = packets.collect();
        *sequence = sequence.wrapping_add(1);
        packets
    }
}

/// An SCTP address of a trace. Associations within a process have none: they get one of the loopback's.
fn end(text: &str, otherwise: SocketAddr) -> SocketAddr {
    text.parse().unwrap_or(otherwise)
}

fn data(flags: u8, tsn: u32, stream: u16, sequence: u16, ppid: u32, octets: &[u8]) -> Vec<u8> {
    let length = u16::try_from(16 + octets.len()).unwrap_or(u16::MAX);
    let mut chunk = vec![0, flags];
    chunk.extend(length.to_be_bytes());
    chunk.extend(tsn.to_be_bytes());
    chunk.extend(stream.to_be_bytes());
    chunk.extend(sequence.to_be_bytes());
    chunk.extend(ppid.to_be_bytes());
    chunk.extend(octets);
    chunk.resize(chunk.len().next_multiple_of(4), 0);
    chunk
}

fn sctp(from: SocketAddr, to: SocketAddr, chunk: &[u8]) -> Vec<u8> {
    let mut packet = Vec::with_capacity(12 + chunk.len());
    packet.extend(from.port().to_be_bytes());
    packet.extend(to.port().to_be_bytes());
    // The real tag is the stack's secret; one for each pair of ports keeps associations apart.
    packet.extend(((u32::from(to.port()) << 16) | u32::from(from.port()) | 1).to_be_bytes());
    packet.extend([0; 4]);
    packet.extend(chunk);
    // RFC 9260 Appendix A: CRC32c, in this byte order, computed with the field at zero.
    let checksum = crc32c::crc32c(&packet).to_le_bytes();
    packet.splice(8..12, checksum);
    packet
}

fn ip(from: IpAddr, to: IpAddr, payload: &[u8]) -> Vec<u8> {
    let (IpAddr::V4(from), IpAddr::V4(to)) = (from, to) else { return ipv6(from, to, payload) };
    let length = u16::try_from(20 + payload.len()).unwrap_or(u16::MAX);
    let mut packet = vec![0x45, 0];
    packet.extend(length.to_be_bytes());
    packet.extend([0, 0, 0x40, 0, 64, SCTP, 0, 0]);
    packet.extend(from.octets());
    packet.extend(to.octets());
    let sum: u32 = packet.chunks_exact(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let checksum = !u16::try_from((folded & 0xffff) + (folded >> 16)).unwrap_or(u16::MAX);
    packet.splice(10..12, checksum.to_be_bytes());
    packet.extend(payload);
    packet
}

fn ipv6(from: IpAddr, to: IpAddr, payload: &[u8]) -> Vec<u8> {
    let address = |ip| match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    let mut packet = vec![0x60, 0, 0, 0];
    packet.extend(u16::try_from(payload.len()).unwrap_or(u16::MAX).to_be_bytes());
    packet.extend([SCTP, 64]);
    packet.extend(address(from).octets());
    packet.extend(address(to).octets());
    packet.extend(payload);
    packet
}

/// Octets of a message in one packet, so that it fits into IP's 65,535.
const FRAGMENT: usize = 32_768;
const SCTP: u8 = 132;
const RAN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2)), 36_412);
const CORE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 38_412);
