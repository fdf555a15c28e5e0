//! 5G session management (TS 24.501 §6): one procedure a file, each a type that says what it waits for.

mod establishment;
pub(super) mod messages;
mod modification;
mod release;

pub(super) use establishment::{Asked, Establishment};
pub(super) use messages::AskedFor;
pub(super) use modification::Modification;
pub(super) use release::Release;
