//! The other end of a campaign: a core network that judges for itself what it receives.
//!
//! [`amf`], [`sessions`], [`upf`] and [`charging`] are sans-IO, and [`Core`] is all of them; [`Simulator`] serves it on a thread of
//! its own.

pub mod amf;
pub mod charging;
pub mod core;
mod policy;
pub mod scenario;
mod server;
pub mod sessions;
mod statistics;
pub mod subscribers;
mod timers;
pub mod upf;

pub use crate::core::{ControlPlane, Core, Moment, Output};
pub use amf::{Amf, AmfAction, AmfEvent, AmfSettings, Command, Statistics};
pub use charging::{Change, Charged, ChargingSummary, Chf, ChfSettings, Fault, InjectedFault};
pub use server::{
    LedgerState, N3Counters, NetworkStatistics, Served, Simulator, SimulatorError, SimulatorOptions, Turned,
};
pub use sessions::{DataNetwork, EventContext, Ports, SessionSettings, Sessions};
pub use subscribers::{HomeNetworkKey, SubscriberData, SubscriberRecord, Subscribers};
pub use upf::{N3End, SessionSpec, UeAddresses, Upf, UpfAction, UpfCounters, UpfSettings, Volumes};
