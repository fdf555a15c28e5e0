//! Handovers: between which cells, how many came through, and how long each phase of them took.

use std::collections::BTreeMap;

use identity::CellId;
use results::{HandoverCells, HandoverSummary, PhaseSummary};
use serde::{Deserialize, Serialize};

use super::exactly_once::Checked;
use crate::histogram::{self, Histogram, percentiles};

/// The sums over all reports.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Handovers {
    cells: BTreeMap<(String, CellId, CellId), Ends>,
    /// Beyond [`MOST_PAIRS`]: counted, but not by cell.
    elsewhere: Ends,
    phases: BTreeMap<String, BTreeMap<String, Histogram>>,
}

#[derive(Clone, Copy, Default, Serialize, Deserialize)]
struct Ends {
    succeeded: u64,
    failed: u64,
}

impl Handovers {
    pub(crate) fn add(&mut self, checked: &Checked) {
        for count in &checked.report.handovers {
            let key = (count.procedure.clone(), count.source, count.target);
            let room = self.cells.len() < MOST_PAIRS || self.cells.contains_key(&key);
            let ends = if room { self.cells.entry(key).or_default() } else { &mut self.elsewhere };
            ends.succeeded = ends.succeeded.saturating_add(count.succeeded);
            ends.failed = ends.failed.saturating_add(count.failed);
        }
        for (procedure, measured) in checked.procedures() {
            for (phase, samples) in &measured.phases {
                let phases = self.phases.entry(procedure.procedure.clone()).or_default();
                if phases.len() < MOST_PHASES || phases.contains_key(phase) {
                    histogram::add(phases.entry(phase.clone()).or_insert_with(histogram::empty), samples);
                }
            }
        }
    }

    pub(crate) fn summary(&self) -> HandoverSummary {
        let sum = |of: fn(&Ends) -> u64| {
            self.cells.values().chain([&self.elsewhere]).map(of).fold(0, u64::saturating_add)
        };
        let cells = self.cells.iter().map(|((procedure, source, target), ends)| HandoverCells {
            procedure: procedure.clone(),
            source: source.to_string(),
            target: target.to_string(),
            succeeded: ends.succeeded,
            failed: ends.failed,
        });
        HandoverSummary {
            succeeded: sum(|ends| ends.succeeded),
            failed: sum(|ends| ends.failed),
            cells: cells.collect(),
            elsewhere: self.elsewhere.succeeded.saturating_add(self.elsewhere.failed),
            phases: self.phases.iter().map(|(name, phases)| (name.clone(), in_order(phases))).collect(),
        }
    }
}

/// Preparation, execution, completion (TS 23.502 §4.9.1.3); what else there is after them, by name.
fn in_order(phases: &BTreeMap<String, Histogram>) -> Vec<PhaseSummary> {
    let place = |name: &str| ORDER.iter().position(|known| *known == name).unwrap_or(ORDER.len());
    let mut ordered: Vec<_> = phases.iter().collect();
    ordered.sort_by_key(|(name, _)| place(name));
    ordered
        .into_iter()
        .map(|(phase, histogram)| PhaseSummary {
            phase: phase.clone(),
            samples: histogram.len(),
            latency_us: percentiles(histogram),
        })
        .collect()
}

const ORDER: [&str; 3] = ["preparation", "execution", "completion"];
/// Pairs of cells that are told apart: enough for each of 300 cells with each other.
const MOST_PAIRS: usize = 90_000;
const MOST_PHASES: usize = 8;
