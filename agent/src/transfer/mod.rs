//! What goes from one holder to the next: UEs, sessions, whole shards, sealed.

mod consignment;
mod luggage;
mod sealing;
mod taken;
mod task;
mod traveller;

pub use consignment::AdoptError;
pub(crate) use consignment::{Consignment, Item, LINED_UP, Resident, seal};
pub(crate) use luggage::Luggage;
pub(crate) use sealing::{Seal, SealError, SealId, Sealed};
pub(crate) use taken::Taken;
pub(crate) use task::Task;
pub(crate) use traveller::{Home, Passport, Traveller, Who, place_of, timer_of};
