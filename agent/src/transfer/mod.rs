//! What goes from one holder to the next: UEs, sessions, whole shards, sealed.

mod encryption;
mod session_context;
mod shard_transfer;
mod taken;
mod task;
mod ue_context;

pub(crate) use encryption::{Encrypted, EncryptedId, Encryption, EncryptionError};
pub(crate) use session_context::SessionContext;
pub use shard_transfer::AdoptError;
pub(crate) use shard_transfer::{Item, QUEUED_IN_ONE, ShardTransfer, ShardUe, seal};
pub(crate) use taken::Taken;
pub(crate) use task::Task;
pub(crate) use ue_context::{Home, UeContext, UeContextTransfer, Who, place_of, timer_of};
