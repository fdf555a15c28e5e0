//! The coordinator's end.

use std::net::SocketAddr;

use crate::{AgentLink, Identity, Settings, WireError};

/// Where agents join.
pub struct CoordinatorEndpoint {}

impl CoordinatorEndpoint {
    /// Listens on a UDP address; port 0 takes a free one. Must be called in a tokio runtime.
    ///
    /// # Errors
    /// The address cannot be bound, or the identity is not a coordinator's.
    pub fn bind(address: SocketAddr, identity: &Identity) -> Result<Self, WireError> {
        Self::bind_with(address, identity, Settings::default())
    }

    /// [`CoordinatorEndpoint::bind`] with other times and limits.
    ///
    /// # Errors
    /// As [`CoordinatorEndpoint::bind`].
    pub fn bind_with(_address: SocketAddr, _identity: &Identity, _settings: Settings) -> Result<Self, WireError> {
        todo!()
    }

    /// The real address, with the port that was taken.
    pub fn local_addr(&self) -> SocketAddr {
        todo!()
    }

    /// The next agent that has joined: TLS, version and `Hello` are done. An `Err` is one failed join, with the
    /// peer's address; the endpoint goes on, call again. Joins go on only while this is polled. Cancel-safe.
    ///
    /// # Errors
    /// One join failed; or [`WireError::EndpointClosed`], after which nothing will come.
    pub async fn accept(&self) -> Result<AgentLink, WireError> {
        todo!()
    }

    /// Ends every connection and takes no more.
    pub async fn close(&self, _reason: &str) {
        todo!()
    }
}
