//! The coordinator with agents of our own making, over real QUIC on loopback.
#![allow(clippy::unwrap_used, reason = "a test may panic, and its helper functions too")]

mod agent;
mod many;
mod money;
mod pools;
mod runs;
mod traces;
