//! Where is a target's knee? The highest rate at which its objectives hold, found by probes of a fixed rate each (ADR 16).
//!
//! ```text
//!        every rate holds            one holds, one does not                    pair is narrow enough
//! Growing ───────────────► Reached    Growing ─────► Bisecting ──────────────────────────► Verifying ─► Found
//!    └── the lowest does not hold ─► Never            └─ a verification contradicts ─◄───────┘
//! ```
//! A pure state machine: it asks for a rate, and is told what came of it.

mod knee;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use knee::Knee;

use knee::knee;

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SearchSettings {
    /// The first rate, and the lowest, per second.
    pub from: f64,
    /// The highest rate that is probed, per second.
    pub to: f64,
    /// How near the knee is to be known, relative: 0.05.
    pub precision: f64,
    /// Probes at each side of the knee that must agree.
    pub agreeing: u32,
    /// No more probes than this.
    pub most_probes: u32,
}

impl Default for SearchSettings {
    fn default() -> Self {
        Self { from: 10.0, to: 100_000.0, precision: 0.05, agreeing: 3, most_probes: 60 }
    }
}

/// What a probe came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProbeOutcome {
    /// The objectives held.
    Held,
    /// One did not.
    Broke,
    /// The generator could not make this rate: nothing is known of the target.
    Generator,
}

impl ProbeOutcome {
    /// As `summary.json` has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Broke => "broke",
            Self::Generator => "generator",
        }
    }
}

/// One probe.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Probed {
    /// Its rate, per second.
    pub rate: f64,
    /// What it came to.
    pub outcome: ProbeOutcome,
}

/// How a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "ended")]
pub enum SearchEnd {
    /// The target was the limit.
    Found(Knee),
    /// The highest rate of the search holds.
    Reached {
        /// That rate, per second.
        rate: f64,
    },
    /// Not even the lowest rate holds.
    Never {
        /// That rate, per second.
        rate: f64,
    },
    /// The generator was the limit: the target holds at least this much, 0 when nothing is known.
    GeneratorLimited {
        /// Highest rate that held, per second.
        held: f64,
        /// Lowest rate that the generator could not make.
        failed: f64,
    },
}

/// A search under way.
#[derive(Clone, Debug)]
pub struct Search {
    settings: SearchSettings,
    probes: Vec<Probed>,
}

impl Search {
    /// Begins at the lowest rate.
    pub fn new(settings: SearchSettings) -> Self {
        Self { settings, probes: Vec::new() }
    }

    /// What was probed so far.
    pub fn probes(&self) -> &[Probed] {
        &self.probes
    }

    /// Tells what came of a probe.
    pub fn probed(&mut self, rate: f64, outcome: ProbeOutcome) {
        self.probes.push(Probed { rate, outcome });
    }

    /// The rate to be probed next, or how the search ends. The same until a probe is told.
    pub fn next(&self) -> Result<f64, SearchEnd> {
        let SearchSettings { from, to, precision, agreeing, most_probes } = self.settings;
        let Some(lowest) = self.majority_at(from) else { return Ok(from) };
        if lowest == ProbeOutcome::Broke {
            // An accident at the very first rate must not end the search.
            return if self.votes(from).1 >= 2 { Err(SearchEnd::Never { rate: from }) } else { Ok(from) };
        }
        let generator = self.lowest_rate_of(ProbeOutcome::Generator);
        if lowest == ProbeOutcome::Generator {
            return if self.count(from, ProbeOutcome::Generator) >= 2 {
                Err(SearchEnd::GeneratorLimited { held: 0.0, failed: from })
            } else {
                Ok(from)
            };
        }
        let (held, broke) = self.bracket();
        let exhausted = self.probes.len() >= most_probes as usize;
        let Some(broke) = broke else {
            return match generator {
                Some(failed) if failed > held => self.below_generator(held, failed, exhausted),
                _ if held >= to => Err(SearchEnd::Reached { rate: to }),
                _ if exhausted => Err(SearchEnd::Reached { rate: held }),
                _ => Ok((held * GROWTH).min(to)),
            };
        };
        // A rate in between that the generator fails at again and again says nothing of the target, however often.
        let between = |rate: f64| {
            let failed = self.count(rate, ProbeOutcome::Generator) >= agreeing as usize;
            if failed { Err(SearchEnd::GeneratorLimited { held, failed: rate }) } else { Ok(rate) }
        };
        // Half the precision, since the knee may lie anywhere between the two.
        if broke / held > 1.0 + precision / 2.0 && !exhausted {
            return between((held * broke).sqrt());
        }
        // Whichever side has fewer probes near the knee.
        let reach = 1.0 + precision;
        let near = |outcome, low: f64, high: f64| {
            self.probes.iter().filter(|p| p.outcome == outcome && p.rate >= low && p.rate <= high).count()
        };
        let below = near(ProbeOutcome::Held, held / reach, broke);
        let above = near(ProbeOutcome::Broke, held, broke * reach);
        if !exhausted && below < agreeing as usize {
            return between(held);
        }
        if !exhausted && above < agreeing as usize {
            return between(broke);
        }
        Err(SearchEnd::Found(knee(&self.probes, held, broke)))
    }

