//! The run's clock stands still, and goes on: what is planned happens later, what is under way goes on.

use std::time::{Duration, Instant};

use super::ShardRunner;

impl ShardRunner {
    /// Nothing is due from this instant on.
    pub fn pause(&mut self, at: Instant) {
        self.paused.get_or_insert(at);
        self.pacer.halt_at(at);
    }

    /// The run's clock goes on at this instant, having stood still for so long.
    pub fn resume(&mut self, at: Instant, paused: Duration) {
        let _ = at;
        self.paused = None;
        self.start = self.start.map(|start| start + paused);
        self.end = self.end.map(|end| end + paused);
        self.pacer.resume(paused);
    }

    /// Another shard was lost with its agent.
    pub fn shard_lost(&mut self, shard: u32, now: Instant) {
        let _ = (shard, now);
    }
}
