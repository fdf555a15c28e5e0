//! Which sessions are a run's own: a ledger of a charging function that lives on holds those of earlier and later runs, too.

use serde::{Deserialize, Serialize};

use super::compact::Compact;
use crate::Closing;

/// From the start of a run to its end, by the wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RunWindow {
    /// When its first attempts were due, UNIX time in µs.
    pub from_us: u64,
    /// When its last agent had ended, UNIX time in µs.
    pub to_us: u64,
}

/// How a charged session lies to a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lies {
    /// It was charged and closed before the run began.
    Before,
    /// It may be the run's.
    Within,
    /// It began after the run had ended.
    After,
}

impl RunWindow {
    /// How a session from one time to another lies to the run, by clocks that may be so far apart.
    pub(super) fn place(self, from_us: u64, to_us: u64, skew_us: u64) -> Lies {
        // What began before the run can be no session of it, and was closed before it as far as the clocks can tell.
        let began_before = from_us.saturating_add(skew_us) < self.from_us;
        if began_before && to_us <= self.from_us.saturating_add(skew_us) {
            Lies::Before
        } else if from_us > self.to_us.saturating_add(skew_us) {
            Lies::After
        } else {
            Lies::Within
        }
    }

    /// The same of a session that nobody in the run used: then the clocks are taken at their word.
    pub(super) fn place_of_nobodys(self, from_us: u64, to_us: u64) -> Lies {
        match (to_us < self.from_us, from_us > self.to_us) {
            (true, _) => Lies::Before,
            (_, true) => Lies::After,
            _ => Lies::Within,
        }
    }

    /// Whether something that ended at this time may have been open when the run ended: shards end one after the other.
    fn ends_near(self, to_us: u64) -> bool {
        to_us.saturating_add(LAST_SHARDS_US) >= self.to_us
    }
}

/// Whether a used session was open when the run ended.
pub(super) fn is_open_at_the_end(usage: &[Compact], window: Option<RunWindow>) -> bool {
    let Some(last) = usage.last() else { return false };
    last.closing == Closing::StillOpen && window.is_none_or(|window| window.ends_near(last.to_us))
}

/// Between the end of the first shard and that of the last.
const LAST_SHARDS_US: u64 = 60_000_000;
