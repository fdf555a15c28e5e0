//! One procedure of a run: its account and how long it took.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::float;
use crate::{Coverage, is_own_reason};

/// One procedure: `planned = succeeded + failed + timed_out + abandoned + never_started`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ProcedureSummary {
    /// What the plan holds; for what UEs start by themselves, what came due.
    pub planned: u64,
    /// What came due.
    pub due: u64,
    /// What was started.
    pub started: u64,
    /// Ended as wanted.
    pub succeeded: u64,
    /// Of these, those that nobody answers (a UE that is switched off): they have no latency.
    pub unanswered: u64,
    /// Refused or broken off by the network, by cause.
    pub failed: BTreeMap<String, u64>,
    /// Ended by a timer.
    pub timed_out: u64,
    /// The same by timer.
    pub timed_out_by_timer: BTreeMap<String, u64>,
    /// Given up by us, by reason.
    pub abandoned: BTreeMap<String, u64>,
    /// Never started.
    pub never_started: u64,
    /// The same by reason.
    pub never_started_by_reason: BTreeMap<String, u64>,
    /// From the due time, of what succeeded, µs.
    pub latency_us: Percentiles,
    /// From the first octet, of what succeeded, µs.
    pub service_us: Percentiles,
    /// How late the attempts left that the schedule made due, µs.
    pub lateness_us: Percentiles,
    /// Of how many attempts it is known how they ended.
    pub coverage: Coverage,
    /// The distribution of the latency: percentile and µs.
    pub percentiles: Vec<(f64, u64)>,
    /// The distribution of the service time.
    pub service_percentiles: Vec<(f64, u64)>,
}

macro_rules! percentiles {
    ($($(#[doc = $doc:literal])+ $key:ident: $quantile:literal, $percentile:literal, $title:literal;)+) => {
        /// Percentiles of one merged histogram, µs. Zeros when it is empty.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(default)]
        pub struct Percentiles {
            $($(#[doc = $doc])+ pub $key: u64,)+
            /// How many attempts they are of.
            pub samples: u64,
        }

        impl Percentiles {
            /// What its fields are.
            pub const TABLE: &[PercentileRow] =
                &[$(PercentileRow { key: stringify!($key), percentile: $percentile, title: $title },)+];

            /// Reads each of them from a distribution of so many samples.
            pub fn read(samples: u64, at_quantile: impl Fn(f64) -> u64) -> Self {
                Self { $($key: at_quantile($quantile),)+ samples }
            }

            /// Its values, in the order of the table; nothing where nothing was measured.
            pub fn values(&self) -> Option<impl Iterator<Item = u64> + use<>> {
                self.measured().map(|_| [$(self.$key,)+].into_iter())
            }
        }
    };
}
percentiles! {
    /// Median.
    p50: 0.5, 50.0, "p50 (median)";
    /// 90 %.
    p90: 0.9, 90.0, "p90";
    /// 95 %.
    p95: 0.95, 95.0, "p95";
    /// 99 %.
    p99: 0.99, 99.0, "p99";
    /// 99.9 %.
    p999: 0.999, 99.9, "p99.9";
    /// The largest.
    max: 1.0, 100.0, "max";
}

impl Percentiles {
    /// Itself, where anything was measured: an empty histogram reads as zeros, and no answer takes no time at all.
    pub fn measured(&self) -> Option<Self> {
        (self.max > 0).then_some(*self)
    }
}

/// One of the percentiles that a summary has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PercentileRow {
    /// Its key in `summary.json`.
    pub key: &'static str,
    /// Which it is: 50, 99.9, 100 for the largest.
    pub percentile: f64,
    /// As people call it.
    pub title: &'static str,
}

/// An outcome that attempts can have, as an account of a procedure lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutcomeCount<'a> {
    /// Which outcome.
    pub outcome: Outcome,
    /// How many attempts had it.
    pub total: u64,
    /// The same by cause; `None` where an outcome has none.
    pub by_cause: Option<&'a BTreeMap<String, u64>>,
}

/// How an attempt can end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As wanted.
    Succeeded,
    /// Refused or broken off by the network.
    Failed,
    /// By a timer.
    TimedOut,
    /// Given up by us.
    Abandoned,
    /// It never began.
    NeverStarted,
}

impl Outcome {
    /// In the order in which an account adds them up.
    pub const ALL: [Self; 5] =
        [Self::Succeeded, Self::Failed, Self::TimedOut, Self::Abandoned, Self::NeverStarted];

    /// As people read it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::TimedOut => "Timed out",
            Self::Abandoned => "Abandoned",
            Self::NeverStarted => "Never started",
        }
    }
}

