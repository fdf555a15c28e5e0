//! What went missing, came twice or came late, by the sequence numbers of one tunnel.

/// Follows the sequence numbers of one tunnel, which wrap at 16 bits (TS 29.281 §5.1).
///
/// A number counts as missing when a later one has come, and no longer when it comes after all. What cannot be a loss is
/// counted apart, and nothing counts as missing by it: a sender that begins again at 0, and one that jumps by more than can
/// have been lost, or back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SequenceCounter {
    /// The number that should come next; `None` takes any.
    next: Option<u16>,
    /// Bit `n` says that the number `n + 1` before `next` has come, or was before the beginning.
    seen: u128,
    /// So many numbers from 0 on have come for the second time, one after the other.
    again: u16,
    received: u64,
    lost: u64,
    reordered: u64,
    duplicated: u64,
    restarts: u64,
    jumps: u64,
}

/// How a number came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// It was the next one.
    InOrder,
    /// So many before it have not come.
    After(u16),
    /// It was missing until now.
    Late,
    /// It had come before.
    Twice,
    /// The sender has begun again at 0.
    Restarted,
    /// It is further ahead than can have been lost, or further back than can be late.
    Jumped,
}

impl SequenceCounter {
    /// Takes the first number that comes for the first that was sent.
    pub fn new() -> Self {
        Self { seen: u128::MAX, ..Self::default() }
    }

    /// The first number that is sent is known.
    pub fn expecting(first: u16) -> Self {
        Self { next: Some(first), ..Self::new() }
    }

    /// A number has come, before which [`MOST_MISSING`] can have been lost.
    pub fn record(&mut self, number: u16) -> Arrival {
        self.record_after(number, MOST_MISSING)
    }

    /// A number has come, before which so many can have been lost; never more than half of all numbers.
    pub fn record_after(&mut self, number: u16, most_missing: u16) -> Arrival {
        self.received += 1;
        let next = self.next.unwrap_or(number);
        let (ahead, behind) = (number.wrapping_sub(next), next.wrapping_sub(number));
        // So many losses that end just there are less likely than a new beginning.
        let at_the_beginning = number == 0 && ahead > WINDOW / 2;
        if ahead <= most_missing.min(HALF - 1) && !at_the_beginning {
            self.again = 0;
            self.shift(u32::from(ahead) + 1);
            self.next = Some(number.wrapping_add(1));
            self.lost += u64::from(ahead);
            return if ahead == 0 { Arrival::InOrder } else { Arrival::After(ahead) };
        }
        if behind > WINDOW {
            self.go_on_after(number);
            if number < NEAR_THE_BEGINNING {
                self.restarts += 1;
                return Arrival::Restarted;
            }
            self.jumps += 1;
            return Arrival::Jumped;
        }
        let bit = 1 << (behind - 1);
        if self.seen & bit == 0 {
            self.again = 0;
            self.seen |= bit;
            self.lost -= 1;
            self.reordered += 1;
            return Arrival::Late;
        }
        self.twice(number)
    }

    /// A number has come again. The first ones one after the other are no copies: the sender has begun again.
    fn twice(&mut self, number: u16) -> Arrival {
        self.duplicated += 1;
        self.again = if number == self.again { number + 1 } else { u16::from(number == 0) };
        if self.again < BEGINS_AGAIN {
            return Arrival::Twice;
        }
        self.duplicated -= u64::from(BEGINS_AGAIN);
        self.restarts += 1;
        self.go_on_after(number);
        Arrival::Restarted
    }

    fn go_on_after(&mut self, number: u16) {
        self.again = 0;
        self.seen = u128::MAX;
        self.next = Some(number.wrapping_add(1));
    }

    /// The next number may be any: the path has changed. What was counted stays.
    pub fn begin_again(&mut self) {
        self.next = None;
        self.again = 0;
        self.seen = u128::MAX;
    }

