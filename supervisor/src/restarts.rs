//! Whether a child that has ended is started again, and when. No clock: time is an argument.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::{Exit, TRY_AGAIN};

/// How often, and how fast.
#[derive(Clone, Copy, Debug)]
pub struct RestartPolicy {
    /// Before the first restart; doubles with each one that follows. 200 ms.
    pub first_wait: Duration,
    /// At most. 30 s.
    pub longest_wait: Duration,
    /// A child that lived so long was well: the next wait is the first one again. 60 s.
    pub well_after: Duration,
    /// Restarts within `window` at most; then it is a crash loop, and the supervisor ends. 10.
    pub most: usize,
    /// 10 min.
    pub window: Duration,
}

impl Default for RestartPolicy {
    fn default() -> Self {
        Self {
            first_wait: Duration::from_millis(200),
            longest_wait: Duration::from_secs(30),
            well_after: Duration::from_secs(60),
            most: 10,
            window: Duration::from_secs(600),
        }
    }
}

/// What follows an exit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Start it again after this time; the how-manieth time within the window that is.
    Restart {
        /// How long to wait.
        wait: Duration,
        /// Restarts within the window, with this one.
        times: usize,
    },
    /// It has done its work, or its input is wrong: starting it again would change nothing.
    Done,
    /// It dies again and again.
    CrashLoop,
}

/// Counts restarts.
#[derive(Debug)]
pub struct Restarts {
    policy: RestartPolicy,
    recent: VecDeque<Instant>,
    wait: Duration,
}

impl Restarts {
    /// None yet.
    pub fn new(policy: RestartPolicy) -> Self {
        Self { policy, recent: VecDeque::new(), wait: policy.first_wait }
    }

    /// A child ended after this time. One that only says that it is to try again later never makes a crash loop.
    pub fn after(&mut self, exit: Exit, lived: Duration, now: Instant) -> Next {
        if matches!(exit, Exit::Code(0 | INPUT_IS_WRONG)) {
            return Next::Done;
        }
        let policy = &self.policy;
        while self.recent.front().is_some_and(|at| now.duration_since(*at) > policy.window) {
            self.recent.pop_front();
        }
        if exit != Exit::Code(TRY_AGAIN) {
            if self.recent.len() >= policy.most {
                return Next::CrashLoop;
            }
            self.recent.push_back(now);
        }
        if lived >= policy.well_after {
            self.wait = policy.first_wait;
        }
        let wait = self.wait;
        self.wait = (wait * 2).min(policy.longest_wait);
        Next::Restart { wait, times: self.recent.len() }
    }
}

const INPUT_IS_WRONG: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_a_child_that_was_well_starts_anew() {
        let (now, mut restarts) = (Instant::now(), Restarts::new(RestartPolicy::default()));
        let mut wait = |lived_s| match restarts.after(Exit::Signal(9), Duration::from_secs(lived_s), now) {
            Next::Restart { wait, .. } => wait.as_millis(),
            other => panic!("{other:?}"),
        };
        assert_eq!([wait(0), wait(0), wait(0), wait(61), wait(0)], [200, 400, 800, 200, 400]);
    }

    #[test]
    fn crash_loop_ends_and_an_old_crash_is_forgotten() {
        let (now, mut restarts) = (Instant::now(), Restarts::new(RestartPolicy::default()));
        let crash = |restarts: &mut Restarts, at| restarts.after(Exit::Code(101), Duration::ZERO, at);
        for _ in 0..10 {
            assert!(matches!(crash(&mut restarts, now), Next::Restart { .. }));
        }
        assert_eq!(crash(&mut restarts, now + Duration::from_secs(599)), Next::CrashLoop);
        assert!(matches!(
            crash(&mut restarts, now + Duration::from_secs(601)),
            Next::Restart { times: 1, .. }
        ));
    }

    #[test]
    fn work_that_is_done_and_input_that_is_wrong_are_not_repeated() {
        let (now, mut restarts) = (Instant::now(), Restarts::new(RestartPolicy::default()));
        assert_eq!(restarts.after(Exit::Code(0), Duration::ZERO, now), Next::Done);
        assert_eq!(restarts.after(Exit::Code(2), Duration::ZERO, now), Next::Done);
        for _ in 0..100 {
            assert!(matches!(
                restarts.after(Exit::Code(TRY_AGAIN), Duration::ZERO, now),
                Next::Restart { .. }
            ));
        }
    }
}
