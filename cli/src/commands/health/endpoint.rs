//! The endpoint of metrics: one GET, without an HTTP library, which the lean program has no other use for.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::str::FromStr;
use std::time::{Duration, Instant};

use anyhow::{Context, Error, bail, ensure};

use super::Health;

/// Where an endpoint is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    address: SocketAddr,
    /// As it was said.
    shown: String,
}

impl Place {
    /// An endpoint that this host serves; one that is served at all addresses is asked on loopback.
    pub(super) fn of_this_host(mut address: SocketAddr) -> Result<Self, Error> {
        ensure!(address.port() != 0, "port 0 is no endpoint that can be asked: name its real port");
        if address.ip().is_unspecified() {
            address.set_ip(match address.ip() {
                IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            });
        }
        Ok(Self { address, shown: address.to_string() })
    }
}

impl FromStr for Place {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bare = match text.split_once("://") {
            Some(("http", rest)) => rest.trim_end_matches('/'),
            Some(_) => bail!("{text}: endpoints of metrics speak http"),
            None => text,
        };
        ensure!(
            !bare.contains('/'),
            "{text}: name the endpoint alone, such as 127.0.0.1:9464; what is asked there is /healthz, or with --ready /readyz"
        );
        if let Ok(address) = bare.parse() {
            return Self::of_this_host(address);
        }
        let mut found = bare
            .to_socket_addrs()
            .with_context(|| format!("{text}: expected an address and a port, such as 127.0.0.1:9464"))?;
        let address = found.next().with_context(|| format!("{text}: this name has no address"))?;
        Ok(Self { address, shown: bare.to_owned() })
    }
}

/// Asks for this path.
pub(super) fn ask(place: &Place, path: &str, patience: Duration) -> Health {
    let shown = format!("http://{}{path}", place.shown);
    let (status, text) = get(place, path, patience).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            format!("{shown}: {}", super::silence(patience))
        }
        io::ErrorKind::ConnectionRefused => format!("{shown}: nobody listens there"),
        _ => format!("{shown}: {error}"),
    })?;
    // What another server says is not shown as it came.
    let text = edges::text::line(text.trim(), LONGEST_SHOWN).into_owned();
    match status {
        200 => Ok(format!("{shown} says {text}")),
        503 => Err(format!("{shown} says {text}")),
        _ => Err(format!("{shown} answers {status}: no endpoint of roamstorm does")),
    }
}

fn get(place: &Place, path: &str, patience: Duration) -> io::Result<(u16, String)> {
    let deadline = Instant::now() + patience;
    let left = || {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok::<_, io::Error>(left) }
    };
    let mut stream = TcpStream::connect_timeout(&place.address, left()?)?;
    stream.set_write_timeout(Some(left()?))?;
    let host = &place.shown;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    let mut part = [0; 1024];
    loop {
        stream.set_read_timeout(Some(left()?))?;
        match stream.read(&mut part)? {
            0 => break,
            octets => answer.extend_from_slice(part.get(..octets).unwrap_or_default()),
        }
        if answer.len() > LONGEST {
            break;
        }
    }
    read(&answer).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "what answers there is not HTTP"))
}

/// The status of an answer, and its body.
fn read(answer: &[u8]) -> Option<(u16, String)> {
    let answer = String::from_utf8_lossy(answer);
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let mut words = head.lines().next()?.split(' ');
    let is_http = words.next()?.starts_with("HTTP/1.");
    let status = words.next()?.parse().ok()?;
    is_http.then(|| (status, body.to_owned()))
}

/// Octets of an answer that are read; ours have some dozens.
const LONGEST: usize = 16 << 10;
/// Characters.
const LONGEST_SHOWN: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_an_address_a_name_or_a_url() {
        let place = |text: &str| text.parse::<Place>();
        assert_eq!(place("127.0.0.1:9464").unwrap().address, ([127, 0, 0, 1], 9464).into());
        assert_eq!(place("http://127.0.0.1:9464/").unwrap(), place("127.0.0.1:9464").unwrap());
        assert_eq!(place("0.0.0.0:9464").unwrap().shown, "127.0.0.1:9464");
        assert_eq!(place("[::]:9464").unwrap().shown, "[::1]:9464");
        assert!(place("localhost:9464").unwrap().address.ip().is_loopback());
        for (wrong, said) in [
            ("127.0.0.1:0", "real port"),
            ("https://127.0.0.1:9464", "speak http"),
            ("http://127.0.0.1:9464/readyz", "--ready"),
            ("127.0.0.1:none", "such as 127.0.0.1:9464"),
        ] {
            let error = place(wrong).unwrap_err().to_string();
            assert!(error.contains(said), "{wrong}: {error}");
        }
    }

    #[test]
    fn answers_are_read_and_what_is_not_http_is_not() {
        let answer = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 4\r\n\r\nwhy\n";
        assert_eq!(read(answer), Some((503, "why\n".to_owned())));
        for wrong in
            [&b"SSH-2.0-x\r\n\r\n"[..], b"", b"HTTP/1.1 200", b"HTTP/1.1\r\n\r\n", b"\xff\xff\r\n\r\n"]
        {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
    }
}