    /// Numbers that came, also for the second time.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Numbers that have not come, though a later one has.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Numbers that came after a later one.
    pub fn reordered(&self) -> u64 {
        self.reordered
    }

    /// Numbers that came again.
    pub fn duplicated(&self) -> u64 {
        self.duplicated
    }

    /// How often the sender has begun again at 0.
    pub fn restarts(&self) -> u64 {
        self.restarts
    }

    /// How often the numbers went on at a place that no loss explains.
    pub fn jumps(&self) -> u64 {
        self.jumps
    }

    /// Moves `next` on by `by`: the last number has come, those between have not.
    fn shift(&mut self, by: u32) {
        self.seen = self.seen.checked_shl(by).unwrap_or(0) | 1;
    }
}

/// How many numbers can have been lost in a row, where nothing is known of the traffic.
pub const MOST_MISSING: u16 = 1_024;
/// How far behind a number may be to count as late.
const WINDOW: u16 = 128;
/// A sender whose numbers go on below this has begun again, and its first ones may have been lost.
const NEAR_THE_BEGINNING: u16 = 16;
/// So many of the first numbers that come again in their order are a new beginning.
const BEGINS_AGAIN: u16 = 3;
const HALF: u16 = 1 << 15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_wrap_without_loss() {
        let mut counter = SequenceCounter::expecting(65_530);
        for number in (65_530..=u16::MAX).chain(0..10) {
            assert_eq!(counter.record(number), Arrival::InOrder);
        }
        assert_eq!((counter.received(), counter.lost()), (16, 0));
    }

    #[test]
    fn what_comes_late_is_lost_no_more() {
        let mut counter = SequenceCounter::new();
        assert_eq!(counter.record(7), Arrival::InOrder);
        assert_eq!(counter.record(10), Arrival::After(2));
        assert_eq!(counter.record(8), Arrival::Late);
        assert_eq!(counter.record(8), Arrival::Twice);
        assert_eq!((counter.lost(), counter.reordered(), counter.duplicated()), (1, 1, 1));
    }

    #[test]
    fn a_new_beginning_is_no_loss() {
        // Far behind, within the window, and just before the numbers wrap.
        for before in [5_000u16, 39, 65_000] {
            let mut counter = SequenceCounter::expecting(before - 39);
            (before - 39..=before).for_each(|number| {
                counter.record(number);
            });
            (0..10).for_each(|number| {
                counter.record(number);
            });
            let counted = (counter.lost(), counter.restarts(), counter.jumps(), counter.duplicated());
            assert_eq!(counted, (0, 1, 0, 0), "after {before}");
            assert_eq!(counter.record(10), Arrival::InOrder);
        }
    }

    #[test]
    fn two_copies_are_no_new_beginning() {
        let mut counter = SequenceCounter::expecting(0);
        (0..5).for_each(|number| {
            counter.record(number);
        });
        assert_eq!([counter.record(0), counter.record(1), counter.record(5)].last(), Some(&Arrival::InOrder));
        assert_eq!([counter.record(2), counter.record(3)], [Arrival::Twice, Arrival::Twice]);
        assert_eq!((counter.duplicated(), counter.restarts()), (4, 0));
    }

    #[test]
    fn a_jump_is_no_loss() {
        for to in [30_000, 40_000, 50_000] {
            let mut counter = SequenceCounter::expecting(0);
            (0..20).for_each(|number| {
                counter.record(number);
            });
            assert_eq!(counter.record(to), Arrival::Jumped);
            assert_eq!(counter.record(to + 1), Arrival::InOrder);
            assert_eq!((counter.lost(), counter.jumps(), counter.restarts()), (0, 1, 0), "to {to}");
        }
        let mut counter = SequenceCounter::expecting(0);
        assert_eq!(counter.record_after(30, 20), Arrival::Jumped);
        assert_eq!(counter.record_after(51, 20), Arrival::After(20));
        assert_eq!((counter.lost(), counter.jumps()), (20, 1));
    }
}
