//! An agent: takes leases from a coordinator and plays gNBs and subscribers against a core.
//!
//! ```text
//! session.rs   QUIC with the coordinator (tokio)           one task
//! worker.rs    a thread with its own SCTP endpoint         one for each core, nothing shared
//! shard.rs     UEs, gNBs, radio, timers and pacer of one shard: sans-IO, driven by the worker
//! ```

mod access;
mod attempts;
mod conditions;
mod consignment;
mod gtpu_port;
mod handovers;
mod health;
pub mod holder;
mod pacer;
mod population;
mod radio;
mod recorder;
mod recovery;
mod sealing;
mod session;
mod shard;
mod timers;
mod tracer;
mod user_plane;
mod worker;

pub use consignment::AdoptError;
pub use session::{AgentConfig, AgentError, run};
pub use shard::{ShardAction, ShardRunner};
pub use user_plane::UserPlaneEnd;
