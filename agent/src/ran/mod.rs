//! The radio network of a shard: who is where, what is in the air, who is handed over.

mod access;
mod handovers;
mod impairments;
mod population;
mod radio;
mod ran_events;

pub(crate) use access::{Access, Cell, Sent};
pub(crate) use handovers::{Departure, ExpectedUe, Fate, Handovers, Step, Target};
pub(crate) use impairments::{Change, Impairments, unit};
pub(crate) use population::{Population, Presence, usim};
pub(crate) use radio::{Arrival, Delivery};
pub(crate) use ran_events::RanEvents;
