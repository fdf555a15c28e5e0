//! A log of what happens again and again, as a flood from outside makes it: a few lines of each kind, then their count.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The place in the source that a line comes from: lines of one place are of one kind.
pub(crate) type Kind = (String, u32);

/// What was said and what was only counted, by kind.
#[derive(Default)]
pub(crate) struct Noise(Mutex<BTreeMap<Kind, Heard>>);

struct Heard {
    since: Instant,
    said: u32,
    counted: u64,
    /// The last one that was only counted.
    last: String,
}

impl Noise {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    /// A line of this kind; true when it is to be said.
    pub(crate) fn lets_through(&self, kind: Kind, line: &str, now: Instant) -> bool {
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let heard = kinds.entry(kind).or_insert_with(|| Heard::since(now));
        if heard.counted == 0 && now.saturating_duration_since(heard.since) >= PERIOD {
            *heard = Heard::since(now);
        }
        if heard.said < SAID {
            heard.said += 1;
            return true;
        }
        heard.counted += 1;
        line.clone_into(&mut heard.last);
        false
    }

    /// Whether something was counted that is not said yet.
    pub(crate) fn is_counting(&self) -> bool {
        let kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kinds.values().any(|heard| heard.counted > 0)
    }

    /// The counts whose period is over, or all of them, a line for each kind.
    pub(crate) fn counts(&self, now: Instant, all: bool) -> Vec<String> {
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lines = Vec::new();
        for heard in kinds.values_mut() {
            let for_ = now.saturating_duration_since(heard.since);
            if heard.counted > 0 && (all || for_ >= PERIOD) {
                lines.push(format!(
                    "{} more like this within {} s, the last one: {}",
                    heard.counted,
                    for_.as_secs().max(1),
                    heard.last
                ));
                *heard = Heard::since(now);
            }
        }
        lines
    }
}

impl Heard {
    fn since(now: Instant) -> Self {
        Self { since: now, said: 0, counted: 0, last: String::new() }
    }
}

/// Lines of one kind that are said in one period; the others are counted.
const SAID: u32 = 5;
/// One line with a count for each kind, so often.
pub(crate) const PERIOD: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_a_few_lines_and_a_count() {
        let (noise, start) = (Noise::new(), Instant::now());
        let flood = || ("server.rs".to_owned(), 7);
        let said =
            (0..26_660).filter(|n| noise.lets_through(flood(), &format!("message {n}"), start)).count();
        assert_eq!(said, 5);
        assert!(noise.lets_through(("stack.rs".to_owned(), 7), "another kind", start));
        assert_eq!(noise.counts(start + PERIOD / 2, false), Vec::<String>::new());
        assert!(noise.is_counting());
        let expected = "26655 more like this within 10 s, the last one: message 26659";
        assert_eq!(noise.counts(start + PERIOD, false), [expected]);
        assert!(!noise.is_counting());
        assert!(noise.lets_through(flood(), "again", start + PERIOD));
    }

    #[test]
    fn what_comes_now_and_then_is_always_said() {
        let (noise, start) = (Noise::new(), Instant::now());
        assert!((0..100).all(|n| noise.lets_through(
            ("a".to_owned(), 1),
            "now and then",
            start + PERIOD * n / 4
        )));
    }
}
