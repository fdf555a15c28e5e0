//! What a recovery still owes a UE, which goes along with it.

use serde::{Deserialize, Serialize};

/// What is to be done for a UE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    /// It is registered.
    Register,
    /// It gets a session.
    EstablishSession,
}
