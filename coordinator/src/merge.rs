//! Merges interval reports exactly once: by shard, epoch and sequence (docs/adr/0006-exactly-once-merge.md).

use std::collections::BTreeMap;

use wire::to_coordinator::{IntervalReport, ProcedureInterval};

use crate::figures::Samples;
use crate::histogram::{self, HistogramFault, decode_v2};

/// Decides which report counts. Holds no figures itself: what it hands out is to be stored, added and acknowledged,
/// in this order.
pub struct Merge {
    shards: Vec<ShardReports>,
    horizon_us: u64,
}

#[derive(Default)]
struct ShardReports {
    epoch: u64,
    next: u64,
    held: BTreeMap<u64, Checked>,
    counted: u64,
}

/// A report whose content is possible, with its histograms read.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    /// As received.
    pub report: IntervalReport,
    /// Latency and service time of each of its procedures.
    pub(crate) samples: Vec<(Samples, Samples)>,
}

impl Checked {
    /// Procedures with the samples of their latency and service time.
    pub(crate) fn procedures(&self) -> impl Iterator<Item = (&ProcedureInterval, &Samples, &Samples)> {
        self.report.procedures.iter().zip(&self.samples).map(|(p, (latency, service))| (p, latency, service))
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
    /// Counts that no agent can reach, or too many causes, or a cause that is no text of a sane length.
    #[error("{0}")]
    Counts(&'static str),
}

impl Merge {
    /// No report yet of any of this many shards.
    pub fn new(shards: u32) -> Self {
        Self { shards: (0..shards).map(|_| ShardReports::default()).collect(), horizon_us: u64::MAX }
    }

    /// A shard gets a new lease: reports of older ones don't count any more, sequences begin again at 0.
    pub fn lease(&mut self, shard: u32, epoch: u64) {
        if let Some(state) = self.state(shard)
            && epoch > state.epoch
        {
            *state = ShardReports { epoch, counted: state.counted, ..ShardReports::default() };
        }
    }

    /// No interval may end after this, µs since the run's start.
    pub fn not_after(&mut self, horizon_us: u64) {
        self.horizon_us = horizon_us;
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
        let (shard, epoch, sequence, horizon_us) =
            (report.shard, report.epoch, report.sequence, self.horizon_us);
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
        let checked = check(report, horizon_us)?;
        let attempts = checked.report.procedures.iter().fold(0u64, |sum, p| sum.saturating_add(attempts(p)));
        state.counted =
            state.counted.checked_add(attempts).filter(|n| *n <= MOST_ATTEMPTS).ok_or(OVERFLOW)?;
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

fn check(report: IntervalReport, horizon_us: u64) -> Result<Checked, Fault> {
    let (from_us, to_us) = (report.from_us, report.to_us);
    if from_us > to_us || to_us > horizon_us {
        return Err(Fault::Interval { from_us, to_us });
    }
    if report.unexpected.len() > MOST_CAUSES
        || report.unexpected.iter().any(|(kind, _)| kind.len() > LONGEST_CAUSE)
    {
        return Err(Fault::Counts("too many or too long kinds of unexpected messages"));
    }
    let mut samples = Vec::with_capacity(PROCEDURES.len());
    for (position, procedure) in report.procedures.iter().enumerate() {
        let name = &procedure.procedure;
        let twice = report.procedures.iter().take(position).any(|earlier| earlier.procedure == *name);
        if twice || !PROCEDURES.contains(&name.as_str()) {
            return Err(Fault::Procedure(name.chars().take(LONGEST_CAUSE).collect()));
        }
        for causes in
            [&procedure.failed, &procedure.timed_out, &procedure.abandoned, &procedure.never_started]
        {
            if causes.len() > MOST_CAUSES || causes.iter().any(|(cause, _)| cause.len() > LONGEST_CAUSE) {
                return Err(Fault::Counts("too many or too long causes"));
            }
        }
        if attempts(procedure) > MOST_ATTEMPTS {
            return Err(OVERFLOW);
        }
        let read =
            |octets| decode_v2(octets).map_err(|fault| Fault::Histogram { procedure: name.clone(), fault });
        let both = (read(&procedure.latency_v2)?, read(&procedure.service_v2)?);
        for samples in [histogram::total(&both.0), histogram::total(&both.1)] {
            if samples != procedure.succeeded {
                return Err(Fault::Samples {
                    procedure: name.clone(),
                    succeeded: procedure.succeeded,
                    samples,
                });
            }
        }
        samples.push(both);
    }
    Ok(Checked { report, samples })
}

/// Everything that the interval counts, to be limited.
fn attempts(procedure: &ProcedureInterval) -> u64 {
    [&procedure.failed, &procedure.timed_out, &procedure.abandoned, &procedure.never_started]
        .into_iter()
        .flatten()
        .map(|(_, n)| *n)
        .chain([procedure.due, procedure.started, procedure.succeeded])
        .fold(0, u64::saturating_add)
}

/// The names that agents report: the scenario's procedures, and what a UE starts by itself.
const PROCEDURES: [&str; 6] = [
    "registration",
    "registration-retry",
    "deregistration",
    "service-request",
    "mobility-registration-update",
    "periodic-registration-update",
];

const OVERFLOW: Fault = Fault::Counts("more attempts than any agent can make");
/// Of one shard in one run; leaves room to add all shards up.
const MOST_ATTEMPTS: u64 = 1 << 48;
/// Reports of one shard that wait for a missing one.
const MOST_HELD: u64 = 64;
const MOST_CAUSES: usize = 300;
const LONGEST_CAUSE: usize = 200;
