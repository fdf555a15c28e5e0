//! A UE on its way from one shard to another, with all that is its own.

use identity::CellId;
use serde::{Deserialize, Serialize};
use signalling::{Timer, UeState};

use super::session_context::SessionContext;

/// What travels in the sealed container of a handover.
#[derive(Serialize, Deserialize)]
pub(crate) struct UeContextTransfer {
    /// The only cell that it is for.
    pub(crate) to: CellId,
    /// When it was sealed, µs since the run's start.
    pub(crate) sealed_us: u64,
    /// The target is to refuse: the scenario wants some refused.
    pub(crate) refused: bool,
    /// The UE will arrive.
    pub(crate) arrives: bool,
    pub(crate) who: Who,
}

/// Who comes.
#[derive(Serialize, Deserialize)]
pub(crate) enum Who {
    /// A UE of this very shard.
    Neighbour { shard: u32, ue: u32 },
    /// A UE of another shard, with all that is its own.
    UeContext(Box<UeContext>),
}

/// A UE on its way from one shard to another.
#[derive(Serialize, Deserialize)]
pub struct UeContext {
    pub(crate) home: Home,
    pub(crate) group: u16,
    pub(crate) state: UeState,
    /// The timers that run, by their places in [`Timer::ALL`], and µs that are left of each.
    pub(crate) timers: Vec<(u8, u64)>,
    pub(crate) session_contexts: Vec<SessionContext>,
}

/// Where a UE is at home.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Home {
    /// Which shard.
    pub shard: u32,
    /// Its number there.
    pub ue: u32,
    /// How many losses of the run were known where it was last: it has outlived those.
    pub losses: u64,
}

impl Home {
    /// Whether the loss of this number is that of its home, with all its subscribers.
    pub fn is_hit_by(&self, lost: u32, number: u64) -> bool {
        self.shard == lost && number > self.losses
    }
}

/// The timer of a UE context transfer.
pub(crate) fn timer_of(place: u8) -> Option<Timer> {
    Timer::ALL.get(usize::from(place)).copied()
}

/// The place of a timer in a UE context transfer.
pub(crate) fn place_of(timer: Timer) -> Option<u8> {
    let place = Timer::ALL.iter().position(|one| *one == timer)?;
    u8::try_from(place).ok()
}
