//! IP packets of UEs as the network's end takes them: whatever they carry, and what some ask of the gateway.

use std::net::{IpAddr, Ipv6Addr};

use etherparse::{Icmpv4Slice, Icmpv4Type, Icmpv6Slice, Icmpv6Type, IpNumber, IpSlice, PacketBuilder};

use crate::TPduError;

/// A whole IP packet, of any protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpPacket<'a> {
    /// From this address.
    pub from: IpAddr,
    /// To this address.
    pub to: IpAddr,
    /// What it asks of a router or of the host that it goes to.
    pub asks: Option<Request<'a>>,
}

/// What a packet asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// An echo reply with the same (RFC 792, RFC 4443 §4.1).
    Echo {
        /// Of the one who asks.
        identifier: u16,
        /// Of the request.
        sequence: u16,
        /// Comes back as it is.
        data: &'a [u8],
    },
    /// A router advertisement (RFC 4861 §4.1).
    Router,
    /// Who has this address (RFC 4861 §4.3).
    Neighbour(Ipv6Addr),
}

/// What a router tells the hosts on its link (RFC 4861 §4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advertised {
    /// The upper 64 bits of the addresses that a host makes itself.
    pub prefix: [u8; 8],
    /// The largest packet of the link, in octets.
    pub mtu: Option<u32>,
    /// A recursive DNS server (RFC 8106 §5.1).
    pub dns: Option<Ipv6Addr>,
}

/// Reads the header of an IP packet, with the extension headers of IPv6, and what it asks for. The transport inside may be
/// any, and a part of a fragmented one.
///
/// # Errors
/// When it is no IP packet, its header's checksum is wrong, or its length is not the one that it says. Never panics.
pub fn read_ip(octets: &[u8]) -> Result<IpPacket<'_>, TPduError> {
    let ip = IpSlice::from_slice(octets).map_err(|_| TPduError::NotIp)?;
    let said = match &ip {
        IpSlice::Ipv4(ip) => {
            let header = ip.header();
            if header.to_header().calc_header_checksum() != header.header_checksum() {
                return Err(TPduError::NotIp);
            }
            usize::from(header.total_len())
        }
        IpSlice::Ipv6(ip) => usize::from(ip.header().payload_length()) + 40,
    };
    if said != octets.len() {
        return Err(TPduError::Length { said, found: octets.len() });
    }
    let (from, to, payload) = (ip.source_addr(), ip.destination_addr(), ip.payload().payload);
    let asks = match (from, to) {
        _ if ip.payload().fragmented => None,
        (IpAddr::V4(_), IpAddr::V4(_)) if ip.payload().ip_number == IpNumber::ICMP => asks_icmp(payload),
        (IpAddr::V6(from), IpAddr::V6(to)) if ip.payload().ip_number == IpNumber::IPV6_ICMP => {
            let on_link = ip.ipv6().is_some_and(|ip| ip.header().hop_limit() == ON_LINK);
            asks_icmpv6(payload, (from, to), on_link)
        }
        _ => None,
    };
    Ok(IpPacket { from, to, asks })
}

fn asks_icmp(payload: &[u8]) -> Option<Request<'_>> {
    let icmp = Icmpv4Slice::from_slice(payload).ok()?;
    let Icmpv4Type::EchoRequest(header) = icmp.icmp_type() else { return None };
    let right = icmp.icmp_type().calc_checksum(icmp.payload()) == icmp.checksum();
    right.then_some(Request::Echo { identifier: header.id, sequence: header.seq, data: icmp.payload() })
}

