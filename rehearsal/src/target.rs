//! What the agents signal to, and the only witness: it sees every start, whoever makes it, and remembers it.

use std::collections::BTreeMap;

use scenarios::stream_seed;

use crate::clock::Time;

/// One attempt of the plan: shard, load, number within the shard's part of the load.
pub(crate) type Attempt = (u32, usize, u64);

/// One start, as the target saw it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    pub(crate) at: Time,
    /// When it was due, by the clock of its agent.
    #[expect(dead_code, reason = "told with a violation")]
    pub(crate) due: Time,
    pub(crate) epoch: u64,
    pub(crate) agent: usize,
}

/// How an attempt goes: a function of the seed and the attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Succeeds { after_us: u64 },
    Fails { after_us: u64 },
    TimesOut { after_us: u64 },
}

#[derive(Default)]
pub(crate) struct Target {
    starts: BTreeMap<Attempt, Vec<Start>>,
    /// Of each shard: the newest epoch that was seen, and since when.
    newest: BTreeMap<u32, (u64, Time)>,
    /// What must never happen, in words.
    pub(crate) violations: Vec<String>,
}

impl Target {
    /// An agent starts an attempt.
    pub(crate) fn start(&mut self, attempt: Attempt, start: Start) {
        let earlier = self.starts.entry(attempt).or_default();
        if let Some(first) = earlier.first() {
            self.violations.push(format!("attempt {attempt:?} was started twice: {first:?} and {start:?}"));
        }
        earlier.push(start);
        let newest = self.newest.entry(attempt.0).or_insert((start.epoch, start.at));
        if start.epoch < newest.0 {
            self.violations.push(format!(
                "attempt {attempt:?} was started under epoch {} by agent {} at {} µs, after epoch {} at {} µs",
                start.epoch, start.agent, start.at, newest.0, newest.1
            ));
        } else if start.epoch > newest.0 {
            *newest = (start.epoch, start.at);
        }
    }

    pub(crate) fn starts(&self) -> &BTreeMap<Attempt, Vec<Start>> {
        &self.starts
    }
}

/// How an attempt goes under a seed.
pub(crate) fn fate(seed: u64, (shard, load, index): Attempt) -> Fate {
    let draw = stream_seed(seed, &[FATES, u64::from(shard), load as u64, index]);
    let after_us =
        1_000 + (draw >> 8) % 200_000 + if (draw >> 40).is_multiple_of(50) { 1_500_000 } else { 0 };
    match draw % 100 {
        0..3 => Fate::Fails { after_us },
        3..5 => Fate::TimesOut { after_us: 2_000_000 },
        _ => Fate::Succeeds { after_us },
    }
}

const FATES: u64 = 77;
