//! The other end of a campaign: a core network that judges for itself what it receives.
//!
//! All but [`Simulator`] is sans-IO. TS 23.501 §4.3 draws functions that 5G shares with what was before it: a folder is one of them.
//! Imports go down this list: a folder knows those below it, and none above.
//!
//! ```text
//! server/       the thread: sockets, time, the charging ledger
//! core/         all functions as one value
//! amf/          mobility: an access node
//! sessions/     SMF and PGW-C
//! policy/       PCF and PCRF
//! charging/     CHF and OCS
//! upf/          the user plane
//! subscribers/  UDM and HSS
//! statistics/   what signalling counts
//! ```

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
pub use subscribers::{HomeNetworkKey, Profile, SubscriberData, SubscriberRecord, Subscribers};
pub use upf::{N3End, SessionSpec, UeAddresses, Upf, UpfAction, UpfCounters, UpfSettings, Volumes};