impl ProcedureSummary {
    /// Attempts that the target had a part in: all that ended, but those that the fleet or the UE gave up for reasons of its
    /// own. Success is the share of these that succeeded, in conditions and wherever it is shown.
    pub fn judged(&self) -> u64 {
        let abandoned = self.abandoned.iter().filter(|(reason, _)| !is_own_reason(reason));
        let ended = [self.succeeded, sum(&self.failed), self.timed_out].into_iter();
        ended.chain(abandoned.map(|(_, n)| *n)).fold(0, u64::saturating_add)
    }

    /// Planned attempts that say nothing about the target: they never began, or were given up for reasons of the fleet or of
    /// the UE.
    pub fn not_judged(&self) -> u64 {
        self.planned.saturating_sub(self.judged())
    }

    /// The share of the judged attempts that succeeded, per cent; nothing where none was judged.
    pub fn success_percent(&self) -> Option<f64> {
        let judged = self.judged();
        (judged > 0).then(|| 100.0 * float(self.succeeded) / float(judged))
    }

    /// What failed, whatever the cause.
    pub fn all_failed(&self) -> u64 {
        sum(&self.failed)
    }

    /// Why attempts did not succeed, in the order of the account.
    pub fn causes(&self) -> impl Iterator<Item = (&String, &u64)> {
        self.account().into_iter().filter_map(|part| part.by_cause).flatten()
    }

    /// The account: with what was planned on the other side.
    pub fn account(&self) -> [OutcomeCount<'_>; 5] {
        Outcome::ALL.map(|outcome| {
            let (total, by_cause) = match outcome {
                Outcome::Succeeded => (self.succeeded, None),
                Outcome::Failed => (sum(&self.failed), Some(&self.failed)),
                Outcome::TimedOut => (self.timed_out, Some(&self.timed_out_by_timer)),
                Outcome::Abandoned => (sum(&self.abandoned), Some(&self.abandoned)),
                Outcome::NeverStarted => (self.never_started, Some(&self.never_started_by_reason)),
            };
            OutcomeCount { outcome, total, by_cause }
        })
    }
}

/// The entries of a map by procedure in this order, such as the scenario's; those that it does not name come last.
pub fn in_order<'a, T>(by_procedure: &'a BTreeMap<String, T>, order: &[String]) -> Vec<(&'a str, &'a T)> {
    let place = |name: &str| order.iter().position(|known| known == name).unwrap_or(usize::MAX);
    let mut all: Vec<_> = by_procedure.iter().map(|(name, of)| (name.as_str(), of)).collect();
    all.sort_by_key(|(name, _)| place(name));
    all
}

pub(crate) fn sum(by_cause: &BTreeMap<String, u64>) -> u64 {
    by_cause.values().fold(0, |sum, n| sum.saturating_add(*n))
}

/// One phase of a procedure.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct PhaseSummary {
    /// `preparation`, `execution`, `completion`.
    pub phase: String,
    /// How many times it was measured.
    pub samples: u64,
    /// How long it took, µs.
    pub latency_us: Percentiles,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn success_is_of_the_attempts_that_the_target_had_a_part_in() {
        let causes = |of: &[(&str, u64)]| of.iter().map(|(cause, n)| ((*cause).to_owned(), *n)).collect();
        let figures = ProcedureSummary {
            planned: 100,
            succeeded: 80,
            failed: causes(&[("congestion", 5)]),
            timed_out: 3,
            abandoned: causes(&[("agent-lost", 4), ("barred", 2), ("end-of-run", 1)]),
            never_started: 5,
            ..ProcedureSummary::default()
        };
        assert_eq!((figures.judged(), figures.not_judged()), (89, 11));
        assert_eq!(figures.success_percent(), Some(100.0 * 80.0 / 89.0));
        assert_eq!(ProcedureSummary::default().success_percent(), None, "nothing was judged");
        let all: Vec<&str> = figures.causes().map(|(cause, _)| cause.as_str()).collect();
        assert_eq!(all, ["congestion", "agent-lost", "barred", "end-of-run"]);
    }
}
