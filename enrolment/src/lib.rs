//! How a new agent gets an identity without anybody copying keys, and keeps it.
//!
//! ```text
//! agent:      token ──► client ── request over QUIC ──► server ──► desk ──► store
//!             state ◄── certificate ◄──────────────────────────────┘ │
//!             renewing: the same again, with the certificate          └──► the authority signs
//! ```
//! Who may have a certificate is decided by values ([`decide`], [`ec2`]), in one transaction with what is known; a use of a
//! token is on disk before the certificate leaves.

mod base64url;
mod client;
pub mod clock;
pub mod decide;
mod desk;
pub mod ec2;
mod message;
pub mod names;
mod refusal;
mod renewal;
mod renewing;
mod server;
mod state;
mod store;
mod throttle;
mod tls;
mod token;

pub use client::{EnrolError, Enrolled, Membership, Proof, Where, join};
pub use desk::{Desk, Policy, RevokeError, Revoked};
pub use message::{Answer, MOST_REQUEST, Outcome, Request, ShownProof};
pub use refusal::Refusal;
pub use renewal::Schedule;
pub use renewing::{Renewing, keep_renewed};
pub use server::{Server, ServerError};
pub use state::{Locked, State, StateError};
pub use store::{IdentityRow, JournalRow, NewToken, Store, StoreError, TokenRow};
pub use token::{JoinToken, TokenError, pin_of, pin_text};

/// The UDP port of an enrolment endpoint, where nothing else is said.
pub const PORT: u16 = 7401;
