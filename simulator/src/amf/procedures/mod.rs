//! The procedures of mobility: those of 5GMM in [`nas5g`], and below them those of NGAP, which carry them, in [`ngap`].
//!
//! One procedure a file, and none calls another one of its folder: it returns a [`Step`], which `dispatch.rs` takes.

pub(super) mod nas5g;
pub(super) mod ngap;

use identity::Imsi;
use oxirush_nas::nas_5gs::{GmmCause, NasCount};
use oxirush_ngap::ngap::{Cause, CauseNas, NASPDU};
use scenarios::HomeAnswer;

use super::connection::ConnectionId;
pub(super) use nas5g::registration::Registration;

/// What comes next on a connection.
#[must_use]
pub(super) enum Step<'a> {
    /// The procedure waits for an answer, or is over, and nothing follows.
    Stay,
    /// A NAS PDU has come; `initial`, in an INITIAL UE MESSAGE.
    Nas { connection: ConnectionId, pdu: NASPDU<'a>, initial: bool },
    /// Another procedure, or another part of the registration.
    Then(ConnectionId, Next),
    /// The connection is released.
    Release(ConnectionId, Cause),
}

/// What follows on a connection.
pub(super) enum Next {
    Identification,
    Authentication,
    SecurityMode,
    /// The UE of a registration has said who it is.
    Named(Imsi),
    /// The UE of a registration has proved who it is, and its context is in use. The uplink NAS COUNT is for KgNB.
    Acceptance(NasCount),
    /// A registration cannot be accepted.
    Rejection(GmmCause),
    /// The home network of a UE that registers does not want it served.
    RefusalAtHome(HomeAnswer),
    Deregistration {
        re_registration: bool,
    },
    ConfigurationUpdate,
}

impl Step<'_> {
    /// After a message that is to be answered. One that could not be sent has nobody wait.
    pub(super) fn wait_if(sent: bool, id: ConnectionId) -> Self {
        if sent { Self::Stay } else { Self::Release(id, Cause::nas(CauseNas::unspecified)) }
    }
}

/// The procedure that runs on a connection.
#[derive(Default)]
pub(super) enum Procedure {
    #[default]
    None,
    Registration(Box<Registration>),
    Deregistration,
    ConfigurationUpdate,
    /// UE CONTEXT RELEASE COMMAND was sent.
    Release,
}

/// What a connection waits for.
///
/// ```text
/// Nothing ─► Identity ─► Authentication ─► SecurityMode ─► RegistrationComplete ─► Nothing
///   ├────► DeregistrationAccept ─► ReleaseComplete ─► (gone)
///   └────► ConfigurationUpdate ─► Nothing
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Awaited {
    Nothing,
    Identity,
    Authentication,
    SecurityMode,
    RegistrationComplete,
    DeregistrationAccept,
    ConfigurationUpdate,
    ReleaseComplete,
}

impl Procedure {
    pub(super) fn awaits(&self) -> Awaited {
        match self {
            Self::None => Awaited::Nothing,
            Self::Registration(registration) => registration.awaits(),
            Self::Deregistration => Awaited::DeregistrationAccept,
            Self::ConfigurationUpdate => Awaited::ConfigurationUpdate,
            Self::Release => Awaited::ReleaseComplete,
        }
    }
}
