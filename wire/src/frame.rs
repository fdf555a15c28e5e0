//! Frames: how messages stand in the octets of a stream. Pure, so that it can be fuzzed.
//!
//! A frame is the length of its payload (u32, big endian) and the payload: one message in postcard. A payload holds
//! at most [`LIMIT`] octets. The first frame of each side, and a refusal, are not postcard: see [`crate::VersionOffer`].

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::to_agent::ToAgent;
use crate::to_coordinator::ToCoordinator;

/// The most octets that a payload may hold. The largest message is a `Lease`, which carries a scenario, or a `Trace`.
pub const LIMIT: usize = 16 << 20;

/// Why a frame cannot be sent or understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The length is above the limit. Found before anything is allocated for it.
    #[error("a frame of {octets} octets, where at most {limit} are allowed")]
    TooLong {
        /// What was announced, or would have been sent.
        octets: usize,
        /// What is allowed here.
        limit: usize,
    },
    /// The stream ended within a frame.
    #[error("the stream ended within a frame: {missing} octets are missing")]
    Truncated {
        /// How many octets should have followed.
        missing: usize,
    },
    /// The payload is not a message of this version.
    #[error(
        "a frame of {octets} octets that is no message of this version ({reason}); it begins with {head}"
    )]
    NotAMessage {
        /// The payload's length.
        octets: usize,
        /// What the decoder said.
        reason: String,
        /// The first octets, in hexadecimal.
        head: String,
    },
    /// A part of the message is larger than any peer of ours makes it.
    #[error("a message with {count} {what}, where at most {limit} are allowed")]
    OutOfBounds {
        /// Which part.
        what: &'static str,
        /// How many there are.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
    /// A name holds what no name of ours holds.
    #[error("a message in which {what} holds control characters")]
    NotFit {
        /// Which name.
        what: &'static str,
    },
    /// The message cannot be written.
    #[error("this message cannot be encoded: {reason}")]
    NotEncodable {
        /// What the encoder said.
        reason: String,
    },
}

/// The payload of one message.
///
/// # Errors
/// [`FrameError::TooLong`], when the message does not fit a frame.
pub fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, FrameError> {
    let payload = postcard::to_stdvec(message).map_err(not_encodable)?;
    length(payload.len())?;
    Ok(payload)
}

/// One message to an agent, from a frame's payload.
///
/// # Errors
/// [`FrameError::NotAMessage`], also when octets are left over.
pub fn decode_to_agent(payload: &[u8]) -> Result<ToAgent, FrameError> {
    decode(payload)
}

/// One message to the coordinator, from a frame's payload.
///
/// # Errors
/// [`FrameError::NotAMessage`], also when octets are left over.
pub fn decode_to_coordinator(payload: &[u8]) -> Result<ToCoordinator, FrameError> {
    decode(payload)
}

pub(crate) fn decode<T: DeserializeOwned>(payload: &[u8]) -> Result<T, FrameError> {
    let not_a_message = |reason: String| FrameError::NotAMessage {
        octets: payload.len(),
        reason,
        head: hex::encode(&payload[..payload.len().min(HEAD)]),
    };
    let (message, rest) =
        postcard::take_from_bytes(payload).map_err(|error| not_a_message(error.to_string()))?;
    if rest.is_empty() {
        Ok(message)
    } else {
        Err(not_a_message(format!("{} octets are left over", rest.len())))
    }
}

/// Length and payload of one message, ready for the stream.
pub(crate) fn encode_frame<T: Serialize>(message: &T) -> Result<Vec<u8>, FrameError> {
    let mut frame = postcard::to_extend(message, vec![0; PREFIX]).map_err(not_encodable)?;
    let prefix = length(frame.len().saturating_sub(PREFIX))?;
    frame.splice(..PREFIX, prefix);
    Ok(frame)
}

/// Length and payload, for what is not postcard.
pub(crate) fn frame_of(payload: &[u8]) -> Result<Vec<u8>, FrameError> {
    let mut frame = length(payload.len())?.to_vec();
    frame.extend_from_slice(payload);
    Ok(frame)
}

fn length(octets: usize) -> Result<[u8; PREFIX], FrameError> {
    match u32::try_from(octets) {
        Ok(fits) if octets <= LIMIT => Ok(fits.to_be_bytes()),
        _ => Err(FrameError::TooLong { octets, limit: LIMIT }),
    }
}

fn not_encodable(error: postcard::Error) -> FrameError {
    FrameError::NotEncodable { reason: error.to_string() }
}

/// Cuts the octets of a stream into frames. Memory grows with what has arrived, never with what was announced.
#[derive(Debug)]
pub struct Assembler {
    octets: Vec<u8>,
    /// Octets before this index are used up.
    start: usize,
    limit: usize,
}

impl Assembler {
    /// Accepts payloads of up to `limit` octets.
    pub fn new(limit: usize) -> Self {
        Self { octets: Vec::new(), start: 0, limit }
    }

