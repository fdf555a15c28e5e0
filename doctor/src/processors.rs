//! How many processors there are, and how busy they are.

use std::time::Duration;

use crate::{Finding, Topic};

/// Looks at the processors for a moment; the workers of a run want most of one each.
pub(crate) fn look() -> Finding {
    let Some(mut meter) = host::Meter::start() else {
        return Finding::note(Topic::Processors, "this system does not say how busy its processors are");
    };
    std::thread::sleep(LOOK);
    let spent = meter.lap();
    let count = meter.processors();
    judge(count, busy(spent.own + spent.others, spent.own + spent.others + spent.idle))
}

fn busy(working: Duration, all: Duration) -> u32 {
    if all.is_zero() {
        return 0;
    }
    let percent = 100.0 * working.as_secs_f64() / all.as_secs_f64();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 100")]
    let percent = percent.round() as u32;
    percent
}

fn judge(count: u32, busy: u32) -> Finding {
    let what = if count == 1 { "processor" } else { "processors" };
    let found = format!("{count} {what}, {busy} % busy before the run");
    match (count, busy) {
        (_, BUSY..) => Finding::warning(
            Topic::Processors,
            found,
            "end what else runs here, or the generator may be late and the run invalid; or use another machine",
        ),
        (1, _) => Finding::warning(
            Topic::Processors,
            found,
            "agents and an embedded simulator want a processor each: with one, loads must be small",
        ),
        _ => Finding::good(Topic::Processors, found),
    }
}

/// How long the processors are looked at.
const LOOK: Duration = Duration::from_millis(300);
/// Per cent of all processors from which a run is in danger of being late.
const BUSY: u32 = 50;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Level;

    #[test]
    fn busy_processors_and_a_single_one_are_warned_of() {
        assert_eq!(judge(4, 10).level, Level::Good);
        assert_eq!(judge(4, 80).level, Level::Warning);
        assert_eq!(judge(1, 0).level, Level::Warning);
        assert_eq!(busy(Duration::from_millis(300), Duration::from_millis(600)), 50);
        assert_eq!(busy(Duration::ZERO, Duration::ZERO), 0);
    }
}
