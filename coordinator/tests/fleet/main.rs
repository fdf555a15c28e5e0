//! The coordinator with agents of our own making, over real QUIC on loopback.

mod agent;
mod runs;
mod traces;
