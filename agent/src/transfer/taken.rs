//! What a shard has taken of sealed UEs: each is taken once, and not long after it was sealed.
//!
//! The memory is bounded by time: what was sealed longer ago than [`VALID`] is refused for its age, so that it need not be
//! remembered. A memory that is full all the same refuses rather than forgets.

use std::collections::{HashSet, VecDeque};

use serde::{Deserialize, Serialize};

use super::encryption::EncryptedId;

/// The sealed UEs that were taken lately.
#[derive(Clone, Default)]
pub(crate) struct Taken {
    known: HashSet<EncryptedId>,
    /// The same, in the order in which they were taken, with the run's time of that, µs.
    order: VecDeque<Seen>,
    /// What was sealed before this, µs of the run, may have been taken by a holder that told nobody.
    not_before_us: u64,
}

/// Something that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    id: EncryptedId,
    at_us: u64,
}

/// Why a sealed UE is not taken. `Display` is short and stable: it is counted by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// It was taken before.
    #[error("sealed-ue-replayed")]
    Replayed,
    /// It was sealed too long ago, or before the shard was taken over from a holder that was lost.
    #[error("sealed-ue-stale")]
    Stale,
    /// More were taken lately than are remembered.
    #[error("sealed-ues-limit")]
    Full,
}

impl Taken {
    /// Takes what was sealed at `sealed_us` by the run's clock, at `now_us`.
    pub(crate) fn take(&mut self, id: EncryptedId, sealed_us: u64, now_us: u64) -> Result<(), Refusal> {
        self.forget(now_us);
        if self.known.contains(&id) {
            return Err(Refusal::Replayed);
        }
        if sealed_us < self.not_before_us || sealed_us.saturating_add(VALID_US) < now_us {
            return Err(Refusal::Stale);
        }
        if self.order.len() >= MOST {
            return Err(Refusal::Full);
        }
        self.remember(Seen { id, at_us: now_us });
        Ok(())
    }

    /// The last holder of the shard was lost, and with it what it had taken.
    pub(crate) fn lost_before(&mut self, now_us: u64) {
        self.not_before_us = self.not_before_us.max(now_us);
    }

    /// What another holder of the shard had taken.
    pub(crate) fn adopt(&mut self, seen: &[Seen]) {
        for &seen in seen {
            if self.order.len() < MOST && !self.known.contains(&seen.id) {
                self.remember(seen);
            }
        }
    }

    /// What is remembered, for the next holder of the shard.
    pub(crate) fn snapshot(&self) -> Vec<Seen> {
        self.order.iter().copied().collect()
    }

    pub(crate) fn octets(&self) -> usize {
        self.known.capacity() * (size_of::<EncryptedId>() + 1) + self.order.capacity() * size_of::<Seen>()
    }

    fn remember(&mut self, seen: Seen) {
        self.known.insert(seen.id);
        self.order.push_back(seen);
    }

    /// Nobody could have sealed after it was taken; clocks of two agents differ by far less than the rest.
    fn forget(&mut self, now_us: u64) {
        while self.order.front().is_some_and(|seen| seen.at_us.saturating_add(2 * VALID_US) < now_us) {
            if let Some(seen) = self.order.pop_front() {
                self.known.remove(&seen.id);
            }
        }
    }
}

/// How long a sealed UE may be on its way, µs: well above the preparation of a handover (TNGRELOCprep) and what a core may take.
const VALID_US: u64 = 60_000_000;
/// What is remembered at once; 16 MB at most.
const MOST: usize = 1 << 18;

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u32) -> EncryptedId {
        let mut octets = [0; 20];
        octets[8..12].copy_from_slice(&number.to_be_bytes());
        EncryptedId::of(&octets).unwrap()
    }

    #[test]
    fn a_sealed_ue_is_taken_once_and_refused_for_its_age_when_it_is_forgotten() {
        let mut taken = Taken::default();
        assert_eq!(taken.take(id(1), 0, 10), Ok(()));
        for now_us in [10, VALID_US, VALID_US + 1, 2 * VALID_US, 9 * VALID_US] {
            assert!(taken.take(id(1), 0, now_us).is_err(), "{now_us}");
        }
        assert_eq!(taken.take(id(1), 0, 10 * VALID_US), Err(Refusal::Stale));
        assert_eq!(taken.take(id(2), 9 * VALID_US, 10 * VALID_US), Ok(()));
        assert_eq!(taken.order.len(), 1, "what is too old to be taken is forgotten");
    }

    #[test]
    fn the_next_holder_knows_what_the_last_had_taken_or_takes_nothing_older_than_itself() {
        let (mut last, mut next) = (Taken::default(), Taken::default());
        last.take(id(1), 0, 5).unwrap();
        next.adopt(&last.snapshot());
        assert_eq!(next.take(id(1), 0, 6), Err(Refusal::Replayed));
        assert_eq!(next.take(id(2), 0, 6), Ok(()));
        let mut after_loss = Taken::default();
        after_loss.lost_before(100);
        assert_eq!(after_loss.take(id(1), 0, 101), Err(Refusal::Stale));
        assert_eq!(after_loss.take(id(3), 100, 101), Ok(()));
    }

    #[test]
    fn a_full_memory_refuses_and_forgets_nothing() {
        let mut taken = Taken::default();
        (0..u32::try_from(MOST).unwrap()).for_each(|number| taken.take(id(number), 0, 1).unwrap());
        assert_eq!(taken.take(id(u32::MAX), 0, 1), Err(Refusal::Full));
        assert_eq!(taken.take(id(0), 0, 1), Err(Refusal::Replayed));
    }
}
