//! A run as it comes in: what each procedure did in each stretch of time.

use std::collections::BTreeMap;

use crate::Samples;

/// A run, cut into units of equal length from its start.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunSeries {
    /// The length of its plan, in seconds: rates are for each of them.
    pub planned_s: f64,
    /// The length of a unit, in seconds.
    pub unit_s: f64,
    /// By procedure; all have the same units.
    pub procedures: BTreeMap<String, Vec<Unit>>,
    /// Attempts that the plan holds, by procedure.
    pub planned: BTreeMap<String, u64>,
}

/// What one procedure did in one unit of time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unit {
    /// Attempts that came due.
    pub due: u64,
    /// Attempts that ended and that the target had a part in.
    pub ended: u64,
    /// Those of them that succeeded.
    pub succeeded: u64,
    /// From the due time, µs, of those.
    pub latency: Samples,
    /// From the first octet, µs, of those.
    pub service: Samples,
}

impl RunSeries {
    /// Merges neighbours until there are at most [`MOST_UNITS`]: more tell nothing more about how a run varies.
    pub fn coarsen(&mut self) {
        while self.procedures.values().any(|units| units.len() > MOST_UNITS) {
            self.unit_s *= 2.0;
            for units in self.procedures.values_mut() {
                *units = units.chunks(2).map(Unit::sum).collect();
            }
        }
    }
}

impl Unit {
    fn sum(units: &[Self]) -> Self {
        let total = |of: fn(&Self) -> u64| units.iter().map(of).fold(0, u64::saturating_add);
        Self {
            due: total(|unit| unit.due),
            ended: total(|unit| unit.ended),
            succeeded: total(|unit| unit.succeeded),
            latency: Samples::merged(units.iter().map(|unit| &unit.latency)),
            service: Samples::merged(units.iter().map(|unit| &unit.service)),
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.due == 0 && self.ended == 0 && self.latency.pairs().is_empty()
    }
}

/// An hour of seconds becomes units of 4 s.
const MOST_UNITS: usize = 1200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coarse_units_hold_all_that_the_fine_ones_held() {
        let unit = |i: u64| Unit {
            due: i,
            ended: 1,
            succeeded: 1,
            latency: Samples::new(vec![(i, 1)]),
            ..Unit::default()
        };
        let fine: Vec<Unit> = (0..5001).map(unit).collect();
        let mut run = RunSeries {
            planned_s: 5001.0,
            unit_s: 1.0,
            procedures: BTreeMap::from([("a".to_owned(), fine.clone())]),
            ..RunSeries::default()
        };
        run.coarsen();
        let coarse = &run.procedures["a"];
        assert_eq!((coarse.len(), run.unit_s), (626, 8.0));
        assert_eq!(Unit::sum(coarse), Unit::sum(&fine));
    }
}
