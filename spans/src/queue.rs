//! What waits to become spans. Bounded: who tells never waits, and what has no room is counted.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use coordinator::{AttemptsTold, Told};
use wire::attempts::RowOutcome;

/// See the module.
#[derive(Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    filled: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Told>,
    /// Attempts of those.
    attempts: usize,
    /// Attempts that had no room, here or at their agents.
    left_out: u64,
    is_over: bool,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what was told. Attempts that did not succeed find room where others do not.
    pub(crate) fn put(&self, told: Told) {
        let mut state = self.lock();
        let told = match told {
            Told::Attempts(AttemptsTold { report, mut rows, left_out }) => {
                state.left_out = state.left_out.saturating_add(left_out);
                let asked = rows.len();
                let mut room = ROOM.saturating_sub(state.attempts);
                let mut room_of_successes = (ROOM / 2).saturating_sub(state.attempts);
                rows.retain(|(_, _, row)| {
                    let fits = room > 0 && (row.outcome != RowOutcome::Succeeded || room_of_successes > 0);
                    if fits {
                        room -= 1;
                        room_of_successes = room_of_successes.saturating_sub(1);
                    }
                    fits
                });
                state.left_out = state.left_out.saturating_add((asked - rows.len()) as u64);
                state.attempts += rows.len();
                if rows.is_empty() {
                    return;
                }
                Told::Attempts(AttemptsTold { report, rows, left_out: 0 })
            }
            other => other,
        };
        let is_urgent = state.attempts >= MANY || matches!(told, Told::Over { .. });
        state.waiting.push_back(told);
        drop(state);
        if is_urgent {
            self.filled.notify_one();
        }
    }

    /// Nothing more comes.
    pub(crate) fn close(&self) {
        self.lock().is_over = true;
        self.filled.notify_one();
    }

    /// What waits, of about so many attempts at most, when there is much of it or so long has passed; `None` when nothing more comes.
    pub(crate) fn take(&self, within: Duration) -> Option<Vec<Told>> {
        let until = Instant::now() + within;
        let mut state = self.lock();
        while !state.is_over && state.attempts < MANY {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self.filled.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        if state.is_over && state.waiting.is_empty() {
            return None;
        }
        let (mut taken, mut attempts) = (Vec::new(), 0);
        while attempts < MANY
            && let Some(told) = state.waiting.pop_front()
        {
            attempts += attempts_of(&told);
            taken.push(told);
        }
        state.attempts = state.attempts.saturating_sub(attempts);
        Some(taken)
    }

    /// Attempts that had no room so far.
    pub(crate) fn left_out(&self) -> u64 {
        self.lock().left_out
    }

    /// Leaves out what waits, and counts it.
    pub(crate) fn leave_out(&self) {
        let mut state = self.lock();
        state.left_out = state.left_out.saturating_add(state.attempts as u64);
        state.attempts = 0;
        state.waiting.clear();
    }
}

fn attempts_of(told: &Told) -> usize {
    if let Told::Attempts(attempts) = told { attempts.rows.len() } else { 0 }
}

/// Attempts that wait, about 250 octets each.
const ROOM: usize = 32_768;
/// Attempts of one message.
const MANY: usize = 2_048;

#[cfg(test)]
mod tests {
    use wire::attempts::{AttemptRow, RowUse};

    use super::*;

    fn told(outcome: RowOutcome, count: u32) -> Told {
        let row = AttemptRow {
            for_what: RowUse { file: false, span: true },
            due_us: 1,
            procedure: 0,
            self_started: false,
            supi: None,
            outcome,
            cause: String::new(),
            latency_us: None,
            service_us: None,
            lateness_us: None,
            cell: None,
            target: None,
        };
        let rows = (0..count).map(|place| (place, 1, row.clone())).collect();
        Told::Attempts(AttemptsTold { report: (1, 1, 1), rows, left_out: 0 })
    }

    #[test]
    fn failures_find_room_when_successes_do_not_and_all_that_has_none_is_counted() {
        let queue = Queue::default();
        (0..40).for_each(|_| queue.put(told(RowOutcome::Succeeded, 1_000)));
        assert_eq!(queue.left_out(), 40_000 - (ROOM / 2) as u64);
        (0..20).for_each(|_| queue.put(told(RowOutcome::Failed, 1_000)));
        assert_eq!(queue.left_out(), 60_000 - ROOM as u64);
        queue.close();
        let mut came = 0;
        while let Some(taken) = queue.take(Duration::ZERO) {
            came += taken.iter().map(attempts_of).sum::<usize>();
        }
        assert_eq!(came, ROOM);
        assert_eq!(queue.left_out() + came as u64, 60_000);
    }
}
