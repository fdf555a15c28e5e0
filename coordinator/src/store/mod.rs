//! What a run needs to be taken up again after its coordinator has died (docs/adr/0013-the-run-store.md).
//!
//! ```text
//! records ──► Committer (own thread) ──► SqliteStore ──► journal.sqlite ──► resume
//!                     │ durable: their messages may leave
//! ```

mod committer;
mod sqlite;

pub(crate) use committer::{Committed, Committer};
pub(crate) use sqlite::sealed;
pub use sqlite::{SqliteStore, Stored};
