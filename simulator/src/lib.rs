//! The other end of a campaign: a core network that judges for itself what it receives.
//!
//! [`amf`] is sans-IO; [`Simulator`] serves it on a thread of its own.

pub mod amf;
pub mod chf;
pub mod scenario;
mod server;
pub mod smf;
pub mod upf;

pub use amf::{
    Amf, AmfAction, AmfEvent, AmfSettings, Command, Statistics, SubscriberData, SubscriberRecord, Turn,
};
pub use chf::{Change, Charged, Chf, ChfSettings};
pub use server::{Simulator, SimulatorError};
pub use smf::Planes;
pub use upf::{N3End, SessionSpec, UeAddresses, Upf, UpfAction, UpfCounters, UpfSettings, Volumes};
