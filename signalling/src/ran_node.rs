//! A node of the radio network, of whichever technology.

use std::time::Instant;

use identity::Technology;

use crate::ngap::{self, Gnb};
use crate::node::action::NodeAction;
use crate::node::amf::AmfFacts;
use crate::node::event::NodeEvent;
use crate::node::xn_context::XnContext;

/// A node of the radio network on one interface to the core.
pub enum RanNode {
    /// A gNB and its NG interface.
    Gnb(Gnb),
}

impl RanNode {
    /// The access technology of its cells.
    pub fn technology(&self) -> Technology {
        match self {
            Self::Gnb(_) => Technology::Nr,
        }
    }

    /// The SCTP payload protocol identifier of what it says and takes.
    pub fn ppid(&self) -> u32 {
        match self {
            Self::Gnb(_) => ngap::PPID,
        }
    }

    /// Handles one event, and appends what is to be done. Nothing that the core sends makes it panic.
    pub fn handle(&mut self, event: NodeEvent<'_>, now: Instant, out: &mut Vec<NodeAction>) {
        match self {
            Self::Gnb(gnb) => gnb.handle(event, now, out),
        }
    }

    /// What the AMF says of itself, while the interface is set up.
    pub fn amf(&self) -> Option<&AmfFacts> {
        match self {
            Self::Gnb(gnb) => gnb.amf(),
        }
    }

    /// Whether the interface is set up.
    pub fn is_ready(&self) -> bool {
        match self {
            Self::Gnb(gnb) => gnb.is_ready(),
        }
    }

    /// The context of a UE for another node of the shard: see [`Gnb::give_up_for_xn`].
    pub fn give_up_for_xn(&mut self, ue: u32) -> Option<XnContext> {
        match self {
            Self::Gnb(gnb) => gnb.give_up_for_xn(ue),
        }
    }

    /// Whether this UE has a connection.
    pub fn has(&self, ue: u32) -> bool {
        match self {
            Self::Gnb(gnb) => gnb.has(ue),
        }
    }

    /// UEs that have a connection.
    pub fn connected(&self) -> usize {
        match self {
            Self::Gnb(gnb) => gnb.connected(),
        }
    }
}
