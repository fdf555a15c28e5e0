//! What happens to a node of the radio network.

use identity::{Plmn, Tac};

use super::xn_context::XnContext;
use crate::common::identity_of_ue::STmsi;
use crate::common::timers::NodeTimer;
use crate::establishment_cause::EstablishmentCause;

/// What happens to a node of the radio network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeEvent<'a> {
    /// The SCTP association is there.
    AssociationUp {
        /// Streams towards the AMF.
        streams_out: u16,
    },
    /// The SCTP association is gone.
    AssociationDown,
    /// An NGAP PDU from the AMF.
    Received {
        /// The SCTP stream.
        stream: u16,
        /// The PDU.
        octets: &'a [u8],
    },
    /// A UE sends its initial NAS message.
    Connect {
        /// The driver's own index of the UE.
        ue: u32,
        /// The cell, from 0.
        cell: u32,
        /// The NAS PDU.
        nas: &'a [u8],
        /// The RRC establishment cause.
        cause: EstablishmentCause,
        /// The 5G-S-TMSI, when the UE gave one.
        s_tmsi: Option<STmsi>,
    },
    /// A UE sends a NAS PDU on its connection.
    Uplink {
        /// The driver's own index of the UE.
        ue: u32,
        /// The NAS PDU.
        nas: &'a [u8],
    },
    /// Ask the AMF to release a UE.
    RequestRelease {
        /// The driver's own index of the UE.
        ue: u32,
        /// Why.
        cause: ReleaseCause,
    },
    /// Hand a UE over through the AMF: HANDOVER REQUIRED (TS 38.413 §8.4.1). It ends with exactly one
    /// [`crate::NodeAction::HandoverPreparationFailed`] (the UE stays, or connected anew), or else, after one
    /// [`crate::NodeAction::HandoverCommanded`], with one [`crate::NodeAction::Released`]; a
    /// [`crate::NodeAction::HandoverOverdue`] comes between them when that takes too long.
    Handover {
        /// The driver's own index of the UE.
        ue: u32,
        /// Where to.
        target: TargetGnb,
        /// What the target is to know of the UE; opaque to everyone between.
        container: &'a [u8],
    },
    /// Give up a handover: HANDOVER CANCEL (TS 38.413 §8.4.5). The handover ends with
    /// [`crate::NodeAction::HandoverPreparationFailed`] at once.
    CancelHandover {
        /// The driver's own index of the UE.
        ue: u32,
    },
    /// The answer to [`crate::NodeAction::HandoverRequested`]: HANDOVER REQUEST ACKNOWLEDGE (TS 38.413 §8.4.2.2). The UE has a
    /// connection from now on, which is of use when it has arrived.
    AdmitHandover {
        /// The handle of the request.
        handle: u32,
        /// The driver's own index of the UE.
        ue: u32,
    },
    /// The other answer: HANDOVER FAILURE (TS 38.413 §8.4.2.3).
    RefuseHandover {
        /// The handle of the request.
        handle: u32,
    },
    /// The UE of an admitted handover is in the cell: HANDOVER NOTIFY (TS 38.413 §8.4.3).
    HandoverArrived {
        /// The driver's own index of the UE.
        ue: u32,
    },
    /// A UE came over Xn from the gNB that gave up its context: PATH SWITCH REQUEST (TS 38.413 §8.4.4). It ends with exactly
    /// one of [`crate::NodeAction::PathSwitched`] and [`crate::NodeAction::PathSwitchFailed`].
    ArriveByXn {
        /// The driver's own index of the UE.
        ue: u32,
        /// The cell, from 0.
        cell: u32,
        /// What [`crate::RanNode::give_up_for_xn`] of the other gNB gave.
        context: &'a XnContext,
    },
    /// The other gNB has the path: UE CONTEXT RELEASE of XnAP (TS 38.423 §8.2.7). The connection is released locally.
    ReleaseAfterXn {
        /// The driver's own index of the UE.
        ue: u32,
    },
    /// A timer that was set ran out.
    Expired(NodeTimer),
    /// The gNB lost its UEs, as after a restart: it resets the NG interface.
    Reset,
}

/// Why a gNB asks for the release of a UE (TS 38.413 §9.3.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReleaseCause {
    /// User inactivity.
    UserInactivity,
    /// Radio connection with UE lost.
    RadioConnectionLost,
}

/// Where a handover through the AMF goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TargetGnb {
    /// The gNB ID of the target.
    pub gnb_id: u32,
    /// Its length: see [`crate::GnbSettings::gnb_id_bits`].
    pub gnb_id_bits: u32,
    /// The network of the target.
    pub plmn: Plmn,
    /// The tracking area of the target.
    pub tac: Tac,
    /// The cell of the target, from 0.
    pub cell: u32,
}
