//! What happened between the gNBs of a shard and their AMFs, until it is reported: a bounded list.

use std::collections::VecDeque;

use wire::to_coordinator::{LONGEST_EVENT, MOST_EVENTS, RanEvent};

/// The events that no report has taken yet.
#[derive(Default)]
pub(crate) struct RanEvents {
    waiting: VecDeque<RanEvent>,
    left_out: u64,
}

impl RanEvents {
    /// Something happened at `at_us` of the run, to this gNB.
    pub(crate) fn push(&mut self, at_us: u64, kind: &str, node: &str, details: &str) {
        if self.waiting.len() >= MOST_WAITING {
            self.left_out += 1;
            return;
        }
        let details: String =
            details.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST_EVENT / 4).collect();
        let node = node.chars().take(LONGEST_EVENT / 4).collect();
        self.waiting.push_back(RanEvent { at_us, kind: kind.to_owned(), node, details });
    }

    /// The events that one report takes, and how many were left out since the last; the rest stays for the next.
    pub(crate) fn take(&mut self) -> (Vec<RanEvent>, u64) {
        let taken = self.waiting.drain(..self.waiting.len().min(MOST_EVENTS)).collect();
        (taken, std::mem::take(&mut self.left_out))
    }

    /// Whether one report takes all that there are.
    pub(crate) fn fits_one_report(&self) -> bool {
        self.waiting.len() <= MOST_EVENTS
    }
}

/// Events that wait for reports.
const MOST_WAITING: usize = 16 * MOST_EVENTS;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_taken_in_order_and_those_beyond_the_limit_are_counted() {
        let mut events = RanEvents::default();
        for at in 0..MOST_WAITING as u64 + 5 {
            events.push(at, "overload-start", "gnb-1", "a\nb");
        }
        let mut all = Vec::new();
        let mut left_out = 0;
        while !events.fits_one_report() {
            let (taken, left) = events.take();
            assert!(taken.len() <= MOST_EVENTS);
            all.extend(taken);
            left_out += left;
        }
        all.extend(events.take().0);
        assert_eq!((all.len(), left_out), (MOST_WAITING, 5));
        assert!(all.iter().zip(0..).all(|(event, at)| event.at_us == at && event.details == "a b"));
    }
}
