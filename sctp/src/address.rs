//! Where an endpoint listens or connects to, as a URL.

use crate::{NGAP_PORT, UDP_ENCAPSULATION_PORT};
use std::fmt;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::str::FromStr;

/// What carries the associations of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// The kernel's SCTP, which real core networks listen on.
    Kernel,
    /// Userspace SCTP encapsulated in UDP (RFC 6951).
    Udp,
    /// Userspace SCTP on raw IP, protocol 132; needs `CAP_NET_RAW`.
    RawIp,
    /// Within this process; no SCTP is spoken.
    Memory,
}

impl Transport {
    /// The scheme of its URLs.
    pub fn scheme(self) -> &'static str {
        match self {
            Self::Kernel => "sctp",
            Self::Udp => "sctp+udp",
            Self::RawIp => "sctp+ip",
            Self::Memory => "memory",
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kernel => "kernel SCTP",
            Self::Udp => "userspace SCTP in UDP",
            Self::RawIp => "userspace SCTP on raw IP",
            Self::Memory => "memory",
        })
    }
}

/// An address to listen on or to connect to.
///
/// `sctp://host[:38412]`, `sctp+udp://host[:9899][?port=38412]`, `sctp+ip://host[:38412]` or `memory://name`. A host is a
/// name, an IPv4 address or an IPv6 address in brackets; several, separated by commas, are one multihomed host
/// (kernel transport; the others use the first).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    transport: Transport,
    hosts: Vec<String>,
    /// The UDP port of [`Transport::Udp`], otherwise the same as `sctp_port`.
    port: u16,
    sctp_port: u16,
}

impl Address {
    /// The address of `ip`: for [`Transport::Udp`], `port` is the UDP port and the SCTP port is that of NGAP.
    pub fn new(transport: Transport, ip: IpAddr, port: u16) -> Self {
        let host = match ip {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        let sctp_port = if transport == Transport::Udp { NGAP_PORT } else { port };
        Self { transport, hosts: vec![host], port, sctp_port }
    }

    /// The address of an endpoint of this process.
    pub fn memory(name: &str) -> Self {
        Self { transport: Transport::Memory, hosts: vec![name.to_owned()], port: 0, sctp_port: 0 }
    }

    /// What carries it.
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// The (first) host as written, or the name of a memory endpoint.
    pub fn host(&self) -> &str {
        self.hosts.first().map_or("", String::as_str)
    }

    /// The SCTP port.
    pub fn sctp_port(&self) -> u16 {
        self.sctp_port
    }

    /// The UDP port of [`Transport::Udp`], otherwise the SCTP port.
    pub fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn with_sctp_port(mut self, port: u16) -> Self {
        self.sctp_port = port;
        self
    }

    /// Whether it names several hosts, which are the addresses of one peer.
    pub(crate) fn is_multihomed(&self) -> bool {
        self.hosts.len() > 1
    }

    /// Every address of its hosts, with [`Self::port`], IPv4 first; looks names up, which may block.
    ///
    /// # Errors
    /// When a name cannot be resolved.
    pub fn resolve(&self) -> std::io::Result<Vec<SocketAddr>> {
        let mut resolved = Vec::new();
        for host in &self.hosts {
            let bare = host.trim_start_matches('[').trim_end_matches(']');
            resolved.extend((bare, self.port).to_socket_addrs()?);
        }
        // `localhost` is ::1 first, where listeners rarely are.
        resolved.sort_by_key(SocketAddr::is_ipv6);
        if resolved.is_empty() {
            return Err(std::io::Error::new(std::io::ErrorKind::NotFound, "the name has no address"));
        }
        Ok(resolved)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.transport.scheme(), self.hosts.join(","))?;
        if self.transport != Transport::Memory {
            write!(f, ":{}", self.port)?;
        }
        if self.transport == Transport::Udp && self.sctp_port != NGAP_PORT {
            write!(f, "?port={}", self.sctp_port)?;
        }
        Ok(())
    }
}

/// Text that is no [`Address`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no SCTP address: {problem} (write sctp://HOST[:38412], sctp+udp://HOST[:9899][?port=38412] \
     or sctp+ip://HOST[:38412])"
)]
pub struct AddressError {
    text: String,
    problem: String,
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        parse(text).map_err(|problem| AddressError { text: text.to_owned(), problem })
    }
}

