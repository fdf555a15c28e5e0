//! The rows of attempts that have ended, until a report takes them.

use wire::attempts::{AttemptRow, MOST_ROWS, RowOutcome, RowPolicy, RowUse, RowsLeftOut, RowsWanted, WHOLE};

/// The rows of one shard. Bounded: what finds no room is counted.
#[derive(Debug, Default)]
pub(crate) struct AttemptRows {
    wanted: RowsWanted,
    /// Draws the share, for each shard another.
    seed: u64,
    /// Attempts so far that no load has planned.
    self_started: u64,
    ended: Vec<AttemptRow>,
    left_out: RowsLeftOut,
}

impl AttemptRows {
    pub(crate) fn new(wanted: RowsWanted, seed: u64, shard: u32) -> Self {
        Self { wanted, seed: mixed(seed ^ u64::from(shard)), ..Self::default() }
    }

    /// What the row of an attempt is for that begins, given its load and its number in it, whatever becomes of it; one that no load
    /// has planned has neither. `None`: it has no row, even if it fails.
    pub(crate) fn may_have(&mut self, planned: Option<(usize, u64)>) -> Option<RowUse> {
        let RowsWanted { file, spans } = self.wanted;
        let share = |file| if let RowPolicy::Share(share) = file { Some(share) } else { None };
        let shares = (share(file), spans);
        let number = if shares == (None, None) { 0 } else { self.number(planned) };
        let drawn = |share: Option<u32>| share.is_some_and(|share| number < u64::from(share));
        let for_what = RowUse { file: file == RowPolicy::All || drawn(shares.0), span: drawn(spans) };
        let if_it_fails = file == RowPolicy::Failed || spans.is_some();
        (for_what.file || for_what.span || if_it_fails).then_some(for_what)
    }

    /// Of a million, by the seed.
    fn number(&mut self, planned: Option<(usize, u64)>) -> u64 {
        let (load, index) = planned.map_or_else(
            || {
                self.self_started += 1;
                (u64::MAX, self.self_started)
            },
            |(load, index)| (load as u64, index),
        );
        mixed(mixed(self.seed ^ load) ^ index) % u64::from(WHOLE)
    }

    /// The attempt of a row has ended.
    pub(crate) fn ended(&mut self, mut row: AttemptRow) {
        if row.outcome != RowOutcome::Succeeded {
            row.for_what.file |= self.wanted.file == RowPolicy::Failed;
            row.for_what.span |= self.wanted.spans.is_some();
        }
        // Spans of what succeeded are what can be done without most easily.
        let is_sample = row.outcome == RowOutcome::Succeeded && !row.for_what.file;
        let room = if is_sample { MOST_WAITING / 2 } else { MOST_WAITING };
        if row.for_what == RowUse::default() {
            return;
        }
        if self.ended.len() < room {
            self.ended.push(row);
        } else {
            self.left_out.count(row.for_what);
        }
    }

    /// The rows that one report takes, and how many were left out; the other rows stay for the next report.
    pub(crate) fn take(&mut self) -> (Vec<AttemptRow>, RowsLeftOut) {
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

    fn file(file: RowPolicy) -> RowsWanted {
        RowsWanted { file, spans: None }
    }

    fn row(outcome: RowOutcome) -> AttemptRow {
        AttemptRow {
            for_what: RowUse::default(),
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
            let mut rows = AttemptRows::new(file(RowPolicy::Share(WHOLE / 10)), seed, shard);
            (0..100_000).filter(|index| rows.may_have(Some((1, *index))).is_some()).collect()
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
        let mut rows = AttemptRows::new(file(RowPolicy::Failed), 1, 0);
        assert!(rows.may_have(None).is_some() && rows.may_have(Some((0, 0))).is_some());
        let all = [RowOutcome::Succeeded, RowOutcome::Failed, RowOutcome::TimedOut, RowOutcome::Abandoned];
        all.into_iter().for_each(|outcome| rows.ended(row(outcome)));
        let outcomes: Vec<_> = rows.take().0.iter().map(|row| row.outcome).collect();
        assert_eq!(outcomes, all[1..]);
    }

    #[test]
    fn rows_beyond_a_report_wait_and_beyond_the_limit_are_counted() {
        let mut rows = AttemptRows::new(file(RowPolicy::All), 1, 0);
        let for_what = rows.may_have(None).unwrap();
        (0..MOST_WAITING + 5).for_each(|_| rows.ended(AttemptRow { for_what, ..row(RowOutcome::Failed) }));
        let (mut taken, mut left_out) = (0, 0);
        while !rows.fits_one_report() {
            let (report, without) = rows.take();
            assert_eq!(report.len(), MOST_ROWS);
            (taken, left_out) = (taken + report.len(), left_out + without.file);
        }
        taken += rows.take().0.len();
        assert_eq!((taken, left_out), (MOST_WAITING, 5));
    }

    #[test]
    fn spans_are_of_all_that_failed_and_of_a_share_of_what_did_not() {
        let mut rows =
            AttemptRows::new(RowsWanted { file: RowPolicy::Failed, spans: Some(WHOLE / 10) }, 7, 3);
        let mut play = |outcome| {
            for index in 0..10_000 {
                let for_what = rows.may_have(Some((0, index))).unwrap();
                rows.ended(AttemptRow { for_what, ..row(outcome) });
            }
            std::mem::take(&mut rows.ended)
        };
        let drawn = play(RowOutcome::Succeeded);
        assert!((900..1_100).contains(&drawn.len()), "{}", drawn.len());
        assert!(drawn.iter().all(|row| row.for_what == RowUse { file: false, span: true }));
        let failed = play(RowOutcome::TimedOut);
        assert_eq!(failed.len(), 10_000);
        assert!(failed.iter().all(|row| row.for_what == RowUse { file: true, span: true }));
    }

    #[test]
    fn failures_find_room_for_their_spans_when_successes_do_not() {
        let mut rows = AttemptRows::new(RowsWanted { file: RowPolicy::None, spans: Some(WHOLE) }, 1, 0);
        let mut play = |outcome, times| {
            for _ in 0..times {
                let for_what = rows.may_have(None).unwrap();
                rows.ended(AttemptRow { for_what, ..row(outcome) });
            }
        };
        play(RowOutcome::Succeeded, MOST_WAITING);
        play(RowOutcome::Failed, 100);
        assert_eq!(rows.left_out, RowsLeftOut { file: 0, spans: (MOST_WAITING / 2) as u64 });
        assert_eq!(rows.ended.iter().filter(|row| row.outcome == RowOutcome::Failed).count(), 100);
    }
}
