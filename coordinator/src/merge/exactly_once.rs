//! Merges interval reports exactly once: by shard, epoch and sequence (docs/adr/0006-exactly-once-merge.md).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wire::to_coordinator::{IntervalReport, PartInterval, ProcedureInterval};

use super::checks::{Limits, MOST_ATTEMPTS, OVERFLOW, attempts, check};
use super::figures::PhaseSamples;
use crate::histogram::{HistogramFault, Samples};

/// Decides which report counts. Holds no figures itself: what it hands out is to be stored, added and acknowledged,
/// in this order.
#[derive(Serialize, Deserialize)]
pub struct Merge {
    shards: Vec<ShardReports>,
    limits: Limits,
}

#[derive(Default, Serialize, Deserialize)]
struct ShardReports {
    epoch: u64,
    next: u64,
    /// Unacknowledged: a restart gets them again.
    #[serde(skip)]
    held: BTreeMap<u64, Checked>,
    counted: u64,
    /// Octets of all its usage records.
    used: u64,
}

/// A report whose content is possible, with its histograms checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    /// As received.
    pub report: IntervalReport,
    /// What was measured of each of its procedures.
    pub(crate) measured: Vec<Measurements>,
    /// What was measured of each of its parts.
    pub(crate) measured_parts: Vec<Measurements>,
}

/// The histograms of one procedure.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Measurements {
    pub(crate) latency: Samples,
    pub(crate) service: Samples,
    pub(crate) phases: PhaseSamples,
    pub(crate) lateness: Samples,
}

impl Checked {
    /// Procedures with what was measured of them.
    pub(crate) fn procedures(&self) -> impl Iterator<Item = (&ProcedureInterval, &Measurements)> {
        self.report.procedures.iter().zip(&self.measured)
    }

    /// What is counted apart, with what was measured of it.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (&PartInterval, &Measurements)> {
        self.report.parts.iter().zip(&self.measured_parts)
    }
}

/// What becomes of a report.
#[derive(Debug, PartialEq)]
pub enum Reception {
    /// It is the next one: count it, and those that waited for it, in this order; then acknowledge them.
    Next(Vec<Checked>),
    /// It is counted already: acknowledge it again.
    Duplicate,
    /// One before it is missing: it waits, unacknowledged.
    Held,
    /// Too far ahead of what is missing: refused, to be sent again later.
    TooFarAhead,
    /// Of a lease that has ended: refused.
    OldEpoch {
        /// The epoch that counts.
        current: u64,
    },
}

/// Why a report cannot be true. Its agent is not to be trusted any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The plan has no such shard.
    #[error("shard {0} does not exist")]
    Shard(u32),
    /// The epoch was never given out.
    #[error("shard {shard} has epoch {given}, and the report claims {claimed}")]
    Epoch {
        /// Which shard.
        shard: u32,
        /// The latest epoch.
        given: u64,
        /// The report's.
        claimed: u64,
    },
    /// The interval ends before it begins, or in the future.
    #[error("the interval from {from_us} to {to_us} µs is impossible")]
    Interval {
        /// Begin.
        from_us: u64,
        /// End.
        to_us: u64,
    },
    /// Not a procedure that agents measure, or twice in one report.
    #[error("procedure {0:?} is unknown or there twice")]
    Procedure(String),
    /// A histogram cannot be read.
    #[error("{procedure}: {fault}")]
    Histogram {
        /// Of which procedure.
        procedure: String,
        /// What is wrong with it.
        fault: HistogramFault,
    },
    /// The histogram does not hold one sample for each success.
    #[error("{procedure}: {succeeded} successes, but {samples} samples of latency or service time")]
    Samples {
        /// Of which procedure.
        procedure: String,
        /// What the report counts.
        succeeded: u64,
        /// What its histogram counts.
        samples: u64,
    },
    /// The lateness of more attempts than came due.
    #[error(
        "{procedure}: the schedule made {scheduled} attempts due, but {samples} samples say how late they left"
    )]
    Lateness {
        /// Of which procedure.
        procedure: String,
        /// What the report counts.
        scheduled: u64,
        /// What its histogram counts.
        samples: u64,
    },
    /// A usage record that cannot be true.
    #[error("the usage record {sequence} of session {session} of {supi}: {what}")]
    Usage {
        /// Whose.
        supi: String,
        /// Which session.
        session: u8,
        /// Which part of it.
        sequence: u32,
        /// What is wrong with it.
        what: &'static str,
    },
    /// Counts that no agent can reach, or too many causes, or a cause that is no text of a sane length.
    #[error("{0}")]
    Counts(&'static str),
}