    /// Nothing broke, but from some rate on the generator fails: what it can just make is found by bisection too.
    fn below_generator(&self, held: f64, failed: f64, exhausted: bool) -> Result<f64, SearchEnd> {
        if failed / held > 1.0 + 2.0 * self.settings.precision && !exhausted {
            return Ok((held * failed).sqrt());
        }
        if self.count(failed, ProbeOutcome::Generator) < 2 && !exhausted {
            return Ok(failed);
        }
        Err(SearchEnd::GeneratorLimited { held, failed })
    }

    /// The two neighbouring rates between which the knee lies: the split that the fewest probes contradict.
    fn bracket(&self) -> (f64, Option<f64>) {
        let mut rates: Vec<f64> =
            self.probes.iter().filter(|p| p.outcome != ProbeOutcome::Generator).map(|p| p.rate).collect();
        rates.sort_by(f64::total_cmp);
        rates.dedup();
        // After how many of these rates the target breaks: what broke before it and what held after it contradicts.
        let contradicting = |split: usize| {
            let votes = |rate: &f64| self.votes(*rate);
            let before: usize = rates.iter().take(split).map(|rate| votes(rate).1).sum();
            let after: usize = rates.iter().skip(split).map(|rate| votes(rate).0).sum();
            before + after
        };
        // Of equal ones the lower: an objective that holds half the time does not hold.
        let split = (1..=rates.len()).min_by_key(|split| contradicting(*split)).unwrap_or(0);
        let held =
            split.checked_sub(1).and_then(|last| rates.get(last)).copied().unwrap_or(self.settings.from);
        (held, rates.get(split).copied())
    }

    /// How many probes of this rate held, and how many broke.
    fn votes(&self, rate: f64) -> (usize, usize) {
        (self.count(rate, ProbeOutcome::Held), self.count(rate, ProbeOutcome::Broke))
    }

    fn count(&self, rate: f64, outcome: ProbeOutcome) -> usize {
        self.probes.iter().filter(|probe| probe.rate == rate && probe.outcome == outcome).count()
    }

    fn majority_at(&self, rate: f64) -> Option<ProbeOutcome> {
        let (held, broke) = self.votes(rate);
        let generator = self.count(rate, ProbeOutcome::Generator);
        let most =
            [(held, ProbeOutcome::Held), (broke, ProbeOutcome::Broke), (generator, ProbeOutcome::Generator)];
        most.into_iter().rev().filter(|(n, _)| *n > 0).max_by_key(|(n, _)| *n).map(|(_, outcome)| outcome)
    }

    fn lowest_rate_of(&self, outcome: ProbeOutcome) -> Option<f64> {
        self.probes
            .iter()
            .filter(|probe| probe.outcome == outcome)
            .map(|probe| probe.rate)
            .min_by(f64::total_cmp)
    }
}

/// From probe to probe, until one breaks.
const GROWTH: f64 = 2.0;
