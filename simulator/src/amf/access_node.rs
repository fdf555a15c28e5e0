//! The AMF as the node that serves the UEs of sessions.

use std::time::{Duration, Instant};

use identity::{Imsi, SessionId, Snssai};

use super::connection::{ConnectionId, Protection};
use super::procedures::ngap::{paging, pdu_session_resource};
use super::{Amf, sending};
use crate::sessions::session::Session;
use crate::sessions::{AccessNode, Place, Requester};
use crate::statistics::Message;

impl AccessNode for Amf {
    fn requester(&self, supi: Imsi, slice: Option<Snssai>) -> Option<Requester> {
        let ue = self.ues.get(self.ues.find(supi)?)?;
        let serving = self.serving.get(ue.plmn)?.plmn;
        let mut allowed = ue.allowed.of(&self.settings.slices);
        let slice = match slice {
            Some(named) => allowed.find(|slice| *slice == named),
            None => allowed.next(),
        };
        Some(Requester { serving, home: ue.home.unwrap_or(serving), slice })
    }

    fn reaches(&self, supi: Imsi) -> bool {
        self.connection_of(supi).is_some()
    }

    fn page(&mut self, now: Instant, supi: Imsi) {
        if let Some(ue) = self.ues.find(supi) {
            paging::begin(self, now, ue);
        }
    }

    fn send_to_ue(&mut self, now: Instant, supi: Imsi, id: SessionId, message: Vec<u8>) {
        let Some(connection) = self.last_connection_of(supi) else { return };
        let Some(plain) = sending::carried(self, id, message) else { return };
        sending::transport(self, now, connection, Message::DownlinkTransport, plain, Protection::Current);
    }

    fn set_up_resources(&mut self, now: Instant, session: &Session, message: Option<Vec<u8>>) {
        let Some(connection) = self.connection_of(session.supi) else { return };
        pdu_session_resource::set_up(self, now, connection, [session].into_iter(), message);
    }

    fn modify_resources(&mut self, now: Instant, session: &Session, message: Vec<u8>) {
        let Some(connection) = self.connection_of(session.supi) else { return };
        pdu_session_resource::modify(self, now, connection, session, message);
    }

    fn release_resources(&mut self, now: Instant, session: &Session, message: Vec<u8>) {
        let Some(connection) = self.connection_of(session.supi) else { return };
        pdu_session_resource::release(self, now, connection, session.id, Some(message));
    }

    fn longest_delay(&self) -> Duration {
        self.settings.processing_delay + self.settings.processing_jitter
    }
}

impl Amf {
    /// The connection of a UE.
    fn last_connection_of(&self, supi: Imsi) -> Option<ConnectionId> {
        self.ues.get(self.ues.find(supi)?)?.connection
    }

    /// The connection over which a UE can be told something about its sessions.
    fn connection_of(&self, supi: Imsi) -> Option<ConnectionId> {
        let id = self.last_connection_of(supi)?;
        let connection = self.connections.get(&id)?;
        (connection.secured && !connection.is_being_released()).then_some(id)
    }
}

impl From<ConnectionId> for Place {
    fn from(id: ConnectionId) -> Self {
        Self(id.0)
    }
}
