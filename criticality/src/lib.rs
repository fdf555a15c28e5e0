//! What a receiver does with a message that it cannot read, does not know, or does not find in order.
//!
//! TS 38.413 §10, TS 36.413 §10 and TS 25.413 §10 say it in the same words: [`handling`] is their common table, and
//! [`ngap`] applies it to NGAP. Both ends of the NG interface ask a [`ngap::Judge`] before a procedure sees a message.

mod handling;
pub mod ngap;

pub use handling::{Fault, Handling, Role, handling};
