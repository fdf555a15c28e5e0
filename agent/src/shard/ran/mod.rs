//! What a shard does of its radio network: associations, UEs, gNBs, handovers, impairments.

mod amf;
mod departing;
mod gnb;
mod handover_source;
mod handover_target;
mod impairments;
mod ue;
mod visitor_audit;

pub(super) use amf::{Outage, nothing_of};
pub(super) use gnb::about;
pub(super) use impairments::ScheduledAction;
pub(super) use visitor_audit::Losses;
