//! The seconds of a run as intervals of its files: one each up to an hour, several above it, so that the files of a long run stay small.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::merge::Second;

/// Collects seconds into intervals of equal length.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Intervals {
    length_s: u64,
    open: Option<Second>,
}

impl Intervals {
    /// Of a run that is planned to last this long.
    pub(crate) fn of(planned: Duration) -> Self {
        Self { length_s: planned.as_secs().div_ceil(MOST_INTERVALS).max(1), open: None }
    }

    /// Adds the next second; an interval when it completes one.
    pub(crate) fn add(&mut self, second: &Second) -> Option<Second> {
        match &mut self.open {
            Some(open) => open.extend(second),
            None => self.open = Some(second.clone()),
        }
        // Intervals begin at multiples of their length, also after a restart in the middle of one.
        if (second.at_s + 1).is_multiple_of(self.length_s) { self.open.take() } else { None }
    }

    /// The interval that the end of the run cut short.
    pub(crate) fn finish(&mut self) -> Option<Second> {
        self.open.take()
    }
}

/// Of a run that lasts as long as planned.
const MOST_INTERVALS: u64 = 3600;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merge::Timeline;

    /// Every second of a run of this length, with a registration in each, through the files' intervals.
    fn intervals_of(planned_s: u64) -> Vec<Second> {
        let mut intervals = Intervals::of(Duration::from_secs(planned_s));
        let mut timeline = Timeline::default();
        let mut closed = Vec::new();
        for second in 1..=planned_s {
            timeline.resident(0, 1000 + second);
            for mut second in timeline.close_before(second, 3) {
                second.procedures.entry("registration".to_owned()).or_default().counts.due = 2;
                closed.extend(intervals.add(&second));
            }
        }
        closed.extend(intervals.finish());
        closed
    }

    #[test]
    fn up_to_an_hour_every_second_is_an_interval() {
        let intervals = intervals_of(3600);
        assert_eq!(intervals.len(), 3600);
        assert!(intervals.iter().all(|interval| interval.for_s == 1));
    }

    #[test]
    fn eight_hours_and_a_second_are_at_most_3600_intervals_that_hold_everything() {
        let planned_s = 8 * 3600 + 1;
        let intervals = intervals_of(planned_s);
        assert!(intervals.len() <= 3600, "{} intervals", intervals.len());
        assert_eq!(intervals.iter().map(|interval| interval.for_s).sum::<u64>(), planned_s);
        let due = |interval: &Second| interval.procedures["registration"].counts.due;
        assert_eq!(intervals.iter().map(due).sum::<u64>(), 2 * planned_s);
        assert!(intervals.iter().zip(intervals.iter().skip(1)).all(|(a, b)| a.at_s + a.for_s == b.at_s));
        assert_eq!((intervals[0].for_s, intervals[0].resident), (9, 1009));
    }
}
