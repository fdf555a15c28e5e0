//! What the driver has to do for a node of the radio network.

use std::time::Duration;

use identity::SessionId;

use super::amf::AmfNotice;
use super::cause::{HandoverFailure, Released};
use super::tunnel::Tunnel;
use crate::common::identity_of_ue::STmsi;
use crate::common::timers::NodeTimer;

/// What the driver has to do for a node, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeAction {
    /// Send a PDU to the core.
    Send {
        /// The SCTP stream.
        stream: u16,
        /// The SCTP payload protocol identifier.
        ppid: u32,
        /// The PDU.
        octets: Vec<u8>,
        /// The UE that it is about, for traces.
        ue: Option<u32>,
    },
    /// The NG interface is set up.
    Ready,
    /// The AMF refused the NG SETUP REQUEST (TS 38.413 §8.7.1.3).
    SetupRefused {
        /// Why, for people.
        cause: String,
        /// How long the AMF wants the gNB to wait, which then asks again by itself. Without it the gNB asks again after
        /// [`crate::NG_SETUP_AGAIN`].
        retry_after: Option<Duration>,
        /// The cause is one that passes, such as an overload: asking again makes sense.
        passes: bool,
    },
    /// The AMF did not answer the NG SETUP REQUEST in time. The gNB asks again by itself.
    SetupUnanswered {
        /// How long the gNB has waited.
        after: Duration,
    },
    /// The AMF said something about itself, or about all UEs.
    Notice(AmfNotice),
    /// Deliver a NAS PDU to a UE.
    Downlink {
        /// The driver's own index of the UE.
        ue: u32,
        /// The NAS PDU.
        nas: Vec<u8>,
    },
    /// The connection of a UE was released. A [`NodeAction::SessionResourceReleased`] for each of its sessions came before.
    Released {
        /// The driver's own index of the UE.
        ue: u32,
        /// How.
        cause: Released,
    },
    /// A UE gets no connection.
    Refused {
        /// The driver's own index of the UE.
        ue: u32,
        /// Why.
        reason: RefusalReason,
    },
    /// The resource of a PDU session is there, or has changed: user data may flow.
    SessionResource {
        /// The driver's own index of the UE.
        ue: u32,
        /// The tunnel, whole.
        tunnel: Tunnel,
    },
    /// The resource of a PDU session is gone; its TEID will be used again.
    SessionResourceReleased {
        /// The driver's own index of the UE.
        ue: u32,
        /// The session.
        session: SessionId,
    },
    /// The target is prepared (HANDOVER COMMAND): the UE leaves for it. The AMF was told so (UPLINK RAN STATUS TRANSFER).
    HandoverCommanded {
        /// The driver's own index of the UE.
        ue: u32,
        /// What the target has for the UE; empty where it is not one of ours.
        container: Vec<u8>,
    },
    /// The handover came to nothing, and the UE stays.
    HandoverPreparationFailed {
        /// The driver's own index of the UE.
        ue: u32,
        /// Why.
        cause: HandoverFailure,
    },
    /// TNGRELOCoverall expired: the AMF did not release the UE in time, and was asked to.
    HandoverOverdue {
        /// The driver's own index of the UE.
        ue: u32,
    },
    /// A UE of another gNB wants to come: answer with `AdmitHandover` or `RefuseHandover`.
    HandoverRequested {
        /// Our RAN UE NGAP ID of it.
        handle: u32,
        /// The cell, from 0.
        cell: u32,
        /// What the source has to say of the UE.
        container: Vec<u8>,
        /// The sessions that would come along.
        sessions: Vec<SessionId>,
    },
    /// The UE of an admitted handover has left its source (DOWNLINK RAN STATUS TRANSFER).
    HandoverExpected {
        /// The driver's own index of the UE.
        ue: u32,
    },
    /// The AMF switched the path of a UE that came over Xn: the source may release it.
    PathSwitched {
        /// The driver's own index of the UE.
        ue: u32,
    },
    /// The AMF did not switch the path. [`NodeAction::Released`] follows, unless the UE connected anew.
    PathSwitchFailed {
        /// The driver's own index of the UE.
        ue: u32,
        /// Why.
        cause: HandoverFailure,
    },
    /// Page a UE in the cells.
    Paged {
        /// The identity that is paged.
        s_tmsi: STmsi,
    },
    /// Start a timer, or start it again.
    SetTimer(NodeTimer, Duration),
    /// Stop a timer, if it runs.
    StopTimer(NodeTimer),
    /// Something came that the state does not expect, and was treated as the specification says.
    Unexpected(&'static str),
}

/// Why a gNB gives a UE no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefusalReason {
    /// The NG interface is not set up.
    NgInterfaceDown,
    /// The gNB has no such cell.
    NoSuchCell,
    /// Every RAN UE NGAP ID is taken.
    NoIdentity,
    /// We could not build the message.
    NotEncodable,
}
