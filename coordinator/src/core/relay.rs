//! UEs on their way from one holder of a shard to the next: sealed, so the coordinator only keeps and passes them on.
//!
//! They are kept in memory, and only so many, until the next holder has begun: one that never does has not used them up. What finds
//! no room, or is lost with this process, costs a registration of each UE anew (recovery).

use std::collections::BTreeMap;

use wire::to_agent::{LARGEST_BATCH, UeBatch};

/// Batches of shards that are between two holders.
#[derive(Default)]
pub(super) struct Relay {
    waiting: BTreeMap<u32, Vec<UeBatch>>,
    octets: usize,
}

impl Relay {
    /// Keeps the next part. False: it is not the next one, or too large; what there was of the shard is dropped. Where room is
    /// short, parts go that have been sent to a holder before (`is_sent`): they are kept for the case that it never begins.
    pub(super) fn add(&mut self, batch: UeBatch, is_sent: impl Fn(u32) -> bool) -> bool {
        while self.octets + batch.sealed.len() > MOST_OCTETS {
            let Some(sent) =
                self.waiting.keys().copied().find(|shard| *shard != batch.shard && is_sent(*shard))
            else {
                break;
            };
            self.drop(sent);
        }
        let parts = self.waiting.entry(batch.shard).or_default();
        let next = u32::try_from(parts.len()).unwrap_or(u32::MAX);
        let fits = batch.sealed.len() <= LARGEST_BATCH && self.octets + batch.sealed.len() <= MOST_OCTETS;
        if batch.part != next || batch.part >= batch.parts || !fits {
            self.drop(batch.shard);
            return false;
        }
        self.octets += batch.sealed.len();
        parts.push(batch);
        true
    }

    /// Whether every one of so many parts is here.
    pub(super) fn is_whole(&self, shard: u32, batches: u32) -> bool {
        let here = self.waiting.get(&shard).map_or(0, Vec::len);
        u32::try_from(here) == Ok(batches)
    }

    /// Whether there is anything of a shard.
    pub(super) fn holds(&self, shard: u32) -> bool {
        self.waiting.get(&shard).is_some_and(|parts| !parts.is_empty())
    }

    /// What there is of a shard, for the holder of this lease.
    pub(super) fn parts(&self, shard: u32, epoch: u64) -> Vec<UeBatch> {
        let parts = self.waiting.get(&shard).into_iter().flatten();
        parts.map(|batch| UeBatch { epoch, ..batch.clone() }).collect()
    }

    pub(super) fn drop(&mut self, shard: u32) {
        let parts = self.waiting.remove(&shard).unwrap_or_default();
        self.octets -= parts.iter().map(|batch| batch.sealed.len()).sum::<usize>();
    }
}

/// Of all shards that are on their way at once.
const MOST_OCTETS: usize = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(part: u32, octets: usize) -> UeBatch {
        UeBatch { shard: 3, epoch: 1, part, parts: 200, sealed: vec![0; octets] }
    }

    #[test]
    fn parts_in_order_are_kept_and_handed_out() {
        let mut relay = Relay::default();
        assert!(relay.add(batch(0, 10), nobody) && relay.add(batch(1, 20), nobody));
        assert!(relay.is_whole(3, 2) && !relay.is_whole(3, 3));
        for epoch in [2, 3] {
            let parts = relay.parts(3, epoch);
            assert!(parts.len() == 2 && parts.iter().all(|batch| batch.epoch == epoch));
        }
        relay.drop(3);
        assert_eq!((relay.octets, relay.is_whole(3, 0)), (0, true));
    }

    #[test]
    fn part_that_is_missing_drops_the_shard() {
        let mut relay = Relay::default();
        assert!(relay.add(batch(0, 10), nobody) && !relay.add(batch(2, 10), nobody));
        assert_eq!((relay.octets, relay.parts(3, 2).len()), (0, 0));
    }

    fn nobody(_: u32) -> bool {
        false
    }

    #[test]
    fn parts_that_have_been_sent_make_room_for_those_that_have_not() {
        let mut relay = Relay::default();
        let of = |shard, part| UeBatch { shard, ..batch(part, LARGEST_BATCH) };
        for shard in 0..2 {
            (0..30).for_each(|part| assert!(relay.add(of(shard, part), nobody)));
        }
        (0..30).for_each(|part| assert!(relay.add(of(2, part), |shard| shard == 1)));
        assert!(relay.is_whole(0, 30) && !relay.holds(1) && relay.is_whole(2, 30));
    }

    #[test]
    fn octets_are_bounded() {
        let mut relay = Relay::default();
        let kept = (0..200).take_while(|part| relay.add(batch(*part, LARGEST_BATCH), nobody)).count();
        assert_eq!((kept, relay.octets), (64, 0));
    }
}
