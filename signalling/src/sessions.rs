//! The sessions of a device: on 5G its PDU sessions (TS 24.501 §6.1). They outlive a change of technology.

use std::net::Ipv4Addr;

use identity::{Dnn, PduSessionType, SessionId, Snssai};
use serde::{Deserialize, Serialize};

use crate::device::{Out, UeAction};

/// What a UE asks for when it establishes a PDU session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRequest {
    /// The number of the new session.
    pub id: SessionId,
    /// The data network.
    pub dnn: Dnn,
    /// The wanted type.
    pub type_: PduSessionType,
    /// The slice.
    pub slice: Snssai,
}

/// A PDU session that is established.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Its number.
    pub id: SessionId,
    /// The data network.
    pub dnn: Dnn,
    /// The type that the network selected.
    pub type_: PduSessionType,
    /// The slice.
    pub slice: Snssai,
    /// The IPv4 address of the UE, when it has one.
    pub ipv4: Option<Ipv4Addr>,
    /// The interface identifier of its IPv6 link-local address, when it has one.
    pub ipv6_interface_id: Option<[u8; 8]>,
    /// The QoS flow of the default QoS rule.
    pub qfi: u8,
    /// The session AMBR, downlink and uplink, in bits a second.
    pub ambr_bps: (u64, u64),
    /// The charging identifier that the network told, in an operator-specific container of the ePCO.
    pub charging_id: Option<u32>,
}

/// The established sessions of a device, by their identities. Without one it has nothing on the heap.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sessions(Vec<Session>);

impl Sessions {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Session> {
        self.0.iter()
    }

    pub(crate) fn lowest(&self) -> Option<SessionId> {
        self.0.first().map(|session| session.id)
    }

    pub(crate) fn find(&self, id: SessionId) -> Option<&Session> {
        self.0.iter().find(|session| session.id == id)
    }

    pub(crate) fn find_mut(&mut self, id: SessionId) -> Option<&mut Session> {
        self.0.iter_mut().find(|session| session.id == id)
    }

    /// A session was established.
    pub(crate) fn add(&mut self, session: Session, out: &mut Out) {
        out.push(UeAction::SessionUp(Box::new(session.clone())));
        self.0.retain(|other| other.id != session.id);
        let at = self.0.partition_point(|other| other.id < session.id);
        self.0.reserve_exact(1);
        self.0.insert(at, session);
    }

    /// Removes a session that has ended; `None` where there was none.
    pub(crate) fn remove(&mut self, id: SessionId, out: &mut Out) -> Option<Session> {
        let at = self.0.iter().position(|session| session.id == id)?;
        let session = self.0.remove(at);
        self.0.shrink_to_fit();
        out.push(UeAction::SessionDown { id });
        Some(session)
    }

    pub(crate) fn release_all(&mut self, out: &mut Out) {
        for session in std::mem::take(&mut self.0) {
            out.push(UeAction::SessionDown { id: session.id });
        }
    }

    /// The numbers of the sessions, as the PDU session status IE and the uplink data status IE take them.
    pub(crate) fn numbers(&self) -> Vec<u8> {
        self.0.iter().map(|session| session.id.value()).collect()
    }

    pub(crate) fn heap_octets(&self) -> usize {
        let names: usize = self.0.iter().map(|session| session.dnn.as_str().len()).sum();
        self.0.capacity() * size_of::<Session>() + names
    }
}
