//! Keeps the machine usable: real-time threads that take nearly all processors share fairly for a while.
//!
//! A thread of its own looks twice a second what the real-time threads of this process have used. Whoever is real-time
//! goes before everybody else, so that two of them could hold two processors for good: the connection to the coordinator,
//! and who wants to stop the run, would have what the kernel leaves (`sched_rt_runtime_us`, usually 5 %). Together they
//! may have [`MOST`] of the processors; beyond, all of them are set back to fair shares for as long as a look takes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::priority::{Role, real_time, short_slice};
use crate::sched;

/// The real-time threads of this process.
struct Watched {
    threads: Vec<Watch>,
    /// Whether somebody looks.
    looking: bool,
}

/// One of them.
struct Watch {
    thread: i32,
    role: Role,
    used: Duration,
}

/// From now on the calling thread is watched.
pub(crate) fn over(thread: i32, role: Role) {
    let used = sched::processor_time(thread).unwrap_or_default();
    let mut watched = lock();
    watched.threads.push(Watch { thread, role, used });
    if !watched.looking {
        let looker = std::thread::Builder::new().name("priority".to_owned()).spawn(look);
        watched.looking = looker.is_ok();
        if !watched.looking {
            // Nobody would set it back.
            watched.threads.clear();
            short_slice(thread);
        }
    }
}

/// It ends.
pub(crate) fn no_more(thread: i32) {
    lock().threads.retain(|watch| watch.thread != thread);
}

/// How often the real-time threads of this process were set back to fair shares, because they took too much.
pub fn set_back() -> u64 {
    SET_BACK.load(Ordering::Relaxed)
}

/// Until there is nothing to watch.
fn look() {
    // Before those that it watches: they could keep it from looking.
    let me = sched::own_thread();
    let first = (1..=3).rev().find(|priority| sched::make_real_time(me, *priority).is_ok());
    tracing::debug!(?first, "watching what real-time threads take");
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let (mut looked, mut set_back) = (Instant::now(), false);
    loop {
        std::thread::sleep(LOOK);
        let passed = std::mem::replace(&mut looked, Instant::now()).elapsed();
        let mut watched = lock();
        if watched.threads.is_empty() {
            watched.looking = false;
            return;
        }
        let used = watched.threads.iter_mut().map(Watch::used).sum();
        let too_much = is_too_much(used, passed, processors);
        if set_back {
            watched.threads.iter().for_each(|watch| drop(real_time(watch.thread, watch.role)));
            set_back = false;
        } else if too_much {
            SET_BACK.fetch_add(1, Ordering::Relaxed);
            watched.threads.iter().for_each(|watch| {
                short_slice(watch.thread);
            });
            set_back = true;
        }
    }
}

impl Watch {
    /// Processor time since the last look.
    fn used(&mut self) -> Duration {
        let now = sched::processor_time(self.thread).unwrap_or(self.used);
        now.saturating_sub(std::mem::replace(&mut self.used, now))
    }
}

fn is_too_much(used: Duration, passed: Duration, processors: usize) -> bool {
    let processors = u32::try_from(processors).unwrap_or(u32::MAX);
    used.as_secs_f64() > MOST * passed.as_secs_f64() * f64::from(processors)
}

fn lock() -> std::sync::MutexGuard<'static, Watched> {
    WATCHED.lock().unwrap_or_else(PoisonError::into_inner)
}

static WATCHED: Mutex<Watched> = Mutex::new(Watched { threads: Vec::new(), looking: false });
static SET_BACK: AtomicU64 = AtomicU64::new(0);

/// How often is looked, and for how long threads are set back.
const LOOK: Duration = Duration::from_millis(500);
/// What real-time threads may have of all processors.
const MOST: f64 = 0.8;

#[cfg(test)]
mod tests {
    use oracles::skipped;

    use super::*;
    use crate::sched::Standing;
    use crate::{Granted, Priority, take};

    #[test]
    fn one_of_two_processors_may_be_taken_and_both_may_not() {
        let second = Duration::from_secs(1);
        assert!(!is_too_much(second, second, 2));
        assert!(!is_too_much(second * 8 / 5, second, 2));
        assert!(is_too_much(second * 17 / 10, second, 2));
        assert!(is_too_much(second * 9 / 10, second, 1));
    }

    /// Without the right to real-time priority there is nothing to see.
    #[test]
    fn threads_that_take_all_processors_are_set_back() {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let before = set_back();
        let threads: Vec<_> = (0..processors)
            .map(|_| {
                std::thread::spawn(move || {
                    let held = take(Priority::Auto, Role::Target);
                    if held.granted() != Granted::RealTime {
                        skipped("real-time", format!("{:?} was granted", held.granted()));
                        return true;
                    }
                    // They end by what is to be seen; the bound is for a watch that does nothing.
                    let end = Instant::now() + Duration::from_secs(20);
                    while Instant::now() < end {
                        if set_back() > before
                            && matches!(sched::standing(sched::own_thread()), Ok(Standing::Fair { .. }))
                        {
                            return true;
                        }
                    }
                    false
                })
            })
            .collect();
        assert!(threads.into_iter().all(|thread| thread.join().unwrap()));
    }
}
