//! What can go wrong between two ends, in words that say with whom, what, and what to try.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use quinn::{ConnectionError, TransportErrorCode};

use crate::link::REVOKED;
use crate::version_negotiation::for_people;
use crate::{FrameError, IdentityError, Role, VersionOffer};

/// Who is meant by an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// What it is, or says that it is.
    pub role: Role,
    /// Where it is.
    pub address: SocketAddr,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.role, self.address)
    }
}

/// What can go wrong between two ends. Each text names the peer and what to try.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// This side's identity cannot be used.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The address cannot be bound.
    #[error("cannot listen for agents on UDP {address}: {source}")]
    Bind {
        /// The wanted address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// No UDP socket can be had.
    #[error("cannot open a UDP socket to reach the coordinator: {source}")]
    Socket {
        /// Why not.
        source: io::Error,
    },
    /// The coordinator's address is not one.
    #[error(
        "`{text}` is not a coordinator's address: write a name or an IP address, and its port where that is not {port}, such as coordinator.example:{port} or [::1]:{port}",
        port = crate::PORT
    )]
    NotAnAddress {
        /// What was given.
        text: String,
    },
    /// The coordinator's host name has no address.
    #[error(
        "the coordinator's name in `{text}` does not resolve: {reason}; check the name, or write its IP address"
    )]
    Unresolved {
        /// What was given.
        text: String,
        /// What the resolver said.
        reason: String,
    },
    /// No QUIC packet came back.
    #[error(
        "nothing answered at {} (UDP, QUIC) within {}; check that the coordinator is running, that address and \
         port are right, and that no firewall drops UDP between the two",
        .peer.address,
        Seconds(*.after)
    )]
    NoAnswer {
        /// Whom we asked.
        peer: Peer,
        /// How long we waited.
        after: Duration,
    },
    /// The join has begun, and did not end in time.
    #[error("{peer} did not finish joining within {}", Seconds(*.after))]
    TooSlow {
        /// Who joined, or was joined.
        peer: Peer,
        /// How long we waited.
        after: Duration,
    },
    /// This side refused the peer's certificate.
    #[error("refused the certificate of the {peer}: {fault}")]
    CertificateRefused {
        /// Whose certificate.
        peer: Peer,
        /// What is wrong with it.
        fault: CertificateFault,
    },
    /// The peer refused this side's certificate.
    #[error("the {peer} refused this {ours}'s certificate: {fault}", ours = .peer.role.other())]
    OurCertificateRefused {
        /// Who refused.
        peer: Peer,
        /// What is wrong with our certificate.
        fault: CertificateFault,
    },
    /// The peer speaks QUIC, but something else over it.
    #[error("the {peer} does not speak Roamstorm's protocol ({reason})")]
    NotRoamstorm {
        /// Who.
        peer: Peer,
        /// How we know.
        reason: String,
    },
    /// No version of the messages that both sides speak.
    #[error(
        "the versions differ: the {peer} ({theirs}), this {ours_role} ({ours}); install the same release on both",
        ours_role = .peer.role.other()
    )]
    Version {
        /// The other side.
        peer: Peer,
        /// What this side speaks.
        ours: VersionOffer,
        /// What the other side speaks.
        theirs: VersionOffer,
    },
    /// The peer sent us away.
    #[error("the {peer} refused: {reason}")]
    Refused {
        /// Who.
        peer: Peer,
        /// Why, in its words.
        reason: String,
    },
    /// The agent says that it belongs to another pool than the one that its certificate is for.
    #[error(
        "the certificate of the {peer} (`{name}`) is for pool {pool}, and it says that it belongs to pool {said}; start it with `--pool {pool}`, or without"
    )]
    OtherPool {
        /// Who.
        peer: Peer,
        /// To whom the certificate was issued.
        name: String,
        /// For which pool.
        pool: String,
        /// Where it says that it belongs.
        said: String,
    },
    /// A frame cannot be sent or understood. The link is unusable afterwards.
    #[error("{peer}: {source}")]
    Frame {
        /// The other side.
        peer: Peer,
        /// What is wrong.
        source: FrameError,
    },
    /// Nothing has come from the peer for the idle time.
    #[error("the {peer} vanished: nothing came from it for {}", Seconds(*.after))]
    Vanished {
        /// Who.
        peer: Peer,
        /// The idle time of this side.
        after: Duration,
    },
    /// The peer ended the connection without finishing its messages first.
    #[error("the {peer} ended the connection: {reason}")]
    Gone {
        /// Who.
        peer: Peer,
        /// What is known.
        reason: String,
    },
    /// An earlier `send` was dropped half way, so the stream cannot be continued.
    #[error("the link to the {peer} is unusable: an earlier message was cut off while it was sent")]
    Unusable {
        /// The other side.
        peer: Peer,
    },
    /// More joins failed than are told one by one.
    #[error("{more} more joins failed or were refused within {}; the last: {last}", Seconds(*.within))]
    JoinsFailed {
        /// How many.
        more: u64,
        /// In which time.
        within: Duration,
        /// What was wrong with the last one.
        last: String,
    },
    /// The endpoint is closed: no agent will come.
    #[error("the endpoint is closed")]
    EndpointClosed,
}

