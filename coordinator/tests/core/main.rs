//! The core of a run, called with invented time: no socket, no file, no sleep.

#![allow(clippy::unwrap_used, reason = "a test may panic, and its helper functions too")]

mod away;
mod bench;
mod fleet;
mod restart;
mod visitor_audit;
