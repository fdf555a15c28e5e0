//! What the coordinator and its agents say to each other, and the QUIC endpoint they say it over.
//!
//! The messages are postcard; an enum variant is numbered by its position, so variants are appended, never
//! reordered, and [`VERSION`] grows when a message changes.
//!
//! ```text
//! identity ── who may speak (mutual TLS) ──► endpoint (coordinator) ⇄ join (agent)
//!                                                     version_negotiation ── which version
//!                                                     link    ── frames ── ToAgent / ToCoordinator
//! ```

pub mod admission;
pub mod attempts;
pub mod away;
pub mod bounds;
mod endpoint;
mod error;
mod failures;
pub mod frame;
#[doc(hidden)]
pub mod fuzz;
mod identity;
mod join;
pub mod lease;
mod link;
mod patience;
pub mod pseudonyms;
mod resets;
mod session_registry;
mod settings;
pub mod standstill;
mod tls;
pub mod to_agent;
pub mod to_coordinator;
pub mod trace_context;
mod version_negotiation;
pub mod visitor_audit;

pub use endpoint::CoordinatorEndpoint;
pub use error::{CertificateFault, Peer, WireError};
pub use frame::FrameError;
pub use identity::{
    Authority, AuthorityCommand, CertificateFacts, CertificateRequest, Grant, Identity, IdentityError,
    IdentitySlot, NewKey, Role, Signature, SignatureError, ValidUntil, key_hash,
};
pub use join::{dial, host_of, join, join_with};
pub use link::{
    AgentLink, AgentReceiver, AgentSender, CoordinatorLink, CoordinatorReceiver, CoordinatorSender, Receiver,
    Sender,
};
pub use settings::{Allowance, Settings};
pub use version_negotiation::VersionOffer;

/// The version of these messages. Both sides refuse any other, and say so.
pub const VERSION: u16 = 10;

/// The UDP port of coordinators, where nothing else is said.
pub const PORT: u16 = 7400;

/// This program and its version, as the other side sees them.
pub const PROGRAM: &str = concat!("roamstorm ", env!("CARGO_PKG_VERSION"));