impl WireError {
    /// Whether the same join may succeed later without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::NoAnswer { .. }
                | Self::TooSlow { .. }
                | Self::Vanished { .. }
                | Self::Gone { .. }
                | Self::Unresolved { .. }
        )
    }

    /// Whether the other side says that our certificate was revoked.
    pub fn is_revocation(&self) -> bool {
        matches!(self, Self::OurCertificateRefused { fault: CertificateFault::Revoked, .. })
    }

    /// What the end of a connection means that [`crate::dial`] opened.
    pub fn of_connection(peer: Peer, idle: Duration, error: ConnectionError) -> Self {
        Self::from_connection(peer, idle, error)
    }

    /// Says what a connection's end means; `idle` is how long this side waits for a quiet peer.
    pub(crate) fn from_connection(peer: Peer, idle: Duration, error: ConnectionError) -> Self {
        match error {
            ConnectionError::TimedOut => Self::Vanished { peer, after: idle },
            ConnectionError::TransportError(error) => {
                match CertificateFault::from_code(error.code, &error.reason) {
                    Some(fault) => Self::CertificateRefused { peer, fault },
                    None if error.code == TransportErrorCode::crypto(NO_APPLICATION_PROTOCOL) => {
                        Self::NotRoamstorm { peer, reason: error.reason }
                    }
                    None => Self::Gone { peer, reason: error.to_string() },
                }
            }
            ConnectionError::ConnectionClosed(close) => {
                let reason = for_people(&close.reason, REASON_CHARACTERS);
                match CertificateFault::from_code(close.error_code, &reason) {
                    Some(fault) => Self::OurCertificateRefused { peer, fault },
                    None if close.error_code == TransportErrorCode::crypto(NO_APPLICATION_PROTOCOL) => {
                        Self::NotRoamstorm { peer, reason }
                    }
                    None if close.error_code == TransportErrorCode::CONNECTION_REFUSED => {
                        Self::Gone { peer, reason: "it has too many joins at hand; try again".to_owned() }
                    }
                    None => Self::Gone { peer, reason: format!("{} {reason}", close.error_code) },
                }
            }
            ConnectionError::ApplicationClosed(close) if close.error_code == REVOKED => {
                Self::OurCertificateRefused { peer, fault: CertificateFault::Revoked }
            }
            ConnectionError::ApplicationClosed(close) if close.reason.is_empty() => Self::Gone {
                peer,
                reason: "without finishing; the process ended, or dropped the link".to_owned(),
            },
            ConnectionError::ApplicationClosed(close) => {
                Self::Gone { peer, reason: for_people(&close.reason, REASON_CHARACTERS) }
            }
            ConnectionError::Reset => Self::Gone {
                peer,
                reason: "it does not know this connection; the process was restarted".to_owned(),
            },
            ConnectionError::VersionMismatch => {
                Self::NotRoamstorm { peer, reason: "it speaks no QUIC version 1".to_owned() }
            }
            ConnectionError::LocallyClosed => {
                Self::Gone { peer, reason: "it was closed from this side".to_owned() }
            }
            ConnectionError::CidsExhausted => Self::Gone { peer, reason: error.to_string() },
        }
    }
}

