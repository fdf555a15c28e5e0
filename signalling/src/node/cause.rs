//! Causes of NGAP (TS 38.413 §9.3.1.2), and how a handover or a connection ends.

use std::fmt;

use oxirush_ngap::ngap::{Cause, CauseMisc, CauseNas, CauseProtocol, CauseRadioNetwork, CauseTransport};

/// A cause that the AMF gave. `Display` is its name in the specification, such as `ho-target-not-allowed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NgapCause(Group);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Group {
    RadioNetwork(CauseRadioNetwork),
    Transport(CauseTransport),
    Nas(CauseNas),
    Protocol(CauseProtocol),
    Misc(CauseMisc),
    /// None was given, or one of a later release.
    Unknown,
}

impl NgapCause {
    /// What stands for a cause that is missing or unreadable.
    pub(crate) const UNKNOWN: Self = Self(Group::Unknown);

    pub(crate) fn is(self, cause: CauseRadioNetwork) -> bool {
        self.0 == Group::RadioNetwork(cause)
    }
}

impl From<Cause> for NgapCause {
    fn from(cause: Cause) -> Self {
        Self(match cause {
            Cause::radioNetwork(cause) => Group::RadioNetwork(cause),
            Cause::transport(cause) => Group::Transport(cause),
            Cause::nas(cause) => Group::Nas(cause),
            Cause::protocol(cause) => Group::Protocol(cause),
            Cause::misc(cause) => Group::Misc(cause),
            Cause::choice_Extensions(_) => Group::Unknown,
        })
    }
}

impl From<Option<Cause>> for NgapCause {
    fn from(cause: Option<Cause>) -> Self {
        cause.map_or(Self::UNKNOWN, Self::from)
    }
}

impl fmt::Display for NgapCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.0 {
            Group::RadioNetwork(cause) => format!("{cause:?}"),
            Group::Transport(cause) => format!("{cause:?}"),
            Group::Nas(cause) => format!("{cause:?}"),
            Group::Protocol(cause) => format!("{cause:?}"),
            Group::Misc(cause) => format!("{cause:?}"),
            Group::Unknown => "unknown-cause".to_owned(),
        };
        f.write_str(&name.replace('_', "-").to_lowercase())
    }
}

/// Why a handover was not carried out; the UE stays where it is. `Display` is short and stable: reports count by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HandoverFailure {
    /// HANDOVER PREPARATION FAILURE or PATH SWITCH REQUEST FAILURE with this cause.
    Refused(NgapCause),
    /// The driver cancelled it.
    Cancelled,
    /// TNGRELOCprep expired (TS 38.413 §8.4.1.2).
    PreparationTimedOut,
    /// The PATH SWITCH REQUEST was not answered.
    PathSwitchTimedOut,
    /// HANDOVER COMMAND does not answer the container that was sent: the target has admitted another UE.
    AnotherUe,
    /// The connection was released before it was done.
    Released,
    /// The association with the AMF was lost before it was done.
    AssociationLost,
    /// The AMF reset the NG interface before it was done.
    NgReset,
    /// The UE did not wait for its end, and connected anew.
    ConnectedAnew,
    /// Another handover of this UE is running.
    HandoverRunning,
    /// The UE has no connection, the AMF does not know it yet, or it came and there is no room for it.
    NoConnection,
    /// The UE has no PDU session: NGAP hands over UEs that have one (TS 38.413 §9.2.3.1).
    NoSession,
    /// We could not build the message.
    NotEncodable,
}

impl fmt::Display for HandoverFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused(cause) => return cause.fmt(f),
            Self::Cancelled => "handover-cancelled",
            Self::PreparationTimedOut => "TNGRELOCprep",
            Self::PathSwitchTimedOut => "path-switch-unanswered",
            Self::AnotherUe => "handover-command-of-another-ue",
            Self::Released => "connection-released",
            Self::AssociationLost => "association-lost",
            Self::NgReset => "ng-reset-by-amf",
            Self::ConnectedAnew => "connected-anew",
            Self::HandoverRunning => "handover-running",
            Self::NoConnection => "no-connection",
            Self::NoSession => "no-session",
            Self::NotEncodable => "not-encodable",
        })
    }
}

/// How the connection of a UE ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Released {
    /// UE CONTEXT RELEASE COMMAND, whatever its cause, unless it is one of the next.
    Normal,
    /// The UE was handed over: UE CONTEXT RELEASE COMMAND with cause successful-handover, or the release of XnAP.
    HandedOver,
    /// The UE was expected from a handover and never arrived: here there is nothing left of it.
    NeverArrived,
    /// The gNB has lost the UE: it has reset the NG interface, or the AMF does not know the UE as we do.
    Lost,
    /// The association with the AMF was lost.
    AssociationLost,
    /// The AMF has reset the NG interface.
    NgReset,
}

impl From<Released> for HandoverFailure {
    fn from(cause: Released) -> Self {
        match cause {
            Released::AssociationLost => Self::AssociationLost,
            Released::NgReset => Self::NgReset,
            Released::Normal | Released::HandedOver | Released::NeverArrived | Released::Lost => {
                Self::Released
            }
        }
    }
}

/// Why a session resource is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The gNB has no user plane, or no TEID is left.
    NoResource,
    /// The session is there already, or named twice.
    MultipleSessionInstances,
    /// No QoS flow, one that is named twice, or no identifier of one.
    QosFlows,
    /// The gNB does not support the slice.
    SliceNotSupported,
    /// A session identity or type that carries no IP, or an address of the UPF that ours cannot reach.
    Unsupported,
    /// The transfer is not readable.
    Unreadable,
    /// Not one of the sessions of the UE.
    UnknownSession,
    /// A handover through the AMF is under way.
    NgHandover,
    /// A handover over Xn is under way.
    XnHandover,
    /// The UE is not there.
    Lost,
}

impl Refusal {
    /// Its cause in NGAP.
    pub(crate) fn cause(self) -> Cause {
        Cause::radioNetwork(match self {
            Self::NoResource => return Cause::transport(CauseTransport::transport_resource_unavailable),
            Self::Unreadable => return Cause::protocol(CauseProtocol::transfer_syntax_error),
            Self::Unsupported => return Cause::protocol(CauseProtocol::semantic_error),
            Self::MultipleSessionInstances => CauseRadioNetwork::multiple_PDU_session_ID_instances,
            Self::QosFlows => CauseRadioNetwork::multiple_qos_flow_ID_instances,
            Self::SliceNotSupported => CauseRadioNetwork::slice_not_supported,
            Self::UnknownSession => CauseRadioNetwork::unknown_PDU_session_ID,
            Self::NgHandover => CauseRadioNetwork::ng_intra_system_handover_triggered,
            Self::XnHandover => CauseRadioNetwork::xn_handover_triggered,
            Self::Lost => CauseRadioNetwork::radio_connection_with_ue_lost,
        })
    }
}
