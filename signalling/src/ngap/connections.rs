//! The UE-associated logical NG-connections of a gNB.

use std::time::Instant;

use rustc_hash::FxHashMap;

use super::procedures::handover_preparation::HandoverPreparation;
use super::procedures::handover_resource_allocation::HandoverResourceAllocation;
use crate::common::timers::NodeTimer;
use crate::node::tunnel::{Resource, SecurityCapabilities};

/// A UE-associated logical NG-connection.
pub(super) struct Connection {
    /// `None` when the UE left it, and connected anew, or has not come yet.
    pub(super) ue: Option<u32>,
    pub(super) cell: u32,
    pub(super) amf: Option<u64>,
    /// The radio connection is gone, and the AMF was asked to release the UE.
    pub(super) lost: bool,
    pub(super) phase: Phase,
    /// Since when the UE is in the cell.
    pub(super) since: Instant,
    /// Of the context that the AMF gave: what a path switch has to repeat.
    pub(super) security: Option<SecurityCapabilities>,
    pub(super) sessions: Vec<Resource>,
}

impl Connection {
    pub(super) fn new(ue: Option<u32>, cell: u32, phase: Phase, now: Instant) -> Self {
        Self { ue, cell, amf: None, lost: false, phase, since: now, security: None, sessions: Vec::new() }
    }

    /// Whether a HANDOVER REQUEST waits for the driver's answer.
    pub(super) fn is_requested(&self) -> bool {
        matches!(&self.phase, Phase::Arriving(allocation) if allocation.expects_driver())
    }
}

/// Where the UE of a connection is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// In the cell.
    Here,
    /// It is handed over through the AMF, from here.
    Leaving(HandoverPreparation),
    /// It is handed over through the AMF, to here.
    Arriving(HandoverResourceAllocation),
    /// It is over there, by Xn; its context stays until the path is switched.
    GivenUp,
    /// It came over Xn, and the path is being switched.
    Switching,
}

impl Phase {
    /// Whether NAS and session procedures reach the UE.
    pub(super) fn is_reachable(&self) -> bool {
        match self {
            Self::Here | Self::Switching => true,
            Self::Leaving(preparation) => !preparation.has_left(),
            Self::Arriving(_) | Self::GivenUp => false,
        }
    }

    /// Whether the target of a handover through the AMF is being prepared.
    pub(super) fn is_preparing(&self) -> bool {
        matches!(self, Self::Leaving(preparation) if preparation.expects_command())
    }

    /// Whether a handover through the AMF has taken the UE away.
    pub(super) fn has_left(&self) -> bool {
        matches!(self, Self::Leaving(preparation) if preparation.has_left())
    }

    /// Whether the driver has admitted the UE, and it has not come yet.
    pub(super) fn is_admitted(&self) -> bool {
        matches!(self, Self::Arriving(allocation) if !allocation.expects_driver())
    }

    /// The timer that runs for it.
    pub(super) fn timer(&self, ran: u32) -> Option<NodeTimer> {
        match self {
            Self::Leaving(preparation) => Some(preparation.timer(ran)),
            Self::Arriving(_) => self.is_admitted().then_some(NodeTimer::HandoverArrival(ran)),
            Self::Switching => Some(NodeTimer::PathSwitch(ran)),
            Self::Here | Self::GivenUp => None,
        }
    }
}

/// The connections by our RAN UE NGAP ID, and that id by the UE of the driver.
pub(super) struct Connections {
    by_ran: FxHashMap<u32, Connection>,
    ran_of_ue: FxHashMap<u32, u32>,
    next_ran: u32,
}

impl Connections {
    pub(super) fn new() -> Self {
        Self { by_ran: FxHashMap::default(), ran_of_ue: FxHashMap::default(), next_ran: 1 }
    }

    pub(super) fn get(&self, ran: u32) -> Option<&Connection> {
        self.by_ran.get(&ran)
    }

    pub(super) fn get_mut(&mut self, ran: u32) -> Option<&mut Connection> {
        self.by_ran.get_mut(&ran)
    }

    /// The connection of a UE.
    pub(super) fn of_ue(&self, ue: u32) -> Option<(u32, &Connection)> {
        let ran = *self.ran_of_ue.get(&ue)?;
        Some((ran, self.by_ran.get(&ran)?))
    }

    pub(super) fn of_ue_mut(&mut self, ue: u32) -> Option<(u32, &mut Connection)> {
        let ran = *self.ran_of_ue.get(&ue)?;
        Some((ran, self.by_ran.get_mut(&ran)?))
    }

    /// The RAN UE NGAP ID that a message means: by that id where it has it, by the AMF's otherwise.
    pub(super) fn find(&self, amf: Option<u64>, ran: Option<u32>) -> Option<u32> {
        match (amf, ran) {
            (amf, Some(ran)) => {
                let known = self.by_ran.get(&ran)?;
                (amf.is_none() || known.amf.is_none() || known.amf == amf).then_some(ran)
            }
            (Some(amf), None) => {
                self.by_ran.iter().find(|(_, known)| known.amf == Some(amf)).map(|(ran, _)| *ran)
            }
            (None, None) => None,
        }
    }

    /// A free RAN UE NGAP ID; `None` when every one is taken.
    pub(super) fn free_ran(&mut self) -> Option<u32> {
        if self.by_ran.len() >= MAX_CONNECTIONS {
            return None;
        }
        while self.by_ran.contains_key(&self.next_ran) {
            self.next_ran = self.next_ran.wrapping_add(1);
        }
        let ran = self.next_ran;
        self.next_ran = self.next_ran.wrapping_add(1);
        Some(ran)
    }

    pub(super) fn insert(&mut self, ran: u32, connection: Connection) {
        if let Some(ue) = connection.ue {
            self.ran_of_ue.insert(ue, ran);
        }
        self.by_ran.insert(ran, connection);
    }

    /// Gives a connection to a UE that has none.
    pub(super) fn bind(&mut self, ran: u32, ue: u32) {
        if let Some(connection) = self.by_ran.get_mut(&ran) {
            connection.ue = Some(ue);
            self.ran_of_ue.insert(ue, ran);
        }
    }

    /// Takes a UE off its connection, which stays.
    pub(super) fn unbind(&mut self, ue: u32) -> Option<u32> {
        let ran = self.ran_of_ue.remove(&ue)?;
        self.by_ran.get_mut(&ran)?.ue = None;
        Some(ran)
    }

    pub(super) fn remove(&mut self, ran: u32) -> Option<Connection> {
        let connection = self.by_ran.remove(&ran)?;
        if let Some(ue) = connection.ue {
            self.ran_of_ue.remove(&ue);
        }
        Some(connection)
    }

    /// Every RAN UE NGAP ID, in order.
    pub(super) fn all(&self) -> Vec<u32> {
        let mut all: Vec<u32> = self.by_ran.keys().copied().collect();
        all.sort_unstable();
        all
    }

    /// UEs that have a connection.
    pub(super) fn ues(&self) -> usize {
        self.ran_of_ue.len()
    }
}

/// More connections than any gNB has, and few enough that a free id is found soon.
const MAX_CONNECTIONS: usize = 1 << 24;
