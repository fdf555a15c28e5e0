//! What a shard does of its radio network: associations, UEs, gNBs, handovers, impairments.

mod amf;
mod departing;
mod gnb;
mod mobility;
mod ue;
mod visitor_audit;
mod weather;

pub(super) use amf::{Outage, nothing_of};
pub(super) use gnb::about;
pub(super) use visitor_audit::Losses;
pub(super) use weather::Errand;
