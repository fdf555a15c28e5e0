//! Whether this process stood still: stopped by a signal, or with its whole machine suspended.
//!
//! Threads that go around often look at the clock as they go, and one that does nothing else looks while they wait. When
//! nobody has looked for [`LIMIT`], nothing of the process ran. What waited for it meanwhile was not the other side's fault.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use crate::lease::since_boot;

/// A process that does not run for this long stood still; what is shorter is a busy machine, and shows as lateness.
pub const LIMIT: Duration = Duration::from_secs(1);

/// A time in which nothing of the process ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoodStill {
    /// When it went on, since the machine's boot, suspension included.
    pub until: Duration,
    /// How long it had not run, suspension included.
    pub lasted: Duration,
}

/// Finds out when the process stood still. Everybody who looks shares it.
#[derive(Debug)]
pub struct Watch {
    /// When somebody last looked, µs since boot.
    looked_us: AtomicU64,
    /// How often it has stood still.
    count: AtomicU64,
    /// The last times that it did, at most [`MOST_KEPT`].
    kept: Mutex<VecDeque<StoodStill>>,
}

impl Watch {
    /// The one of this process. A thread looks every 200 ms for as long as anybody has it.
    pub fn of_this_process() -> Arc<Self> {
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(watch) = known.upgrade() {
            return watch;
        }
        let watch = Arc::new(Self::new(since_boot()));
        *known = Arc::downgrade(&watch);
        let looks = Arc::downgrade(&watch);
        // Without the thread those who have the watch still look.
        let spawned = std::thread::Builder::new().name("watch".to_owned()).spawn(move || {
            while let Some(watch) = looks.upgrade() {
                watch.look();
                drop(watch);
                std::thread::sleep(BEAT);
            }
        });
        if let Err(error) = spawned {
            tracing::warn!(%error, "no thread looks whether this process stands still");
        }
        watch
    }

    /// Looks at the clock. Cheap enough for every turn of an event loop.
    pub fn look(&self) {
        self.look_at(since_boot());
    }

    /// What has happened since the call before with the same cursor, which begins as [`Self::now`] has it.
    pub fn since(&self, cursor: &mut u64) -> Vec<StoodStill> {
        self.look();
        if self.count.load(Ordering::Acquire) == *cursor {
            return Vec::new();
        }
        let kept = self.kept();
        let count = self.count.load(Ordering::Acquire);
        let new = usize::try_from(count.saturating_sub(*cursor)).unwrap_or(usize::MAX);
        *cursor = count;
        kept.iter().skip(kept.len().saturating_sub(new)).copied().collect()
    }

    /// A cursor for which nothing has happened yet.
    pub fn now(&self) -> u64 {
        self.look();
        self.count.load(Ordering::Acquire)
    }

    fn new(now: Duration) -> Self {
        Self {
            looked_us: AtomicU64::new(micros(now)),
            count: AtomicU64::new(0),
            kept: Mutex::new(VecDeque::new()),
        }
    }

    fn look_at(&self, now: Duration) {
        let now_us = micros(now);
        if self.unseen_us(now_us) >= micros(LIMIT) {
            // Whoever comes first writes it down before the others can find that somebody has looked.
            let mut kept = self.kept();
            let lasted = Duration::from_micros(self.unseen_us(now_us));
            if lasted >= LIMIT {
                kept.push_back(StoodStill { until: now, lasted });
                if kept.len() > MOST_KEPT {
                    kept.pop_front();
                }
                self.count.fetch_add(1, Ordering::Release);
                self.looked_us.fetch_max(now_us, Ordering::Release);
            }
        }
        if self.unseen_us(now_us) >= SELDOM_US {
            self.looked_us.fetch_max(now_us, Ordering::Release);
        }
    }

    fn unseen_us(&self, now_us: u64) -> u64 {
        now_us.saturating_sub(self.looked_us.load(Ordering::Acquire))
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<StoodStill>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

static KNOWN: Mutex<Weak<Watch>> = Mutex::new(Weak::new());
/// How often somebody looks at least.
const BEAT: Duration = Duration::from_millis(200);
/// Who looks more often does not write to the memory that all share.
const SELDOM_US: u64 = 10_000;
const MOST_KEPT: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn time_in_which_nobody_looked_is_told_once_to_each_who_asks() {
        let watch = Watch::new(ms(1_000));
        let (mut one, mut other) = (0, 0);
        for now in [1_005, 1_200, 2_100, 3_099] {
            watch.look_at(ms(now));
        }
        assert_eq!(watch.count.load(Ordering::Acquire), 0, "999 ms are a busy machine");
        watch.look_at(ms(13_099));
        watch.look_at(ms(13_100));
        let expected = vec![StoodStill { until: ms(13_099), lasted: ms(10_000) }];
        let asked = |watch: &Watch, cursor: &mut u64| {
            let kept = watch.kept();
            let new = usize::try_from(watch.count.load(Ordering::Acquire) - *cursor).unwrap();
            *cursor += new as u64;
            kept.iter().skip(kept.len() - new).copied().collect::<Vec<_>>()
        };
        assert_eq!((asked(&watch, &mut one), asked(&watch, &mut other)), (expected.clone(), expected));
        assert_eq!(asked(&watch, &mut one), []);
    }

    #[test]
    fn many_standstills_keep_the_last_ones() {
        let watch = Watch::new(ms(0));
        (1..=100).for_each(|n| watch.look_at(ms(2_000 * n)));
        assert_eq!((watch.count.load(Ordering::Acquire), watch.kept().len()), (100, MOST_KEPT));
        let mut cursor = 0;
        // The clock of this machine is later than all of them.
        let told = watch.since(&mut cursor);
        assert_eq!(told.len(), MOST_KEPT);
        assert_eq!(cursor, 101);
    }

    /// However many threads look at once, each standstill is there once.
    #[test]
    fn threads_that_look_at_once_tell_of_it_once() {
        let watch = Watch::new(ms(0));
        for round in 1..=200u64 {
            std::thread::scope(|scope| {
                for thread in 0..4 {
                    let watch = &watch;
                    scope.spawn(move || watch.look_at(ms(round * 5_000 + thread)));
                }
            });
            assert_eq!(watch.count.load(Ordering::Acquire), round);
        }
    }
}
