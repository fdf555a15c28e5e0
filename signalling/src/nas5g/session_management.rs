//! The 5GSM sublayer beside the sessions: procedure transaction identities and back-off (TS 24.501 §6.1 to §6.2).

use identity::{Dnn, SessionId};
use serde::{Deserialize, Serialize};

/// What 5GSM keeps between procedures.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SessionManagement {
    /// The procedure transaction identity that was used last: they go round, so that a late answer finds none in use.
    last_pti: u8,
    /// The session and PTI of the last command of the network that was completed, for its repetitions (§7.3.1).
    completed: Option<(SessionId, u8)>,
    /// The data network that T3396 holds back (§6.2.7).
    pub(crate) backed_off: Option<Dnn>,
}

impl SessionManagement {
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

    /// No session is left that a command could be repeated about.
    pub(crate) fn forget_completed(&mut self) {
        self.completed = None;
    }

    /// Whether a command is the repetition of one that was completed: the answer was lost.
    pub(crate) fn is_repetition(&self, id: SessionId, pti: u8) -> bool {
        pti != 0 && self.completed == Some((id, pti))
    }

    pub(crate) fn heap_octets(&self) -> usize {
        self.backed_off.as_ref().map_or(0, |dnn| dnn.as_str().len())
    }
}
