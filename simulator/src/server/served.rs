//! Whether the simulator's thread was let run when there was something to do. Where it was not, its answers were late, and
//! that is not the core network's slowness but its machine's.

use std::time::Duration;

use host::Queueing;

/// Messages of signalling, both ways, and how long they waited because the thread was not let run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Served {
    /// Messages.
    pub messages: u64,
    /// Those that waited longer than [`super::SimulatorOptions::late`].
    pub late: u64,
    /// The longest wait.
    pub longest: Duration,
    /// Whether the system tells: without it, nothing is late.
    pub known: bool,
}

/// Counts turn by turn.
#[derive(Debug)]
pub(super) struct Counter {
    queueing: Option<Queueing>,
    late: Duration,
    served: Served,
    /// Messages of this turn.
    messages: u64,
}

impl Counter {
    /// Of the calling thread.
    pub(super) fn of_this_thread(late: Duration) -> Self {
        let queueing = Queueing::of_this_thread();
        let served = Served { known: queueing.is_some(), ..Served::default() };
        Self { queueing, late, served, messages: 0 }
    }

    /// A message was taken in, or sent, in this turn.
    pub(super) fn message(&mut self) {
        self.messages += 1;
    }

    /// A turn is over: its messages waited as long as the thread did for the turn.
    pub(super) fn turn(&mut self) {
        let waited = self.queueing.as_mut().map(Queueing::lap).unwrap_or_default();
        self.waited(waited);
    }

    pub(super) fn served(&self) -> Served {
        self.served
    }

    fn waited(&mut self, waited: Duration) {
        let messages = std::mem::take(&mut self.messages);
        self.served.messages += messages;
        if messages > 0 {
            self.served.longest = self.served.longest.max(waited);
        }
        if waited > self.late {
            self.served.late += messages;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_late_when_their_turn_had_to_wait_and_a_wait_for_nothing_counts_for_nothing() {
        let ms = Duration::from_millis;
        let mut counter = Counter { queueing: None, late: ms(10), served: Served::default(), messages: 0 };
        for (messages, waited) in [(3, 10), (2, 11), (0, 500), (1, 0)] {
            (0..messages).for_each(|_| counter.message());
            counter.waited(ms(waited));
        }
        let served = counter.served();
        assert_eq!((served.messages, served.late, served.longest), (6, 2, ms(11)));
    }
}
