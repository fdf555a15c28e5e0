//! The agent in its fleet: it joins a coordinator, holds leases, and owes reports.

mod config;
pub mod holder;
mod line;
mod session;
mod spool;

pub use config::{AgentConfig, AgentError, Interruption};
pub use session::run;
