//! What a shard does of its radio network: associations, UEs, gNBs, handovers, impairments.

mod amf;
mod departing;
mod gnb;
mod mobility;
mod roll_call;
mod ue;
mod weather;

pub(super) use amf::{Outage, nothing_of};
pub(super) use gnb::about;
pub(super) use roll_call::Losses;
pub(super) use weather::Errand;
