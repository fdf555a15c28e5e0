//! What the timers of the AMF are of.

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
