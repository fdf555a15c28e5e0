//! What a run leaves, kept in S3: pushed under the same names with a signed manifest, verified, listed, and fetched again.
//!
//! ```text
//! run folder ──► files ──► push ──► s3://BUCKET/PREFIX/RUN/…, at last manifest.ndjson ──► verify, listing, fetch ──► a folder again
//!                classes   parts                          manifest
//! ```
//!
//! `place` is where artifacts lie, `store` the client with its limits, `fault` says in words what went wrong.

mod buffers;
mod classes;
mod fault;
mod fetch;
mod files;
mod limits;
mod listing;
mod manifest;
mod parts;
mod place;
mod push;
mod settings;
mod store;
mod upload;
mod verify;

pub use classes::{Class, Fate, TABLE, fate};
pub use fault::{Fault, Kind};
pub use fetch::{Fetched, fetch, read_manifest};
pub use listing::{RunFound, runs};
pub use manifest::{Entry, MANIFEST, Manifest, SignedManifest};
pub use place::Place;
pub use push::{PushError, Pushed, RECEIPT, push};
pub use settings::{Keep, Lock, LockMode, Settings};
pub use store::Store;
pub use verify::{Problem, Signer, Verified, verify};
