//! The agents' connections: what comes on them and goes out.

mod link;

pub(crate) use link::{FromAgent, Outbox, Received};