fn asks_icmpv6(payload: &[u8], (from, to): (Ipv6Addr, Ipv6Addr), on_link: bool) -> Option<Request<'_>> {
    let icmp = Icmpv6Slice::from_slice(payload).ok()?;
    if !icmp.is_checksum_valid(from.octets(), to.octets()) {
        return None;
    }
    match (icmp.type_u8(), icmp.icmp_type()) {
        (_, Icmpv6Type::EchoRequest(header)) => {
            Some(Request::Echo { identifier: header.id, sequence: header.seq, data: icmp.payload() })
        }
        // RFC 4861 §6.1.1, §7.1.1: what a router has passed on is not from this link.
        (ROUTER_SOLICITATION, _) if on_link && icmp.code_u8() == 0 => Some(Request::Router),
        (NEIGHBOUR_SOLICITATION, _) if on_link && icmp.code_u8() == 0 => {
            let target: [u8; 16] = icmp.payload().get(..16)?.try_into().ok()?;
            Some(Request::Neighbour(target.into()))
        }
        _ => None,
    }
}

/// The answer to an echo request, from the address that it went to, or from `from` where that is no host's.
pub fn echo_reply(request: &IpPacket<'_>, from: IpAddr) -> Option<Vec<u8>> {
    let Some(Request::Echo { identifier, sequence, data }) = request.asks else { return None };
    let mut out = Vec::with_capacity(data.len() + 48);
    match (from, request.from) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let ip = PacketBuilder::ipv4(from.octets(), to.octets(), HOPS);
            ip.icmpv4_echo_reply(identifier, sequence).write(&mut out, data).ok()?;
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            let ip = PacketBuilder::ipv6(from.octets(), to.octets(), HOPS);
            ip.icmpv6_echo_reply(identifier, sequence).write(&mut out, data).ok()?;
        }
        _ => return None,
    }
    Some(out)
}

/// An echo request of a UE.
pub fn echo_request(
    from: IpAddr,
    to: IpAddr,
    (identifier, sequence): (u16, u16),
    data: &[u8],
) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(data.len() + 48);
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let ip = PacketBuilder::ipv4(from.octets(), to.octets(), HOPS);
            ip.icmpv4_echo_request(identifier, sequence).write(&mut out, data).ok()?;
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            let ip = PacketBuilder::ipv6(from.octets(), to.octets(), HOPS);
            ip.icmpv6_echo_request(identifier, sequence).write(&mut out, data).ok()?;
        }
        _ => return None,
    }
    Some(out)
}

/// Asks the routers of the link for a router advertisement (RFC 4861 §4.1). `from` is a link-local address.
pub fn router_solicitation(from: Ipv6Addr) -> Vec<u8> {
    neighbour_discovery(from, ALL_ROUTERS, (ROUTER_SOLICITATION, [0; 4]), &[])
}

/// A router advertisement (RFC 4861 §4.2) with one prefix, from which hosts make their addresses, and which is on no link but
/// theirs (TS 29.061 §11.2.1.3.2: A set, L not, infinite lifetimes). `from` is a link-local address.
pub fn router_advertisement(from: Ipv6Addr, to: Ipv6Addr, advertised: &Advertised) -> Vec<u8> {
    let [high, low] = ROUTER_LIFETIME_S.to_be_bytes();
    // No reachable time and no retransmission timer of the router's.
    let mut body = vec![0; 8];
    body.extend_from_slice(&[PREFIX_INFORMATION, 4, 64, AUTONOMOUS]);
    body.extend_from_slice(&[0xff; 8]);
    body.extend_from_slice(&[0; 4]);
    body.extend_from_slice(&advertised.prefix);
    body.extend_from_slice(&[0; 8]);
    if let Some(mtu) = advertised.mtu {
        body.extend_from_slice(&[MTU, 1, 0, 0]);
        body.extend_from_slice(&mtu.to_be_bytes());
    }
    if let Some(dns) = advertised.dns {
        body.extend_from_slice(&[RECURSIVE_DNS_SERVER, 3, 0, 0, 0xff, 0xff, 0xff, 0xff]);
        body.extend_from_slice(&dns.octets());
    }
    neighbour_discovery(from, to, (ROUTER_ADVERTISEMENT, [HOPS, 0, high, low]), &body)
}

