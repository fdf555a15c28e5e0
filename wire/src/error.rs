//! What can go wrong between two ends.

use crate::{FrameError, IdentityError};

/// What can go wrong between two ends. Each text names the peer and what to try.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// An identity cannot be used.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The endpoint is closed.
    #[error("the endpoint is closed")]
    EndpointClosed,
    /// A frame cannot be sent or understood.
    #[error(transparent)]
    Frame(#[from] FrameError),
}
