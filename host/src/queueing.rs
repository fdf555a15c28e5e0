//! How long a thread waited for a processor: it could have run, and others did.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use crate::sched;

/// The calling thread's waits for a processor, lap by lap, as the scheduler counts them (`/proc/thread-self/schedstat`). What
/// the host of a virtual machine takes away, and what a stopped process misses, is not among them.
#[derive(Debug)]
pub struct Queueing {
    schedstat: File,
    waited: Duration,
    backlog: Backlog,
}

/// What came during a long wait is dealt with over several laps, until the thread sleeps again: it has waited all along.
#[derive(Debug, Default)]
struct Backlog {
    sleeps: u64,
    since: Duration,
}

impl Queueing {
    /// Of the calling thread, which alone may ask for laps. `None` where the system does not tell.
    pub fn of_this_thread() -> Option<Self> {
        let schedstat = File::open("/proc/thread-self/schedstat").ok()?;
        let mut queueing = Self { schedstat, waited: Duration::ZERO, backlog: Backlog::default() };
        queueing.waited = queueing.read()?;
        queueing.backlog.sleeps = sched::sleeps();
        Some(queueing)
    }

    /// How long what has come since the last lap may have waited because this thread was not let run.
    pub fn lap(&mut self) -> Duration {
        let Some(waited) = self.read() else { return Duration::ZERO };
        let lap = waited.saturating_sub(std::mem::replace(&mut self.waited, waited));
        self.backlog.lap(lap, sched::sleeps())
    }

    fn read(&self) -> Option<Duration> {
        let mut text = [0; 96];
        let length = self.schedstat.read_at(&mut text, 0).ok()?;
        waited(std::str::from_utf8(text.get(..length)?).ok()?)
    }
}

impl Backlog {
    fn lap(&mut self, waited: Duration, sleeps: u64) -> Duration {
        let slept = std::mem::replace(&mut self.sleeps, sleeps) != sleeps;
        self.since = if slept { waited } else { self.since.max(waited) };
        self.since
    }
}

/// The second of `ran waited slices`, ns. A thread that asks has a slice: where it has none, nobody counts.
fn waited(text: &str) -> Option<Duration> {
    let mut numbers = text.split_ascii_whitespace().map_while(|number| number.parse::<u64>().ok());
    let (_ran, waited, slices) = (numbers.next()?, numbers.next()?, numbers.next()?);
    (slices > 0).then(|| Duration::from_nanos(waited))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Instant;

    use super::*;

    #[test]
    fn what_came_during_a_wait_has_waited_until_the_thread_sleeps_again() {
        let ms = Duration::from_millis;
        let mut backlog = Backlog::default();
        assert_eq!(backlog.lap(ms(30), 1), ms(30));
        assert_eq!(backlog.lap(ms(0), 1), ms(30), "it has not slept: the rest of what came");
        assert_eq!(backlog.lap(ms(40), 1), ms(40));
        assert_eq!(backlog.lap(ms(0), 2), ms(0));
    }

    #[test]
    fn the_second_number_is_the_wait_and_a_system_that_does_not_count_is_known() {
        assert_eq!(waited("725933 1194266 8\n"), Some(Duration::from_nanos(1_194_266)));
        assert_eq!(waited("0 5 1\n"), Some(Duration::from_nanos(5)), "a thread that has only just begun");
        assert_eq!(waited("0 0 0\n"), None);
        assert_eq!(waited(""), None);
    }

    /// More threads than processors: each has to wait.
    #[test]
    fn thread_beside_too_many_others_waits() {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..2 * processors {
                scope.spawn(|| {
                    while !over.load(Ordering::Relaxed) {
                        std::hint::spin_loop();
                    }
                });
            }
            let waited = scope.spawn(|| {
                let Some(mut queueing) = Queueing::of_this_thread() else {
                    let counts = std::fs::read_to_string("/proc/thread-self/schedstat");
                    return counts.is_err() || counts.is_ok_and(|counts| counts.trim() == "0 0 0");
                };
                // The end is by what is to be seen; the bound is for one that sees nothing.
                let end = Instant::now() + Duration::from_secs(20);
                while Instant::now() < end {
                    if queueing.lap() >= Duration::from_millis(1) {
                        return true;
                    }
                }
                false
            });
            let waited = waited.join().unwrap();
            over.store(true, Ordering::Relaxed);
            assert!(waited);
        });
    }
}
