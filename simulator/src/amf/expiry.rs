//! What the timers of the AMF are of.

use identity::SessionId;

use super::connection::ConnectionId;
use super::ue::UeId;

/// Whose timer expired, and which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expiry {
    /// The one timer of the procedure that runs on a connection.
    Connection(ConnectionId, ConnectionTimer),
    /// The one timer of a UE without a connection.
    Ue(UeId, UeTimer),
    /// A handover target is overdue.
    Handover(ConnectionId),
    /// The one timer of a PDU session.
    Session(UeId, SessionId, SessionTimer),
}

/// Timers of a PDU session (TS 24.501 table 10.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SessionTimer {
    /// Policy control has thought.
    Policy,
    /// The gNB is overdue with the resources.
    Resources,
    T3591,
    T3592,
}

/// Timers of TS 24.501 table 10.2.2 that belong to a NAS signalling connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConnectionTimer {
    T3522,
    T3550,
    T3555,
    T3560,
    T3570,
    /// UE CONTEXT RELEASE COMPLETE is overdue.
    ReleaseGuard,
}

/// Timers of TS 24.501 table 10.2.2 that belong to a UE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UeTimer {
    /// Paging.
    T3513,
    MobileReachable,
    ImplicitDeregistration,
}
