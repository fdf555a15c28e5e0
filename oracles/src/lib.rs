//! Judges that are not ours, for tests: vectors that others made, pycrate and tshark. And what a test says that cannot look at
//! what it is for.
//!
//! Nothing here is of the workspace, so that every crate can be judged; a judge that is missing is a failure (`make setup`).

#![allow(clippy::unwrap_used, reason = "this is how a test fails")]

mod pycrate;
mod skipped;
mod tshark;
mod vectors;

pub use pycrate::{Kind, assert_pycrate_decodes};
pub use skipped::skipped;
pub use tshark::{Capture, Carrier};
pub use vectors::{folder_of_vectors, line_of_vector, vector};
