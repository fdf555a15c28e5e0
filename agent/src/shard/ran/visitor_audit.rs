//! What a shard knows of others that were lost, and whom it names in an audit ([`wire::visitor_audit`]).

use std::collections::{HashSet, VecDeque};
use std::time::Instant;

use wire::to_agent::{MOST_LOST, Takeover};
use wire::visitor_audit::{AWAY_FOR, MOST_GUESTS};

use crate::shard::ShardRunner;
use crate::transfer::Home;

/// The shards of the run that were lost, as far as this one knows.
pub(in crate::shard) struct Losses {
    /// The number of the last one.
    known: u64,
    /// The last ones, with their numbers.
    lost: VecDeque<(u64, u32)>,
}

impl Losses {
    /// What is known at the beginning of a lease.
    pub(in crate::shard) fn at(takeover: Option<&Takeover>) -> Self {
        let Some(Takeover { lost, losses, .. }) = takeover else {
            return Self { known: 0, lost: VecDeque::new() };
        };
        let older = losses.saturating_sub(lost.len() as u64);
        Self { known: *losses, lost: (older + 1..).zip(lost.iter().copied()).collect() }
    }

    /// `false` where it is known already.
    fn learn(&mut self, lost: u32, number: u64) -> bool {
        let is_new = number > self.known;
        if is_new {
            self.known = number;
            self.lost.push_back((number, lost));
            if self.lost.len() > MOST_LOST {
                self.lost.pop_front();
            }
        }
        is_new
    }

    pub(in crate::shard) fn known(&self) -> u64 {
        self.known
    }

    /// Whether a visiting UE's home was lost while it was on its way: it is registered anew there.
    pub(in crate::shard) fn hit(&self, home: &Home) -> bool {
        self.lost.iter().any(|(number, lost)| home.is_hit_by(*lost, *number))
    }
}

impl ShardRunner {
    /// Another shard was lost with its agent: who is at home there is registered anew there. Visiting UEs of this shard who were lost
    /// with it are found by a visitor audit.
    pub fn shard_lost(&mut self, lost: u32, number: u64, late: bool, now: Instant) {
        // Who is on its way to the next holder has what was known before; that one is told the rest.
        if self.is_at_rest() || !self.losses.learn(lost, number) || lost == self.number {
            return;
        }
        self.give_up_abroad(Some(lost), "agent-lost");
        let visitors = self.population.visitors_that(|home| home.is_hit_by(lost, number));
        for ue in self.handovers.commanded_to(lost) {
            self.attempts.abandon_with(ue, "agent-lost", &mut self.recorder);
            if !late {
                // Whoever was on its way there never arrived: it is here again, switched off. Late, it may be on its way to the next
                // holder, and its own release or the end of its time tells.
                self.handovers.end_departure(ue);
                self.population.revive(ue);
            }
        }
        for ue in visitors {
            self.give_visitor_up(ue, now);
        }
        for (gnb, ue) in self.handovers.expected_that(|home| home.is_hit_by(lost, number)) {
            self.handovers.end_arrival(gnb, ue);
            self.ask_for_release(ue, gnb, now);
            self.population.forget(ue);
        }
    }

    /// Home shard and number there of each visiting UE that is here, or was lately. `None`: this is no time to ask.
    pub fn answer_visitor_audit(&mut self, call: u64, now: Instant) -> Option<Vec<(u32, u32)>> {
        // Who was away when the shard was taken over is known to have arrived since then: a little later is time enough.
        let too_early = self.taken_over.is_some_and(|at| now < at + AWAY_FOR);
        if self.is_at_rest() || self.takeover.is_some() || too_early {
            return None;
        }
        let here = self.population.visitors();
        let mut visitors: Vec<(u32, u32)> =
            here.chain(self.handovers.gone_lately(now)).map(|home| (home.shard, home.ue)).collect();
        visitors.sort_unstable();
        visitors.dedup();
        self.audit_answered = Some((call, now));
        (visitors.len() <= MOST_GUESTS).then_some(visitors)
    }

    /// The subscribers of this shard that a visitor audit has found. Whoever else had arrived elsewhere before is at home again,
    /// switched off: it was lost with the agent that had it.
    pub fn found_away(&mut self, call: u64, found: &[u32]) {
        let Some((_, answered)) = self.audit_answered.take_if(|(answered, _)| *answered == call) else {
            return;
        };
        if self.is_at_rest() {
            return;
        }
        let found: HashSet<u32> = found.iter().copied().collect();
        for ue in self.population.away() {
            let long = self.population.away_since(ue).is_some_and(|since| since + AWAY_FOR <= answered);
            if long && !found.contains(&ue) {
                self.recorder.unexpected("ue-lost-elsewhere");
                self.population.revive(ue);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home(shard: u32, losses: u64) -> Home {
        Home { shard, ue: 0, losses }
    }

    #[test]
    fn loss_hits_who_left_home_before_it() {
        let takeover = Takeover { lost: vec![4, 5, 4], losses: 7, ..Takeover::default() };
        let mut losses = Losses::at(Some(&takeover));
        assert!(losses.hit(&home(4, 6)) && !losses.hit(&home(4, 7)));
        assert!(losses.hit(&home(5, 5)) && !losses.hit(&home(5, 6)) && !losses.hit(&home(6, 0)));
        assert!(!losses.learn(6, 7) && losses.learn(6, 8) && !losses.learn(6, 8));
        assert!(losses.hit(&home(6, 7)) && !losses.hit(&home(6, 8)));
        assert_eq!(losses.known(), 8);
    }

    #[test]
    fn losses_are_bounded() {
        let mut losses = Losses::at(None);
        (1..=MOST_LOST as u64 + 9).for_each(|number| assert!(losses.learn(3, number)));
        assert_eq!(losses.lost.len(), MOST_LOST);
    }
}
