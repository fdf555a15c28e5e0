//! The UE on 5G: 5GMM and 5GSM (TS 24.501).

pub(crate) mod attempt;
mod ecies;
mod endings;
pub(crate) mod nas_connection;
pub(crate) mod procedures;
mod receiving;
pub(crate) mod registered_area;
pub(crate) mod session_management;
mod suci;
pub(crate) mod ue;
pub(crate) mod ue_state;
