//! What a home network answers when it does not want a subscriber served.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An answer of the home network to the network where its subscriber is (TS 29.509, TS 29.503), which that one tells the UE by a
/// cause of its own (TS 29.524).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HomeAnswer {
    /// Nobody has this identity: `USER_NOT_FOUND`.
    UserNotFound,
    /// No authentication for this network: `SERVING_NETWORK_NOT_AUTHORIZED`.
    ServingNetworkNotAuthorized,
    /// A subscriber without a 5GS subscription: `UNKNOWN_5GS_SUBSCRIPTION`, `NO_PS_SUBSCRIPTION`.
    NoSubscription,
    /// `ROAMING_NOT_ALLOWED`, in the whole network.
    RoamingNotAllowed,
    /// `ROAMING_NOT_ALLOWED`, in this tracking area.
    RoamingNotAllowedInArea,
    /// `ROAMING_NOT_ALLOWED`, in these cells: others of the network may do.
    RoamingNotAllowedInCells,
    /// Not by this kind of access: `ACCESS_NOT_ALLOWED`.
    AccessNotAllowed,
    /// Not by this radio access technology: `RAT_NOT_ALLOWED`.
    RatNotAllowed,
    /// Operator determined barring (TS 23.015).
    Barred,
    /// Registered, but no session in this data network: `DNN_NOT_ALLOWED`.
    DnnNotAllowed,
    /// Registered, but no session in this network: `ROAMING_NOT_ALLOWED` of session management.
    SessionRoamingNotAllowed,
    /// Registered, but unknown to session management: its `USER_NOT_FOUND`.
    SessionUserNotFound,
}

impl HomeAnswer {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::UserNotFound,
        Self::ServingNetworkNotAuthorized,
        Self::NoSubscription,
        Self::RoamingNotAllowed,
        Self::RoamingNotAllowedInArea,
        Self::RoamingNotAllowedInCells,
        Self::AccessNotAllowed,
        Self::RatNotAllowed,
        Self::Barred,
        Self::DnnNotAllowed,
        Self::SessionRoamingNotAllowed,
        Self::SessionUserNotFound,
    ];
}