impl Merge {
    /// No report yet of any of this many shards.
    pub fn new(shards: u32) -> Self {
        Self { shards: (0..shards).map(|_| ShardReports::default()).collect(), limits: Limits::default() }
    }

    /// A shard gets a new lease: reports of older ones don't count any more, sequences begin again at 0.
    pub fn lease(&mut self, shard: u32, epoch: u64) {
        if let Some(state) = self.state(shard)
            && epoch > state.epoch
        {
            let (counted, used) = (state.counted, state.used);
            *state = ShardReports { epoch, counted, used, ..ShardReports::default() };
        }
    }

    /// No interval may end after this, µs since the run's start.
    pub fn not_after(&mut self, horizon_us: u64) {
        self.limits.horizon_us = horizon_us;
    }

    /// The UNIX time in µs at which the run starts: no session begins before it.
    pub fn begins(&mut self, wall_us: u64) {
        self.limits.start_wall_us = wall_us;
    }

    /// How long the run's clock has stood still, µs: sessions went on.
    pub fn stood_still(&mut self, paused_us: u64) {
        self.limits.paused_us = paused_us;
    }

    /// The sequence that is missing next.
    pub fn next(&self, shard: u32) -> u64 {
        self.shards.get(index(shard)).map_or(0, |state| state.next)
    }

    /// Takes one report in.
    ///
    /// # Errors
    /// [`Fault`]: the report cannot be true. Nothing of it is counted.
    pub fn receive(&mut self, report: IntervalReport) -> Result<Reception, Fault> {
        let (shard, epoch, sequence, limits) = (report.shard, report.epoch, report.sequence, self.limits);
        let state = self.state(shard).ok_or(Fault::Shard(shard))?;
        if epoch > state.epoch {
            return Err(Fault::Epoch { shard, given: state.epoch, claimed: epoch });
        }
        if epoch < state.epoch {
            return Ok(Reception::OldEpoch { current: state.epoch });
        }
        if sequence < state.next || state.held.contains_key(&sequence) {
            let counted = sequence < state.next;
            return Ok(if counted { Reception::Duplicate } else { Reception::Held });
        }
        if sequence - state.next > MOST_HELD {
            return Ok(Reception::TooFarAhead);
        }
        let checked = check(report, limits)?;
        let attempts = checked.report.procedures.iter().fold(0u64, |sum, p| sum.saturating_add(attempts(p)));
        let counted = state.counted.checked_add(attempts).filter(|n| *n <= MOST_ATTEMPTS).ok_or(OVERFLOW)?;
        let used = checked.report.usage.iter().fold(0, |sum: u64, record| {
            sum.saturating_add(record.uplink.0).saturating_add(record.downlink.0)
        });
        state.used = state.used.checked_add(used).filter(|n| *n <= MOST_USED).ok_or(ABSURD_USAGE)?;
        state.counted = counted;
        if sequence > state.next {
            state.held.insert(sequence, checked);
            return Ok(Reception::Held);
        }
        let mut ready = vec![checked];
        state.next += 1;
        while let Some(held) = state.held.remove(&state.next) {
            ready.push(held);
            state.next += 1;
        }
        Ok(Reception::Next(ready))
    }

    fn state(&mut self, shard: u32) -> Option<&mut ShardReports> {
        self.shards.get_mut(index(shard))
    }
}

fn index(shard: u32) -> usize {
    usize::try_from(shard).unwrap_or(usize::MAX)
}

/// Reports of one shard that wait for a missing one.
const MOST_HELD: u64 = 64;
/// Octets that one shard can use in one run; leaves room to add all shards up.
const MOST_USED: u64 = 1 << 56;
const ABSURD_USAGE: Fault = Fault::Counts("more octets of user data than any agent can carry");
