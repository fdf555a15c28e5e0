//! When a run stood still, or lost its coordinator, as `journal.ndjson` tells.

use serde::Deserialize;

/// Something that befell the run as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    /// What.
    pub kind: StopKind,
    /// When, µs since the run's start; the run's clock stands still while it is paused.
    pub at_us: u64,
    /// How long, µs; 0 where that is not known.
    pub for_us: u64,
}

/// What befell the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopKind {
    /// Somebody paused it.
    Paused,
    /// Its coordinator was started again.
    CoordinatorRestarted,
}

/// A line of the journal, as far as it is about this.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Decision {
    decision: String,
    run_us: u64,
    at_us: u64,
    paused_us: u64,
}

/// What the decisions tell, in their order.
pub(crate) fn of(decisions: impl Iterator<Item = Decision>) -> Vec<Stop> {
    let mut stops: Vec<Stop> = Vec::new();
    for told in decisions {
        match told.decision.as_str() {
            "paused the run" => stops.push(Stop { kind: StopKind::Paused, at_us: told.at_us, for_us: 0 }),
            "resumed the run" => {
                let open =
                    stops.iter_mut().rev().find(|stop| stop.kind == StopKind::Paused && stop.for_us == 0);
                if let Some(stop) = open {
                    stop.for_us = told.paused_us;
                }
            }
            "the coordinator was started again" => {
                stops.push(Stop { kind: StopKind::CoordinatorRestarted, at_us: told.run_us, for_us: 0 });
            }
            _ => {}
        }
    }
    stops
}