    /// Another limit from here on.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Octets that arrived.
    pub fn push(&mut self, octets: &[u8]) {
        self.octets.drain(..self.start);
        self.start = 0;
        if self.octets.is_empty() && self.octets.capacity() > KEPT_CAPACITY {
            self.octets.shrink_to(KEPT_CAPACITY);
        }
        self.octets.extend_from_slice(octets);
    }

    /// The payload of the next whole frame.
    ///
    /// # Errors
    /// [`FrameError::TooLong`], as soon as the length is known.
    pub fn next_frame(&mut self) -> Result<Option<&[u8]>, FrameError> {
        let Some((announced, rest)) = self.unused().split_first_chunk::<PREFIX>() else { return Ok(None) };
        let octets = usize::try_from(u32::from_be_bytes(*announced)).unwrap_or(usize::MAX);
        if octets > self.limit {
            return Err(FrameError::TooLong { octets, limit: self.limit });
        }
        if rest.len() < octets {
            return Ok(None);
        }
        let payload = self.start + PREFIX;
        self.start = payload + octets;
        Ok(self.octets.get(payload..self.start))
    }

    /// Says whether the stream may end here.
    ///
    /// # Errors
    /// [`FrameError::Truncated`], when a frame has begun.
    pub fn end(&self) -> Result<(), FrameError> {
        let unused = self.unused();
        let missing = match unused.split_first_chunk::<PREFIX>() {
            _ if unused.is_empty() => return Ok(()),
            None => PREFIX.saturating_sub(unused.len()),
            Some((announced, rest)) => usize::try_from(u32::from_be_bytes(*announced))
                .unwrap_or(usize::MAX)
                .saturating_sub(rest.len()),
        };
        Err(FrameError::Truncated { missing })
    }

    fn unused(&self) -> &[u8] {
        self.octets.get(self.start..).unwrap_or_default()
    }
}

const PREFIX: usize = size_of::<u32>();
/// Octets shown of a payload that is no message.
const HEAD: usize = 16;
/// The buffer is not kept larger than this after a large frame.
const KEPT_CAPACITY: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assembler_cuts_frames_however_the_octets_arrive() {
        let mut stream = frame_of(b"one").unwrap();
        stream.extend(frame_of(b"").unwrap());
        stream.extend(frame_of(b"three").unwrap());
        for step in 1..=stream.len() {
            let mut assembler = Assembler::new(LIMIT);
            let mut frames = Vec::new();
            for octets in stream.chunks(step) {
                assembler.push(octets);
                while let Some(frame) = assembler.next_frame().unwrap() {
                    frames.push(frame.to_vec());
                }
            }
            assert_eq!(frames, [b"one".as_slice(), b"", b"three"], "in steps of {step}");
            assembler.end().unwrap();
        }
    }

    #[test]
    fn assembler_refuses_a_long_frame_by_its_length_alone() {
        let mut assembler = Assembler::new(LIMIT);
        assembler.push(&[1, 0, 0, 0]);
        assembler.end().unwrap_err();
        assert_eq!(assembler.next_frame().unwrap(), None);
        let mut assembler = Assembler::new(LIMIT);
        assembler.push(&[1, 0, 0, 1]);
        assert_eq!(assembler.next_frame(), Err(FrameError::TooLong { octets: LIMIT + 1, limit: LIMIT }));
    }

    #[test]
    fn assembler_says_how_much_is_missing_at_the_end() {
        let mut assembler = Assembler::new(LIMIT);
        assembler.push(&[0, 0]);
        assert_eq!(assembler.end(), Err(FrameError::Truncated { missing: 2 }));
        assembler.push(&[0, 5, b'a']);
        assert_eq!(assembler.next_frame().unwrap(), None);
        assert_eq!(assembler.end(), Err(FrameError::Truncated { missing: 4 }));
    }

    #[test]
    fn encode_refuses_what_does_not_fit_a_frame() {
        let fits = vec![0u8; LIMIT - 4];
        assert_eq!(encode(&fits).unwrap().len(), LIMIT);
        assert_eq!(encode_frame(&fits).unwrap().len(), LIMIT + PREFIX);
        let error = encode_frame(&vec![0u8; LIMIT]).unwrap_err();
        assert_eq!(error.to_string(), "a frame of 16777220 octets, where at most 16777216 are allowed");
    }

    #[test]
    fn decode_refuses_octets_left_over() {
        let mut payload = encode(&ToAgent::Ping { sent_us: 7 }).unwrap();
        assert_eq!(decode_to_agent(&payload), Ok(ToAgent::Ping { sent_us: 7 }));
        payload.push(0);
        let error = decode_to_agent(&payload).unwrap_err().to_string();
        assert!(error.contains("1 octets are left over") && error.ends_with("begins with 010700"), "{error}");
    }
}
