//! A UE-associated logical NG-connection, which carries one NAS signalling connection and its procedure.

use std::time::Instant;

use identity::{Imsi, SessionId, Snssai, Tac};
use oxirush_nas::nas_5gs::{
    Nas5gsSecurityHeaderType, NasPduSessionStatus, NasUeSecurityCapability, NasUplinkDataStatus,
};
use oxirush_security::nas_5gs::{KAmf, XresStar};

use super::expiry::ConnectionTimer;
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
    pub(super) state: State,
    /// The registration that runs on it.
    pub(super) attempt: Option<Box<Attempt>>,
    pub(super) repeat: Option<Repeat>,
    pub(super) timer: Option<TimerId>,
    /// When the last message to it leaves.
    pub(super) last_due: Option<Instant>,
}

impl Connection {
    /// UE CONTEXT RELEASE COMMAND was sent: only its answer is waited for.
    pub(super) fn is_being_released(&self) -> bool {
        self.state == State::ExpectReleaseComplete
    }
}

/// What a connection waits for.
///
/// ```text
/// Quiet ─► ExpectIdentity ─► ExpectAuthentication ─► ExpectSecurityMode ─► ExpectRegistrationComplete ─► Quiet
///   ├────► ExpectDeregistrationAccept ─► ExpectReleaseComplete ─► (gone)
///   └────► ExpectConfigurationUpdate ─► Quiet
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// No procedure runs.
    Quiet,
    ExpectIdentity,
    ExpectAuthentication,
    ExpectSecurityMode,
    ExpectRegistrationComplete,
    ExpectDeregistrationAccept,
    ExpectConfigurationUpdate,
    ExpectReleaseComplete,
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

/// A registration in progress, from the REGISTRATION REQUEST to the end of the procedure.
pub(super) struct Attempt {
    pub(super) kind: RegistrationKind,
    pub(super) follow_on: bool,
    /// The UE named itself by a 5G-GUTI: when authentication fails it may not be who we think.
    pub(super) by_guti: bool,
    /// Who the UE says it is.
    pub(super) imsi: Option<Imsi>,
    pub(super) capability: Option<NasUeSecurityCapability>,
    pub(super) requested: Vec<Snssai>,
    /// The sessions that the UE has, and those that it wants to send in.
    pub(super) session_status: Option<NasPduSessionStatus>,
    pub(super) uplink_data: Option<NasUplinkDataStatus>,
    /// The octets of the request, reduced: a repeated request is the same (TS 24.501 §5.5.1.2.8).
    pub(super) digest: u64,
    /// The request came without its IEs that may not go in clear, or could not be verified.
    pub(super) ask_again: bool,
    /// The UE has not known the keys of the card that the network knew: those of the next one are tried.
    pub(super) next_card: bool,
    /// AUTHENTICATION FAILUREs in a row.
    pub(super) failures: u8,
    pub(super) challenge: Option<Challenge>,
    /// What the security mode procedure takes into use.
    pub(super) candidate: Option<Security>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RegistrationKind {
    Initial,
    Mobility,
    Periodic,
    Emergency,
}

/// What was asked of the USIM, and what follows when it answers right.
pub(super) struct Challenge {
    pub(super) rand: [u8; 16],
    pub(super) ngksi: u8,
    pub(super) xres_star: XresStar,
    pub(super) kamf: KAmf,
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
