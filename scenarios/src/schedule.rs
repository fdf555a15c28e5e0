//! When each attempt of one shard is due: the pacer's only input.

use std::sync::Arc;
use std::time::Duration;

use identity::Procedure;

use crate::curve::Curve;
use crate::random::CounterRng;
use crate::{Arrivals, stream_seed};

/// The attempts of one load in one shard, in order of time. Memory does not grow with their number.
#[derive(Clone, Debug)]
pub struct Schedule {
    procedure: Procedure,
    curve: Arc<Curve>,
    /// Attempts of this shard.
    planned: u64,
    next: u64,
    pattern: Pattern,
    /// When the last one was due: rounding must not put an attempt before its predecessor.
    last: Duration,
}

/// An attempt that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// Its number in this schedule, from 0.
    pub index: u64,
    /// When, since the start of the run.
    pub at: Duration,
}

/// One shard of how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stripe {
    pub(crate) shard: u32,
    pub(crate) of: u32,
}

impl Stripe {
    /// The shard's part of `total` things dealt round robin: the first shards get one more where it doesn't divide.
    pub(crate) fn part_of(self, total: u64) -> u64 {
        let (shard, of) = (u64::from(self.shard), u64::from(self.of));
        total / of + u64::from(shard < total % of)
    }
}

#[derive(Clone, Debug)]
enum Pattern {
    /// Attempt k of this shard is number k·S + s of all, and those are spaced evenly in Λ.
    Uniform { stripe: Stripe, spacing: f64 },
    /// A Poisson process under the condition that it has exactly the planned number of arrivals: those are distributed
    /// as sorted uniform variables, and these as partial sums of exponential gaps over the sum of all gaps.
    Poisson { gaps: CounterRng, so_far: f64, scale: f64 },
}

impl Schedule {
    /// `load` is the load's place in the scenario: it keeps the random streams of two loads apart.
    pub(crate) fn new(
        procedure: Procedure,
        arrivals: Arrivals,
        curve: Arc<Curve>,
        seed: u64,
        stripe: Stripe,
        load: u64,
    ) -> Self {
        let planned = stripe.part_of(curve.planned());
        let pattern = match arrivals {
            Arrivals::Uniform => {
                Pattern::Uniform { stripe, spacing: curve.total() / curve.planned().max(1) as f64 }
            }
            Arrivals::Poisson => {
                let place = [ARRIVALS_STREAM, u64::from(stripe.of), u64::from(stripe.shard), load];
                let gaps = CounterRng::new(stream_seed(seed, &place));
                let mut first_pass = gaps.clone();
                let sum: f64 = (0..=planned).map(|_| first_pass.next_exponential()).sum();
                Pattern::Poisson { gaps, so_far: 0.0, scale: curve.total() / sum }
            }
        };
        Self { procedure, curve, planned, next: 0, pattern, last: Duration::ZERO }
    }

    /// What is attempted.
    pub fn procedure(&self) -> Procedure {
        self.procedure
    }

    /// How many attempts there are from the beginning, whatever has been taken or skipped.
    pub fn planned(&self) -> u64 {
        self.planned
    }

    /// The next attempt will be this one; attempts before it are passed over. It never goes back.
    pub fn skip_to(&mut self, index: u64) {
        let index = index.min(self.planned);
        match &self.pattern {
            Pattern::Uniform { .. } => self.next = self.next.max(index),
            Pattern::Poisson { .. } => while self.next < index && self.next().is_some() {},
        }
    }

    /// The first attempt that is due then or later, whatever has been taken or skipped; [`Self::planned`] when there is none.
    pub fn first_at_or_after(&self, at: Duration) -> u64 {
        match &self.pattern {
            Pattern::Uniform { stripe, spacing } => {
                let due = |index| self.curve.when(evenly(index, *stripe, *spacing).min(self.curve.total()));
                let (mut low, mut high) = (0, self.planned);
                while low < high {
                    let middle = low + (high - low) / 2;
                    if due(middle) < at {
                        low = middle + 1;
                    } else {
                        high = middle;
                    }
                }
                // Where rounding has put one attempt a hair before its predecessor, the predecessor counts.
                while low > 0 && due(low - 1) >= at {
                    low -= 1;
                }
                low
            }
            Pattern::Poisson { gaps, scale, .. } => {
                let pattern = Pattern::Poisson { gaps: gaps.restarted(), so_far: 0.0, scale: *scale };
                let anew = Self { next: 0, last: Duration::ZERO, pattern, ..self.clone() };
                anew.take_while(|due| due.at < at).count() as u64
            }
        }
    }

    /// The same, from where this schedule stands: passes over what is due before, and never goes back. So a coordinator that
    /// asks for later and later times adds up the gaps of Poisson arrivals only once.
    pub fn skip_before(&mut self, at: Duration) -> u64 {
        if let Pattern::Uniform { .. } = self.pattern {
            self.next = self.next.max(self.first_at_or_after(at));
            return self.next;
        }
        loop {
            let (next, last, pattern) = (self.next, self.last, self.pattern.clone());
            match self.next() {
                Some(due) if due.at < at => {}
                Some(_) => {
                    (self.next, self.last, self.pattern) = (next, last, pattern);
                    return next;
                }
                None => return self.planned,
            }
        }
    }
}

/// Λ of an attempt of a shard when all are spaced evenly.
fn evenly(index: u64, stripe: Stripe, spacing: f64) -> f64 {
    let number = index * u64::from(stripe.of) + u64::from(stripe.shard);
    (number as f64 + 0.5) * spacing
}

impl Iterator for Schedule {
    type Item = Due;

    fn next(&mut self) -> Option<Due> {
        if self.next >= self.planned {
            return None;
        }
        let index = self.next;
        self.next += 1;
        let due = match &mut self.pattern {
            Pattern::Uniform { stripe, spacing } => evenly(index, *stripe, *spacing),
            Pattern::Poisson { gaps, so_far, scale } => {
                *so_far += gaps.next_exponential();
                *so_far * *scale
            }
        };
        let at = self.curve.when(due.min(self.curve.total())).max(self.last);
        self.last = at;
        Some(Due { index, at })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = usize::try_from(self.planned - self.next);
        (left.unwrap_or(usize::MAX), left.ok())
    }
}

/// First part of the place of every arrival stream.
const ARRIVALS_STREAM: u64 = 1;
