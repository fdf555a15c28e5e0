//! What a takeover makes the agent do: UEs that a lost agent had registered are registered anew, and have their sessions
//! again, at a pace that a core takes beside the load. Of all this the load's account knows nothing.
//!
//! ```text
//! waiting to register ──► registering ──► waiting for its session ──► establishing ──► recovered
//! ```

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use crate::transfer::Task;

/// The recovery of one shard.
#[derive(Default)]
pub(crate) struct Recovery {
    waiting: VecDeque<(u32, Task)>,
    under_way: HashMap<u32, Task>,
    /// Sessions that are still to be given to UEs which have registered.
    sessions_left: u64,
    next: Option<Instant>,
    counts: wire::to_coordinator::Recovery,
}

impl Recovery {
    /// From this instant on these UEs are registered, and so many of them get a session.
    pub(crate) fn begin(&mut self, ues: impl Iterator<Item = u32>, sessions: u64, now: Instant) {
        self.waiting.extend(ues.map(|ue| (ue, Task::Register)));
        self.sessions_left += sessions;
        self.next.get_or_insert(now);
    }

    /// Adds to the sessions that UEs which register are to be given.
    pub(crate) fn owe_sessions(&mut self, count: u64) {
        self.sessions_left += count;
    }

    /// What the last holder of the shard was to do.
    pub(crate) fn go_on(&mut self, ue: u32, task: Task, now: Instant) {
        self.waiting.push_back((ue, task));
        self.next.get_or_insert(now);
    }

    /// What is still to be done for a UE.
    pub(crate) fn task_of(&self, ue: u32) -> Option<Task> {
        self.under_way.get(&ue).copied()
    }

    /// The next task whose time has come.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<(u32, Task)> {
        let due = self.next_deadline().filter(|due| *due <= now)?;
        let (ue, task) = self.waiting.pop_front()?;
        // After a pause of the worker the pace is kept, and nothing is caught up with.
        self.next = Some((due + PACE).max(now));
        self.under_way.insert(ue, task);
        *match task {
            Task::Register => &mut self.counts.registrations,
            Task::EstablishSession => &mut self.counts.sessions,
        } += 1;
        Some((ue, task))
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.next.filter(|_| !self.waiting.is_empty())
    }

    /// The task of a UE has ended. Whether the UE waits for its session now.
    pub(crate) fn ended(&mut self, ue: u32, succeeded: bool) -> bool {
        let Some(task) = self.under_way.remove(&ue) else { return false };
        *if succeeded { &mut self.counts.succeeded } else { &mut self.counts.failed } += 1;
        let more = succeeded && task == Task::Register && self.sessions_left > 0;
        if more {
            self.sessions_left -= 1;
            self.waiting.push_front((ue, Task::EstablishSession));
        }
        more
    }

    /// Breaks everything off, for another holder to go on with it: what is to be done for which UE. What was under way
    /// has failed here.
    pub(crate) fn break_off(&mut self) -> Vec<(u32, Task)> {
        self.counts.failed += self.under_way.len() as u64;
        let mut left: Vec<(u32, Task)> = self.under_way.drain().collect();
        left.sort_unstable_by_key(|(ue, _)| *ue);
        left.extend(self.waiting.drain(..));
        left
    }

    /// Sessions that no UE has been given yet, for another holder to give.
    pub(crate) fn sessions_left(&self) -> u64 {
        self.sessions_left
    }

    /// What was done since the last call.
    pub(crate) fn take_counts(&mut self) -> wire::to_coordinator::Recovery {
        std::mem::take(&mut self.counts)
    }
}

/// Between two tasks of one shard.
const PACE: Duration = Duration::from_millis(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_is_kept_and_sessions_go_to_those_who_registered() {
        let (mut recovery, start) = (Recovery::default(), Instant::now());
        recovery.begin(0..1000, 1, start);
        let mut begun = Vec::new();
        for ms in 0..=1000 {
            let now = start + Duration::from_millis(ms);
            while let Some((ue, task)) = recovery.pop_due(now) {
                begun.push((ue, task));
                recovery.ended(ue, ue != 0);
            }
        }
        assert_eq!(begun.len(), 501, "500 in a second");
        let sessions: Vec<_> = begun.iter().filter(|(_, task)| *task == Task::EstablishSession).collect();
        assert_eq!(sessions, [&(1, Task::EstablishSession)], "the first that succeeded");
        let counts = recovery.take_counts();
        assert_eq!(
            (counts.registrations, counts.sessions, counts.succeeded, counts.failed),
            (500, 1, 500, 1)
        );
    }

    #[test]
    fn what_is_broken_off_is_counted_as_failed_and_goes_on_elsewhere() {
        let (mut recovery, now) = (Recovery::default(), Instant::now());
        recovery.begin(0..3, 0, now);
        recovery.pop_due(now);
        let left = recovery.break_off();
        assert_eq!(left, [(0, Task::Register), (1, Task::Register), (2, Task::Register)]);
        assert_eq!(recovery.take_counts().failed, 1);
        assert_eq!(recovery.next_deadline(), None);
    }
}
