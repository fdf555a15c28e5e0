//! An agent: takes leases from a coordinator and plays gNBs and subscribers against a core.
//!
//! Imports go down this list: a folder knows those below it, and none above.
//!
//! ```text
//! fleet/       the session with the coordinator (tokio), and the holder of leases, which decides (sans-IO)
//! worker/      threads with an SCTP endpoint each, one for each core, nothing shared
//! shard/       one shard as two values (sans-IO): a campaign over a radio network
//! campaign/    what is due, what was begun, what became of it: procedures and UEs by their numbers, no radio
//! ran/         the radio network: UEs, nodes, access, radio, handovers, impairments
//! seam/        what campaign and radio network say to each other
//! user_plane/  tunnels, traffic in them, usage; the socket of GTP-U
//! transfer/    what goes from one holder to the next, sealed
//! measure/     recorder, histograms, traces, health
//! time/        clocks and timers
//! ```

#[doc(hidden)]
pub mod bench;
mod campaign;
mod fleet;
mod measure;
mod ran;
pub mod seam;
mod shard;
mod time;
mod transfer;
mod user_plane;
mod worker;

pub use campaign::Campaign;
pub use fleet::holder;
pub use fleet::{AgentConfig, AgentError, Interruption, Observer, Standing, run};
pub use ran::ShardAction;
pub use shard::{Shard, ShardRunner};
pub use transfer::AdoptError;
pub use user_plane::UserPlaneEnd;
