//! What really happened on the agents' side: which attempts each report stands for, whichever report arrives.

use wire::to_agent::UeBatch;
use wire::to_coordinator::IntervalReport;

use crate::shard::{Made, Shard};
use crate::worker::batch;

#[derive(Default)]
pub(crate) struct Truth {
    reports: Vec<Made>,
    /// UEs under way: shard and number, by their place.
    under_way: Vec<(u32, u64)>,
    /// What must never happen, in words.
    pub(crate) violations: Vec<String>,
}

impl Truth {
    /// Marks a report, so that it is known wherever it comes up: in a field that is only summed up.
    pub(crate) fn made(&mut self, mut report: IntervalReport, made: Made) -> IntervalReport {
        report.messages_sent = self.reports.len() as u64;
        self.reports.push(made);
        report
    }

    /// What a merged report stands for.
    pub(crate) fn of(&self, report: &IntervalReport) -> Option<&Made> {
        self.reports.get(usize::try_from(report.messages_sent).ok()?)
    }

    /// The UEs of a shard that moves, in two parts.
    pub(crate) fn export(&mut self, shard: &Shard) -> Vec<UeBatch> {
        let half = shard.registered / 2;
        let mut part = |number, ues| {
            self.under_way.push((shard.number, ues));
            let sealed = (self.under_way.len() as u64 - 1).to_be_bytes().to_vec();
            batch(shard.number, shard.epoch, number, 2, sealed)
        };
        vec![part(0, half), part(1, shard.registered - half)]
    }

    /// The shard and the number of UEs that were sealed so.
    pub(crate) fn ues(&self, sealed: &[u8]) -> Option<(u32, u64)> {
        let place = u64::from_be_bytes(sealed.try_into().ok()?);
        self.under_way.get(usize::try_from(place).ok()?).copied()
    }
}
