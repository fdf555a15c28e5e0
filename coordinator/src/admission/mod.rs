//! Who has joined, and their connections: what comes on them and goes out.

mod link;
mod roster;

pub(crate) use link::{FromAgent, Outbox, Received};
pub(crate) use roster::{Claim, Joined, Roster};
