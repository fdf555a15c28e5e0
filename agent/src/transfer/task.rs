//! What a recovery still owes a UE, which goes along with it.

use serde::{Deserialize, Serialize};

/// What is to be done for a UE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Task {
    Register,
    EstablishSession,
}
