//! Attempts that are due for subscribers in shards of other agents are passed on, and so is what became of them ([`wire::away`]).
//! Nothing of it is kept: what is lost on the way is for the attempt's home to give up.

use wire::away::{AwayEnd, DueAway, NOBODY_HAS_IT};
use wire::to_agent::ToAgent;

use super::Core;

impl Core {
    pub(super) fn due_away(&mut self, agent: usize, to: u32, due: DueAway) {
        if !self.holds(agent, due.home, due.epoch) {
            return;
        }
        match self.state.shards.get(to as usize).and_then(|shard| shard.holder) {
            Some(holder) if self.presence.get(holder).is_some_and(|presence| presence.link.is_some()) => {
                self.send(holder, ToAgent::DueAway { to, due });
            }
            // Nobody has it now: its home asks somebody else.
            _ => self.send(agent, ToAgent::AwayEnded(due.not_begun(NOBODY_HAS_IT))),
        }
    }

    /// From whoever was asked: the home knows what it has asked for.
    pub(super) fn away_ended(&mut self, end: AwayEnd) {
        let holder = self.state.shards.get(end.home as usize).and_then(|shard| shard.holder);
        if let Some(holder) = holder {
            self.send(holder, ToAgent::AwayEnded(end));
        }
    }
}
