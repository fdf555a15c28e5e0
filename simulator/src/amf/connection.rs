//! A UE-associated logical NG-connection, which carries one NAS signalling connection and its procedure.

use std::time::Instant;

use identity::{SessionId, Tac};
use oxirush_nas::nas_5gs::Nas5gsSecurityHeaderType;

use super::expiry::ConnectionTimer;
use super::procedures::{Awaited, Procedure};
use super::security::Security;
use super::ue::UeId;
use crate::statistics::Message;
use crate::timers::TimerId;
use crate::upf::N3End;

/// AMF UE NGAP ID: 40 bits on the wire (TS 38.413 §9.3.3.1). Used once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct ConnectionId(pub(super) u64);

pub(super) struct Connection {
    pub(super) association: u32,
    pub(super) stream: u16,
    pub(super) ran_ue_id: u32,
    /// The gNB has said its RAN UE NGAP ID: in a handover it does so after the AMF.
    pub(super) ran_ue_id_known: bool,
    pub(super) tac: Tac,
    /// Which PLMN of the settings the UE camps on.
    pub(super) plmn: usize,
    /// Who it is, once it has proved it.
    pub(super) ue: Option<UeId>,
    /// The secure exchange of NAS messages is established (TS 24.501 §4.4.2.5): nothing unprotected is processed.
    pub(super) secured: bool,
    /// The gNB has, or was asked to make, the UE context.
    pub(super) context_set_up: bool,
    /// The gNB was asked for the resources of sessions: they are to be used.
    pub(super) resources_asked: bool,
    /// The N2 handover that the connection is an end of.
    pub(super) leg: Option<Leg>,
    pub(super) procedure: Procedure,
    /// What the security mode procedure takes into use.
    pub(super) candidate: Option<Box<Security>>,
    pub(super) repeat: Option<Repeat>,
    pub(super) timer: Option<TimerId>,
    /// When the last message to it leaves.
    pub(super) last_due: Option<Instant>,
}

impl Connection {
    /// No procedure runs, or one is between two messages.
    pub(super) fn is_quiet(&self) -> bool {
        self.procedure.awaits() == Awaited::Nothing
    }

    /// UE CONTEXT RELEASE COMMAND was sent: only its answer is waited for.
    pub(super) fn is_being_released(&self) -> bool {
        matches!(self.procedure, Procedure::Release)
    }
}

/// A message that is sent again when its timer expires, each time with a fresh NAS COUNT.
pub(super) struct Repeat {
    pub(super) message: Message,
    pub(super) plain: Vec<u8>,
    pub(super) protection: Protection,
    pub(super) timer: ConnectionTimer,
    pub(super) left: u8,
}

/// How a downlink NAS message is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protection {
    Plain,
    /// With the security context of the UE, integrity protected and ciphered.
    Current,
    /// With the security context that the security mode procedure takes into use.
    New,
}

impl Protection {
    pub(super) fn header(self) -> Nas5gsSecurityHeaderType {
        match self {
            Self::Plain => Nas5gsSecurityHeaderType::PlainFiveGsNasMessageNotSecurityProtected,
            Self::Current => Nas5gsSecurityHeaderType::IntegrityProtectedAndCiphered,
            Self::New => Nas5gsSecurityHeaderType::IntegrityProtectedWithNewFiveGNasSecurityContext,
        }
    }
}

/// An end of an N2 handover. Both ends exist until the UE has arrived, or the handover is given up.
pub(super) enum Leg {
    /// Where the UE is, and which connection it may go to.
    Source {
        /// The HANDOVER COMMAND was sent: the UE is on its way.
        commanded: bool,
        target: ConnectionId,
    },
    /// Where the UE may go.
    Target(Box<Arrival>),
}

/// What a handover target is to be.
pub(super) struct Arrival {
    /// Where the UE comes from; it may be gone when the UE arrives.
    pub(super) source: ConnectionId,
    pub(super) ue: UeId,
    /// The gNB has answered.
    pub(super) acknowledged: bool,
    /// Where downlink is to go, for the sessions that the gNB has admitted.
    pub(super) admitted: Vec<(SessionId, N3End)>,
    pub(super) timer: Option<TimerId>,
}
