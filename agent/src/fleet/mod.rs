//! The agent in its fleet: it joins a coordinator, holds leases, and owes reports.

mod config;
mod coordinator_connection;
pub mod holder;
mod observer;
mod session;
mod spool;

pub use config::{AgentConfig, AgentError, Interruption};
pub use observer::{Observer, Standing};
pub use session::run;
