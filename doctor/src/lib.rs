//! What a lab needs to know before a run, each finding with what to do about it.
//!
//! ```text
//! machine()   SCTP, raw sockets, UDP 2152, buffers, files, processors, priority, clock, disk
//! Target      association, from which address, its parameters, NG setup, what the AMF serves against the scenario's cells
//! ```
//! The gNB that asks is the one of every run ([`signalling::RanNode`]), on the endpoint of every run ([`sctp::Endpoint`]).

mod cells;
mod finding;
mod machine;
mod processors;
mod reach;
mod target;

pub use cells::broadcasts;
pub use finding::{Finding, Level, Topic, worst};
pub use machine::{Needs, machine};
pub use reach::{Reached, Setup, Unreached, reach};
pub use target::{Examined, examine, obstacle};
