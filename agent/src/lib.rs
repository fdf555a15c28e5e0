//! An agent: takes leases from a coordinator and plays gNBs and subscribers against a core.
//!
//! ```text
//! session.rs   QUIC with the coordinator (tokio), again and again     one task
//! holder/      leases and reports, what is owed: sans-IO, driven by the session
//! worker/      a thread with its own SCTP endpoint                    one for each core, nothing shared
//! shard/       UEs, gNBs, radio, timers and pacer of one shard: sans-IO, driven by the worker
//! ```

#[doc(hidden)]
pub mod bench;
mod campaign;
mod config;
pub mod holder;
mod line;
mod measure;
mod ran;
mod session;
mod shard;
mod spool;
mod time;
mod transfer;
mod user_plane;
mod worker;

pub use config::{AgentConfig, AgentError, Interruption};
pub use session::run;
pub use shard::{ShardAction, ShardRunner};
pub use transfer::AdoptError;
pub use user_plane::UserPlaneEnd;
