//! The campaign of a shard: what is due, what was begun, and what became of it.

mod attempts;
mod departures;
mod pacer;
mod recovery;

pub(crate) use attempts::{Attempts, Begin, End, Ended, Owner};
pub(crate) use departures::{Departures, Expected};
pub(crate) use pacer::{DueAttempt, Pacer};
pub(crate) use recovery::Recovery;