fn parse(text: &str) -> Result<Address, String> {
    let (scheme, rest) = text.split_once("://").ok_or("there is no `://`")?;
    let transport = [Transport::Kernel, Transport::Udp, Transport::RawIp, Transport::Memory]
        .into_iter()
        .find(|transport| transport.scheme() == scheme)
        .ok_or_else(|| format!("the scheme `{scheme}` is unknown"))?;
    if transport == Transport::Memory {
        return if rest.is_empty() {
            Err("the name is missing".to_owned())
        } else {
            Ok(Address::memory(rest))
        };
    }
    let (authority, query) = match rest.split_once('?') {
        Some((authority, query)) => (authority, Some(query)),
        None => (rest, None),
    };
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    let (hosts, port) = split_port(authority)?;
    let hosts: Vec<String> = hosts.split(',').map(str::to_owned).collect();
    for host in &hosts {
        check_host(host)?;
    }
    if transport == Transport::Udp {
        let sctp_port = query.map_or(Ok(NGAP_PORT), |query| match query.split_once('=') {
            Some(("port", port)) => number(port).and_then(|port| match port {
                0 => Err("the SCTP port 0 does not exist".to_owned()),
                port => Ok(port),
            }),
            _ => Err(format!("`?{query}` is not `?port=NUMBER`")),
        })?;
        Ok(Address { transport, hosts, port: port.unwrap_or(UDP_ENCAPSULATION_PORT), sctp_port })
    } else if let Some(query) = query {
        Err(format!("`?{query}` only exists for sctp+udp"))
    } else {
        let port = port.unwrap_or(NGAP_PORT);
        Ok(Address { transport, hosts, port, sctp_port: port })
    }
}

/// `host:port` into its parts; the colons of an IPv6 address are inside brackets.
fn split_port(authority: &str) -> Result<(&str, Option<u16>), String> {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => Ok((host, Some(number(port)?))),
        _ => Ok((authority, None)),
    }
}

fn number(port: &str) -> Result<u16, String> {
    port.parse().map_err(|_| format!("the port `{port}` is not a number up to 65535"))
}

fn check_host(host: &str) -> Result<(), String> {
    if host.is_empty() {
        return Err("the host is missing".to_owned());
    }
    let bracketed = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match bracketed {
        Some(ip) => match ip.parse::<IpAddr>() {
            Ok(IpAddr::V6(_)) => Ok(()),
            _ => Err(format!("`{ip}` is not an IPv6 address")),
        },
        None if host.contains(':') => Err(format!("the IPv6 address `{host}` needs brackets: `[{host}]`")),
        None if host.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c)) => Ok(()),
        None => Err(format!("the host `{host}` has characters that no host name has")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_of_each_transport_survives_display_and_parse() {
        for text in [
            "sctp://amf.example:38412",
            "sctp://10.0.0.1,10.0.0.2:38412",
            "sctp+udp://127.0.0.1:9899",
            "sctp+udp://[::1]:9899?port=36412",
            "sctp+ip://127.0.0.1:38412",
            "memory://amf",
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn address_without_ports_takes_the_registered_ones() {
        let udp: Address = "sctp+udp://localhost".parse().unwrap();
        assert_eq!((udp.port(), udp.sctp_port()), (9899, 38412));
        assert_eq!("sctp://[::1]".parse::<Address>().unwrap().sctp_port(), 38412);
    }

    #[test]
    fn address_that_is_wrong_says_what_is_accepted() {
        for (text, part) in [
            ("localhost:38412", "no `://`"),
            ("tcp://localhost", "scheme `tcp`"),
            ("sctp://localhost:99999", "`99999` is not a number"),
            ("sctp://::1:38412", "needs brackets"),
            ("sctp+udp://localhost?x=1", "`?port=NUMBER`"),
            ("sctp+udp://localhost?port=0", "port 0"),
            ("sctp://localhost?port=1", "only exists for sctp+udp"),
            ("sctp://", "host is missing"),
            ("sctp://a b", "characters"),
            ("memory://", "name is missing"),
        ] {
            let error = text.parse::<Address>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
            let (_, offered) = error.split_once("(write").unwrap();
            assert!(offered.contains("sctp+ip://HOST") && !offered.contains("memory"), "{text}: {error}");
        }
    }
}
