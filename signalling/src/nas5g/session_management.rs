//! The 5GSM sublayer of a UE: its PDU sessions, procedure transaction identities and back-off (TS 24.501 §6.1 to §6.2).

use identity::{Dnn, SessionId};
use serde::{Deserialize, Serialize};

use crate::nas5g::ue::{Out, UeAction};
use crate::session::Session;

/// What a UE keeps of its sessions. Without one it has nothing on the heap.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SessionManagement {
    /// By number.
    established: Vec<Session>,
    /// The procedure transaction identity that was used last: they go round, so that a late answer finds none in use.
    last_pti: u8,
    /// The session and PTI of the last command of the network that was completed, for its repetitions (§7.3.1).
    completed: Option<(SessionId, u8)>,
    /// The data network that T3396 holds back (§6.2.7).
    pub(crate) backed_off: Option<Dnn>,
}

impl SessionManagement {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Session> {
        self.established.iter()
    }

    pub(crate) fn lowest(&self) -> Option<SessionId> {
        self.established.first().map(|session| session.id)
    }

    pub(crate) fn find(&self, id: SessionId) -> Option<&Session> {
        self.established.iter().find(|session| session.id == id)
    }

    pub(crate) fn find_mut(&mut self, id: SessionId) -> Option<&mut Session> {
        self.established.iter_mut().find(|session| session.id == id)
    }

    /// A session was established.
    pub(crate) fn add(&mut self, session: Session, out: &mut Out) {
        out.push(UeAction::SessionUp(Box::new(session.clone())));
        self.established.retain(|other| other.id != session.id);
        let at = self.established.partition_point(|other| other.id < session.id);
        self.established.reserve_exact(1);
        self.established.insert(at, session);
    }

    /// A session is no more, if it was there.
    pub(crate) fn remove(&mut self, id: SessionId, out: &mut Out) -> Option<Session> {
        let at = self.established.iter().position(|session| session.id == id)?;
        let session = self.established.remove(at);
        self.established.shrink_to_fit();
        out.push(UeAction::SessionDown { id });
        Some(session)
    }

    pub(crate) fn release_all(&mut self, out: &mut Out) {
        for session in std::mem::take(&mut self.established) {
            out.push(UeAction::SessionDown { id: session.id });
        }
        self.completed = None;
    }

    /// The numbers of the sessions, as the PDU session status IE and the uplink data status IE take them.
    pub(crate) fn numbers(&self) -> Vec<u8> {
        self.established.iter().map(|session| session.id.value()).collect()
    }

    /// Whether there ever was a session that the network may still hold.
    pub(crate) fn was_used(&self) -> bool {
        self.last_pti != 0
    }

    /// A procedure transaction identity: 1 to 254 (§9.6).
    pub(crate) fn allocate_pti(&mut self) -> u8 {
        self.last_pti = self.last_pti % 254 + 1;
        self.last_pti
    }

    /// A command of the network was completed.
    pub(crate) fn complete(&mut self, id: SessionId, pti: u8) {
        self.completed = Some((id, pti));
    }

    /// Whether a command is the repetition of one that was completed: the answer was lost.
    pub(crate) fn is_repetition(&self, id: SessionId, pti: u8) -> bool {
        pti != 0 && self.completed == Some((id, pti))
    }

    pub(crate) fn heap_octets(&self) -> usize {
        let names: usize = self.established.iter().map(|session| session.dnn.as_str().len()).sum();
        let held = self.backed_off.as_ref().map_or(0, |dnn| dnn.as_str().len());
        self.established.capacity() * size_of::<Session>() + names + held
    }
}
