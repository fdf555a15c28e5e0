//! Associations within one process, and [`Network`], a lossy network in virtual time.

mod endpoint;
mod network;

pub(crate) use endpoint::MemoryEndpoint;
pub use network::{Conditions, Network, Packet};
