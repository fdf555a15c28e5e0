//! The rows of attempts that have ended, until a report takes them.

use wire::attempts::{AttemptRow, MOST_ROWS, RowOutcome, RowPolicy, WHOLE};

/// The rows of one shard. Bounded: what finds no room is counted.
#[derive(Debug, Default)]
pub(crate) struct AttemptRows {
    policy: RowPolicy,
    /// Draws the share, for each shard another.
    seed: u64,
    /// Attempts so far that no load has planned.
    self_started: u64,
    ended: Vec<AttemptRow>,
    left_out: u64,
}

impl AttemptRows {
    pub(crate) fn new(policy: RowPolicy, seed: u64, shard: u32) -> Self {
        Self { policy, seed: mixed(seed ^ u64::from(shard)), ..Self::default() }
    }

    /// Whether an attempt may have a row, given its load and its number in it. One that no load has planned has neither.
    pub(crate) fn may_have(&mut self, planned: Option<(usize, u64)>) -> bool {
        match self.policy {
            RowPolicy::None => false,
            RowPolicy::Failed | RowPolicy::All => true,
            RowPolicy::Share(share) => {
                let (load, index) = planned.map_or_else(
                    || {
                        self.self_started += 1;
                        (u64::MAX, self.self_started)
                    },
                    |(load, index)| (load as u64, index),
                );
                mixed(mixed(self.seed ^ load) ^ index) % u64::from(WHOLE) < u64::from(share)
            }
        }
    }

    /// The attempt of a row has ended.
    pub(crate) fn ended(&mut self, row: AttemptRow) {
        if self.policy == RowPolicy::Failed && row.outcome == RowOutcome::Succeeded {
            return;
        }
        if self.ended.len() < MOST_WAITING {
            self.ended.push(row);
        } else {
            self.left_out += 1;
        }
    }

    /// The rows that one report takes, and how many were left out; the other rows stay for the next report.
    pub(crate) fn take(&mut self) -> (Vec<AttemptRow>, u64) {
        let rest = self.ended.split_off(self.ended.len().min(MOST_ROWS));
        (std::mem::replace(&mut self.ended, rest), std::mem::take(&mut self.left_out))
    }

    /// Whether one report takes all the rows that there are.
    pub(crate) fn fits_one_report(&self) -> bool {
        self.ended.len() <= MOST_ROWS
    }
}

/// The finaliser of SplitMix64: every bit of the result depends on every bit of the number.
fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// Rows of one shard that wait for a report.
const MOST_WAITING: usize = 16 * MOST_ROWS;

#[cfg(test)]
mod tests {
    use super::*;

    fn row(outcome: RowOutcome) -> AttemptRow {
        AttemptRow {
            due_us: 1,
            procedure: 0,
            self_started: false,
            supi: None,
            outcome,
            cause: String::new(),
            latency_us: None,
            service_us: None,
            lateness_us: None,
            cell: None,
            target: None,
        }
    }

    #[test]
    fn share_is_drawn_by_seed_and_shard_and_about_as_large_as_asked_for() {
        let drawn = |seed, shard| -> Vec<u64> {
            let mut rows = AttemptRows::new(RowPolicy::Share(WHOLE / 10), seed, shard);
            (0..100_000).filter(|index| rows.may_have(Some((1, *index)))).collect()
        };
        let first = drawn(7, 3);
        assert!((9_500..10_500).contains(&first.len()), "{}", first.len());
        assert_eq!(first, drawn(7, 3), "one seed gives the same attempts");
        for other in [drawn(8, 3), drawn(7, 4)] {
            let same = other.iter().filter(|index| first.binary_search(index).is_ok()).count();
            assert!((800..1_200).contains(&same), "{same}");
        }
    }

    #[test]
    fn failed_rows_leave_out_the_successes_alone() {
        let mut rows = AttemptRows::new(RowPolicy::Failed, 1, 0);
        assert!(rows.may_have(None) && rows.may_have(Some((0, 0))));
        let all = [RowOutcome::Succeeded, RowOutcome::Failed, RowOutcome::TimedOut, RowOutcome::Abandoned];
        all.into_iter().for_each(|outcome| rows.ended(row(outcome)));
        let outcomes: Vec<_> = rows.take().0.iter().map(|row| row.outcome).collect();
        assert_eq!(outcomes, all[1..]);
    }

    #[test]
    fn rows_beyond_a_report_wait_and_beyond_the_limit_are_counted() {
        let mut rows = AttemptRows::new(RowPolicy::All, 1, 0);
        (0..MOST_WAITING + 5).for_each(|_| rows.ended(row(RowOutcome::Failed)));
        let (mut taken, mut left_out) = (0, 0);
        while !rows.fits_one_report() {
            let (report, without) = rows.take();
            assert_eq!(report.len(), MOST_ROWS);
            (taken, left_out) = (taken + report.len(), left_out + without);
        }
        taken += rows.take().0.len();
        assert_eq!((taken, left_out), (MOST_WAITING, 5));
    }
}
