//! The packets inside the tunnels: UDP in IPv4 or IPv6, whole and with correct checksums, so that any UPF takes them.

use std::net::IpAddr;

use etherparse::{NetSlice, PacketBuilder, SlicedPacket, TransportSlice};

/// Where a packet comes from and goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// From this address; of the same family as `to`.
    pub from: IpAddr,
    /// To this address.
    pub to: IpAddr,
    /// From this UDP port.
    pub from_port: u16,
    /// To this UDP port.
    pub to_port: u16,
}

/// Why octets are not a packet of a UE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TPduError {
    /// Neither IPv4 nor IPv6 with UDP, cut, or with a wrong checksum.
    #[error("not a whole UDP packet in IP")]
    Malformed,
    /// Neither IPv4 nor IPv6, cut, or with a wrong checksum of its header.
    #[error("not a whole IP packet")]
    NotIp,
    /// Its two addresses are of different families.
    #[error("a packet cannot go from {0} to {1}")]
    MixedFamilies(IpAddr, IpAddr),
    /// The IP header's length is not that of the packet.
    #[error("the packet says it has {said} octets, and it has {found}")]
    Length {
        /// In its header.
        said: usize,
        /// In its tunnel.
        found: usize,
    },
}

/// Appends a packet of `octets` octets to `out`, headers included: no less than its headers have. Returns its length.
///
/// # Errors
/// When the addresses are of different families.
pub fn build(packet: &Packet, octets: u16, out: &mut Vec<u8>) -> Result<usize, TPduError> {
    let ip = match (packet.from, packet.to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => PacketBuilder::ipv4(from.octets(), to.octets(), HOPS),
        (IpAddr::V6(from), IpAddr::V6(to)) => PacketBuilder::ipv6(from.octets(), to.octets(), HOPS),
        (from, to) => return Err(TPduError::MixedFamilies(from, to)),
    };
    let headers = if packet.from.is_ipv4() { 28 } else { 48 };
    let payload = &PATTERN[..usize::from(octets).saturating_sub(headers).min(PATTERN.len())];
    let before = out.len();
    let udp = ip.udp(packet.from_port, packet.to_port);
    // Writing to memory cannot fail, and the length is within what the headers can say.
    udp.write(out, payload).map_err(|_| TPduError::Malformed)?;
    Ok(out.len() - before)
}

/// Reads a packet and checks its lengths and checksums.
///
/// # Errors
/// When it is not a whole UDP packet in IP. Never panics.
pub fn read(octets: &[u8]) -> Result<Packet, TPduError> {
    let sliced = SlicedPacket::from_ip(octets).map_err(|_| TPduError::Malformed)?;
    let Some(TransportSlice::Udp(udp)) = sliced.transport else { return Err(TPduError::Malformed) };
    let header = udp.to_header();
    let (from, to, said): (IpAddr, IpAddr, usize) = match &sliced.net {
        Some(NetSlice::Ipv4(ip)) => {
            let ip = ip.header();
            let right = header.calc_checksum_ipv4_raw(ip.source(), ip.destination(), udp.payload());
            let sound = ip.to_header().calc_header_checksum() == ip.header_checksum();
            if !sound || (header.checksum != 0 && right.ok() != Some(header.checksum)) {
                return Err(TPduError::Malformed);
            }
            (ip.source_addr().into(), ip.destination_addr().into(), ip.total_len().into())
        }
        Some(NetSlice::Ipv6(ip)) => {
            let ip = ip.header();
            let right = header.calc_checksum_ipv6_raw(ip.source(), ip.destination(), udp.payload());
            if right.ok() != Some(header.checksum) {
                return Err(TPduError::Malformed);
            }
            let length = usize::from(ip.payload_length()) + 40;
            (ip.source_addr().into(), ip.destination_addr().into(), length)
        }
        _ => return Err(TPduError::Malformed),
    };
    if said != octets.len() {
        return Err(TPduError::Length { said, found: octets.len() });
    }
    Ok(Packet { from, to, from_port: header.source_port, to_port: header.destination_port })
}

/// Time to live, or hop limit.
const HOPS: u8 = 64;

/// What the packets are full of: letters from `a` to `w`, as `ping` has it on some systems.
static PATTERN: [u8; 65_000] = pattern();

const fn pattern() -> [u8; 65_000] {
    let mut octets = [0; 65_000];
    let mut at = 0;
    let mut letter = b'a';
    while at < octets.len() {
        octets[at] = letter;
        letter = if letter == b'w' { b'a' } else { letter + 1 };
        at += 1;
    }
    octets
}
