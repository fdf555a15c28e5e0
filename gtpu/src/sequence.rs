//! What went missing, came twice or came late, by the sequence numbers of one tunnel.

/// Follows the sequence numbers of one tunnel, which wrap at 16 bits (TS 29.281 §5.1).
///
/// A number counts as missing when a later one has come, and no longer when it comes after all. What is [`WINDOW`] or
/// more behind the latest is taken as a new beginning: the sender has started again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SequenceCounter {
    /// The number that should come next; `None` takes any.
    next: Option<u16>,
    /// Bit `n` says that the number `n + 1` before `next` has come, or was before the beginning.
    seen: u128,
    received: u64,
    lost: u64,
    reordered: u64,
    duplicated: u64,
    restarts: u64,
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
    /// The sender has started again.
    Restarted,
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

    /// A number has come.
    pub fn record(&mut self, number: u16) -> Arrival {
        self.received += 1;
        let ahead = number.wrapping_sub(self.next.unwrap_or(number));
        if ahead < HALF {
            self.shift(u32::from(ahead) + 1);
            self.next = Some(number.wrapping_add(1));
            self.lost += u64::from(ahead);
            return if ahead == 0 { Arrival::InOrder } else { Arrival::After(ahead) };
        }
        let behind = ahead.wrapping_neg();
        if behind > WINDOW {
            self.restarts += 1;
            self.seen = u128::MAX;
            self.next = Some(number.wrapping_add(1));
            return Arrival::Restarted;
        }
        let bit = 1 << (behind - 1);
        if self.seen & bit != 0 {
            self.duplicated += 1;
            return Arrival::Twice;
        }
        self.seen |= bit;
        self.lost -= 1;
        self.reordered += 1;
        Arrival::Late
    }

    /// The next number may be any: the path has changed. What was counted stays.
    pub fn begin_again(&mut self) {
        self.next = None;
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

    /// How often the sender has started again.
    pub fn restarts(&self) -> u64 {
        self.restarts
    }

    /// Moves `next` on by `by`: the last number has come, those between have not.
    fn shift(&mut self, by: u32) {
        self.seen = self.seen.checked_shl(by).unwrap_or(0) | 1;
    }
}

/// How far behind a number may be to count as late.
const WINDOW: u16 = 128;
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
    fn what_is_far_behind_is_a_new_beginning() {
        let mut counter = SequenceCounter::expecting(0);
        counter.record(5_000);
        assert_eq!(counter.record(0), Arrival::Restarted);
        assert_eq!(counter.record(1), Arrival::InOrder);
        assert_eq!((counter.lost(), counter.restarts()), (5_000, 1));
    }
}
