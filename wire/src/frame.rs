//! Frames.

use serde::Serialize;

use crate::to_agent::ToAgent;
use crate::to_coordinator::ToCoordinator;

/// Why a frame cannot be sent or understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Not decodable.
    #[error("not a message of this version: {0}")]
    NotAMessage(String),
}

/// The payload of one message.
///
/// # Errors
/// The message is larger than a frame may be.
pub fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, FrameError> {
    postcard::to_stdvec(message).map_err(|error| FrameError::NotAMessage(error.to_string()))
}

/// One message to an agent from a frame's payload.
///
/// # Errors
/// The octets are no such message.
pub fn decode_to_agent(payload: &[u8]) -> Result<ToAgent, FrameError> {
    postcard::from_bytes(payload).map_err(|error| FrameError::NotAMessage(error.to_string()))
}

/// One message to the coordinator from a frame's payload.
///
/// # Errors
/// The octets are no such message.
pub fn decode_to_coordinator(payload: &[u8]) -> Result<ToCoordinator, FrameError> {
    postcard::from_bytes(payload).map_err(|error| FrameError::NotAMessage(error.to_string()))
}
