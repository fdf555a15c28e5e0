//! How much earlier than something is due its waiter must be woken, learnt from how late it was woken before.

use std::time::Duration;

/// The lateness of timers lately, as far as waiting awake can make up for it.
///
/// A timer wakes its thread late by what the processor needs to leave its idle state and the kernel to switch to it: some
/// 60 µs. Whoever is woken that much earlier, and waits the rest awake, is on time. Where the processor is taken by others,
/// being awake earlier does not help, takes from them, and costs the scheduler's favour: then there is none for a while.
#[derive(Debug)]
pub(crate) struct Oversleep {
    limit: Duration,
    /// Most of the sleeps lately were late by less.
    usual: Duration,
    /// Sleeps until there is an allowance again.
    wary: u32,
}

impl Oversleep {
    /// `limit` is the longest allowance; with zero there is none.
    pub(crate) fn new(limit: Duration) -> Self {
        Self { limit, usual: limit / 2, wary: 0 }
    }

    /// How much earlier than something is due to be woken.
    pub(crate) fn allowance(&self) -> Duration {
        if self.wary > 0 { Duration::ZERO } else { (self.usual + self.usual / 8).min(self.limit) }
    }

    /// A timed sleep was late by so much.
    pub(crate) fn slept(&mut self, late: Duration) {
        if late > self.limit * HOPELESS {
            self.wary = WARY;
            return;
        }
        self.wary = self.wary.saturating_sub(1);
        if late > self.usual {
            self.usual = (self.usual + (late - self.usual) / UP).min(self.limit);
        } else {
            self.usual -= (self.usual - late) / DOWN;
        }
    }

    /// Awake, the clock was read again after so long.
    pub(crate) fn looked(&mut self, after: Duration) {
        if after > self.limit * HOPELESS {
            self.wary = WARY;
        }
    }
}

/// A lateness of so many times the limit is not one of waking up: others had the processor.
const HOPELESS: u32 = 5;
/// So many sleeps in a row must not be hopeless before there is an allowance again.
const WARY: u32 = 100;
/// What is later than usual counts sixteen times as much as what is earlier: so one sleep in about twenty is later.
const UP: u32 = 4;
const DOWN: u32 = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMIT: Duration = Duration::from_micros(100);

    fn micros(micros: u64) -> Duration {
        Duration::from_micros(micros)
    }

    #[test]
    fn allowance_covers_most_sleeps_and_not_the_odd_one() {
        let mut oversleep = Oversleep::new(LIMIT);
        for number in 0..1_000 {
            // 30 µs to 40 µs, and one in fifty 90 µs.
            oversleep.slept(micros(if number % 50 == 0 { 90 } else { 30 + number % 11 }));
        }
        let allowance = oversleep.allowance();
        assert!((micros(40)..micros(70)).contains(&allowance), "{allowance:?}");
    }

    #[test]
    fn punctual_timers_need_no_allowance() {
        let mut oversleep = Oversleep::new(LIMIT);
        (0..1_000).for_each(|_| oversleep.slept(micros(1)));
        assert!(oversleep.allowance() < micros(3), "{:?}", oversleep.allowance());
    }

    #[test]
    fn taken_processor_ends_waiting_awake_until_it_has_been_free_for_a_while() {
        let mut oversleep = Oversleep::new(LIMIT);
        for taken in [Oversleep::slept, Oversleep::looked] {
            taken(&mut oversleep, micros(3_000));
            for _ in 0..WARY {
                assert_eq!(oversleep.allowance(), Duration::ZERO);
                oversleep.slept(micros(60));
            }
            assert!(oversleep.allowance() >= micros(60), "{:?}", oversleep.allowance());
        }
    }

    proptest! {
        /// Whatever sleeps are like, nobody is awake longer than the limit before something is due.
        #[test]
        fn allowance_stays_within_the_limit(
            limit in 0u64..1_000,
            sleeps in proptest::collection::vec((any::<bool>(), 0u64..10_000), 0..100),
        ) {
            let mut oversleep = Oversleep::new(micros(limit));
            for (asleep, late) in sleeps {
                if asleep { oversleep.slept(micros(late)) } else { oversleep.looked(micros(late)) }
                prop_assert!(oversleep.allowance() <= micros(limit));
            }
        }
    }
}