/// A router says that an address is its own (RFC 4861 §4.4); a link without link-layer addresses has no more to say.
pub fn neighbour_advertisement(from: Ipv6Addr, to: Ipv6Addr, solicited: bool) -> Vec<u8> {
    let flags = if solicited { 0xe0 } else { 0xa0 };
    neighbour_discovery(from, to, (NEIGHBOUR_ADVERTISEMENT, [flags, 0, 0, 0]), &from.octets())
}

/// The first prefix of a router advertisement from which a host makes its address, with what else it needs. `None` for any
/// other packet.
pub fn read_router_advertisement(octets: &[u8]) -> Option<Advertised> {
    let IpSlice::Ipv6(ip) = IpSlice::from_slice(octets).ok()? else { return None };
    let header = ip.header();
    let (from, to) = (header.source_addr(), header.destination_addr());
    let is_of_the_link = header.hop_limit() == ON_LINK && from.octets().starts_with(&[0xfe, 0x80]);
    if !is_of_the_link || ip.payload().fragmented || ip.payload().ip_number != IpNumber::IPV6_ICMP {
        return None;
    }
    let icmp = Icmpv6Slice::from_slice(ip.payload().payload).ok()?;
    let is_right = icmp.is_checksum_valid(from.octets(), to.octets()) && icmp.code_u8() == 0;
    if icmp.type_u8() != ROUTER_ADVERTISEMENT || !is_right {
        return None;
    }
    let mut options = icmp.slice().get(16..)?;
    let (mut prefix, mut mtu, mut dns) = (None, None, None);
    while let [kind, length, ..] = *options {
        let length = usize::from(length) * 8;
        // RFC 4861 §4.6: with a length of 0 the packet is discarded.
        let (option, rest) = options.split_at_checked(length).filter(|_| length > 0)?;
        match (kind, option) {
            (PREFIX_INFORMATION, [_, _, 64, flags, ..]) if flags & AUTONOMOUS != 0 => {
                prefix = prefix.or_else(|| option.get(16..24)?.try_into().ok());
            }
            (MTU, &[_, _, _, _, a, b, c, d]) => mtu = Some(u32::from_be_bytes([a, b, c, d])),
            (RECURSIVE_DNS_SERVER, _) => {
                let first: Option<[u8; 16]> = option.get(8..24).and_then(|octets| octets.try_into().ok());
                dns = dns.or_else(|| first.map(Ipv6Addr::from));
            }
            _ => {}
        }
        options = rest;
    }
    Some(Advertised { prefix: prefix?, mtu, dns })
}

fn neighbour_discovery(from: Ipv6Addr, to: Ipv6Addr, (kind, rest): (u8, [u8; 4]), body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(48 + body.len());
    let ip = PacketBuilder::ipv6(from.octets(), to.octets(), ON_LINK);
    // Writing to memory cannot fail, and the packet is small.
    let _ = ip.icmpv6_raw(kind, 0, rest).write(&mut out, body);
    out
}

/// All nodes of a link (RFC 4291 §2.7.1).
pub const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// All routers of a link (RFC 4291 §2.7.1).
pub const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
/// Time to live, or hop limit.
const HOPS: u8 = 64;
/// The hop limit of what no router has passed on (RFC 4861 §6.1).
const ON_LINK: u8 = 255;
/// As long as can be said (RFC 8319 §4).
const ROUTER_LIFETIME_S: u16 = 65_535;
/// Types of ICMPv6, and options of RFC 4861 §4.6 and RFC 8106 §5.1.
const ROUTER_SOLICITATION: u8 = 133;
const ROUTER_ADVERTISEMENT: u8 = 134;
const NEIGHBOUR_SOLICITATION: u8 = 135;
const NEIGHBOUR_ADVERTISEMENT: u8 = 136;
const PREFIX_INFORMATION: u8 = 3;
const MTU: u8 = 5;
const RECURSIVE_DNS_SERVER: u8 = 25;
/// Of the flags of a prefix: hosts make addresses of it.
const AUTONOMOUS: u8 = 0x40;

#[cfg(test)]
mod tests {
    use super::*;

