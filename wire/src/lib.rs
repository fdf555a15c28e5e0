//! What the coordinator and its agents say to each other, and the QUIC endpoint they say it over.
//!
//! The messages are postcard; an enum variant is numbered by its position, so variants are appended, never
//! reordered, and [`VERSION`] grows when a message changes.

pub mod to_agent;
pub mod to_coordinator;

/// The version of these messages. Both sides refuse any other, and say so.
pub const VERSION: u16 = 1;