/// What is wrong with a certificate. Known from the TLS alert alone, so that both sides say the same.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificateFault {
    /// Not issued by the authority that the other side trusts.
    OtherAuthority,
    /// Expired, or not valid yet.
    NotNow,
    /// Revoked by the authority.
    Revoked,
    /// Of the right authority, but for the other role.
    WrongRole,
    /// A coordinator's certificate for other hosts than the one that was dialled.
    WrongHost(String),
    /// None was shown.
    Missing,
    /// Anything else, as the TLS library says it.
    Other(String),
}

impl CertificateFault {
    /// RFC 8446 §6.2: the alerts about certificates; RFC 9001 §4.8: as QUIC carries them.
    fn from_code(code: TransportErrorCode, reason: &str) -> Option<Self> {
        let alert = u8::try_from(u64::from(code).checked_sub(FIRST_ALERT)?).ok()?;
        match alert {
            UNKNOWN_CA => Some(Self::OtherAuthority),
            CERTIFICATE_EXPIRED => Some(Self::NotNow),
            CERTIFICATE_REVOKED => Some(Self::Revoked),
            UNSUPPORTED_CERTIFICATE => Some(Self::WrongRole),
            CERTIFICATE_REQUIRED => Some(Self::Missing),
            BAD_CERTIFICATE if reason.contains("not valid for") => Some(Self::WrongHost(reason.to_owned())),
            // A certificate that names the trusted authority, but was signed with another key.
            DECRYPT_ERROR if reason.contains("invalid peer certificate") => Some(Self::OtherAuthority),
            BAD_CERTIFICATE..=CERTIFICATE_UNKNOWN | ACCESS_DENIED => Some(Self::Other(reason.to_owned())),
            _ => None,
        }
    }
}

impl fmt::Display for CertificateFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherAuthority => f.write_str(
                "it is of another authority; both sides need certificates that were issued by the same authority.pem",
            ),
            Self::NotNow => {
                f.write_str("it has expired or is not valid yet; issue a new one, or set the clocks of both machines")
            }
            Self::Revoked => f.write_str(
                "it was revoked by the fleet's authority; a machine that is to stay needs a new one (`roamstorm certs DIR issue NAME`)",
            ),
            Self::WrongRole => f.write_str(
                "it is for another role; a coordinator needs coordinator.pem and an agent agent.pem, not each other's",
            ),
            Self::WrongHost(reason) => {
                write!(f, "it is not for the host that was dialled ({reason}); issue one that names this host, or none")
            }
            Self::Missing => f.write_str("none was shown"),
            Self::Other(reason) => f.write_str(reason),
        }
    }
}

/// A duration for people.
struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} s", self.0.as_secs_f64())
    }
}

const REASON_CHARACTERS: usize = 500;

/// RFC 9000 §20.1: CRYPTO_ERROR is 0x0100 and the TLS alert.
const FIRST_ALERT: u64 = 0x100;
const BAD_CERTIFICATE: u8 = 42;
const UNSUPPORTED_CERTIFICATE: u8 = 43;
const CERTIFICATE_REVOKED: u8 = 44;
const CERTIFICATE_EXPIRED: u8 = 45;
const CERTIFICATE_UNKNOWN: u8 = 46;
const UNKNOWN_CA: u8 = 48;
const ACCESS_DENIED: u8 = 49;
const DECRYPT_ERROR: u8 = 51;
const CERTIFICATE_REQUIRED: u8 = 116;
/// no_application_protocol (RFC 7301 §3.2).
const NO_APPLICATION_PROTOCOL: u8 = 120;