    const UE: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 7);
    const ROUTER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 1, 0, 0, 1);

    #[test]
    fn a_ping_comes_back_with_its_data() {
        for (ue, gateway) in [("10.0.0.7", "10.255.255.254"), ("2001:db8::7", "2001:db8::1")] {
            let (ue, gateway): (IpAddr, IpAddr) = (ue.parse().unwrap(), gateway.parse().unwrap());
            let octets = echo_request(ue, gateway, (0x1234, 5), b"how are you?").unwrap();
            let request = read_ip(&octets).unwrap();
            assert_eq!((request.from, request.to), (ue, gateway));
            let asked = Request::Echo { identifier: 0x1234, sequence: 5, data: b"how are you?" };
            assert_eq!(request.asks, Some(asked));
            let reply = echo_reply(&request, gateway).unwrap();
            let read = read_ip(&reply).unwrap();
            assert_eq!((read.from, read.to, read.asks), (gateway, ue, None));
            assert_eq!(reply.len(), octets.len());
            let mut spoilt = octets.clone();
            *spoilt.last_mut().unwrap() ^= 1;
            assert_eq!(read_ip(&spoilt).unwrap().asks, None, "a spoilt ping is a packet and no request");
        }
    }

    #[test]
    fn a_router_says_what_a_host_needs() {
        let solicitation = router_solicitation(UE);
        let read = read_ip(&solicitation).unwrap();
        assert_eq!((read.to, read.asks), (ALL_ROUTERS.into(), Some(Request::Router)));
        let advertised = Advertised {
            prefix: [0x20, 1, 0xd, 0xb8, 0, 0, 0, 7],
            mtu: Some(1_400),
            dns: Some("2001:db8::1".parse().unwrap()),
        };
        let octets = router_advertisement(ROUTER, ALL_NODES, &advertised);
        assert_eq!(read_router_advertisement(&octets), Some(advertised));
        let without = Advertised { mtu: None, dns: None, ..advertised };
        assert_eq!(read_router_advertisement(&router_advertisement(ROUTER, UE, &without)), Some(without));
        let strange: Ipv6Addr = "2001:db8::9".parse().unwrap();
        let passed_on = router_advertisement(strange, UE, &advertised);
        assert_eq!(read_router_advertisement(&passed_on), None, "only a link-local address is a router's");
        let mut spoilt = octets;
        spoilt[60] ^= 1;
        assert_eq!(read_router_advertisement(&spoilt), None);
    }

    #[test]
    fn packets_of_any_protocol_are_read_and_no_garbage() {
        let mut tcp = Vec::new();
        let builder = PacketBuilder::ipv4([10, 0, 0, 7], [198, 51, 100, 1], 64);
        builder.tcp(40_000, 443, 1, 1_024).write(&mut tcp, b"hello").unwrap();
        assert_eq!(read_ip(&tcp).unwrap().from, IpAddr::from([10, 0, 0, 7]));
        // The second half of a fragmented packet has no header of its transport.
        let mut fragment = tcp.clone();
        fragment[6..8].copy_from_slice(&[0, 3]);
        fragment[10..12].copy_from_slice(&[0, 0]);
        let sum: u32 = fragment[..20].chunks(2).map(|two| u32::from(two[0]) << 8 | u32::from(two[1])).sum();
        let sum = !u16::try_from((sum & 0xffff) + (sum >> 16)).unwrap();
        fragment[10..12].copy_from_slice(&sum.to_be_bytes());
        assert_eq!(read_ip(&fragment).unwrap().asks, None);
        assert_eq!(read_ip(&tcp[..30]), Err(TPduError::NotIp), "cut");
        assert_eq!(read_ip(b""), Err(TPduError::NotIp));
        assert_eq!(read_ip(&[0x55; 40]), Err(TPduError::NotIp));
        let mut wrong = tcp;
        wrong[8] ^= 1;
        assert_eq!(read_ip(&wrong), Err(TPduError::NotIp), "its checksum is wrong");
    }
}
