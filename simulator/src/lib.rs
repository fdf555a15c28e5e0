//! The other end of a campaign: a core network that judges for itself what it receives.
//!
//! [`amf`] is sans-IO.

pub mod amf;

pub use amf::{Amf, AmfAction, AmfEvent, AmfSettings, Command, SubscriberData, SubscriberRecord};
