//! What goes from one holder to the next: UEs, sessions, whole shards, sealed.

mod encryption;
mod session_context;
mod shard_transfer;
mod taken;
mod task;
mod ue_context;

pub use encryption::Encryption;
pub(crate) use encryption::{Encrypted, EncryptedId, EncryptionError};
pub(crate) use session_context::SessionContext;
pub use shard_transfer::{AdoptError, Item, ShardUe};
pub(crate) use shard_transfer::{QUEUED_IN_ONE, ShardTransfer, seal};
pub(crate) use taken::Taken;
pub use task::Task;
pub use ue_context::Home;
pub(crate) use ue_context::{UeContext, UeContextTransfer, Who, place_of, timer_of};
