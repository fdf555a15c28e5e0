//! Who of a shard's subscribers is in another shard, and whose subscribers visit this one.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use wire::to_agent::{MOST_LOST, Takeover};
use wire::visitor_audit::NAMED_FOR;

use crate::transfer::Home;

/// The subscribers of a shard who are away, and the UEs that visit it, by their numbers.
pub struct Visitors {
    shard: u32,
    /// How many subscribers the shard has: so many numbers are theirs.
    home: u32,
    /// Where each visiting UE is at home.
    homes: HashMap<u32, Home>,
    /// The visiting UE of each home that has one here.
    visitors: HashMap<(u32, u32), u32>,
    /// The shard that a visiting UE who was here has gone on to, by its home and number there.
    gone_on: HashMap<(u32, u32), u32>,
    /// Visiting UEs that have gone on to other shards, and when.
    gone: VecDeque<(Instant, Home)>,
    /// The subscribers who are away.
    away: HashMap<u32, Away>,
    /// Whom the next attempt for somebody who is away asks for; may hold some who are back.
    away_queue: VecDeque<u32>,
    losses: Losses,
}

/// What is known of a subscriber who is away.
#[derive(Clone, Copy, Debug, Default)]
struct Away {
    /// Since when it is known to have arrived in another shard.
    since: Option<Instant>,
    /// Which one that is.
    at: Option<u32>,
    /// It is not registered there, as far as is known.
    deregistered: bool,
}

impl Visitors {
    /// Nobody is away from this shard of so many subscribers, and nobody visits it.
    pub fn new(shard: u32, home: u32, takeover: Option<&Takeover>) -> Self {
        Self {
            shard,
            home,
            homes: HashMap::new(),
            visitors: HashMap::new(),
            gone_on: HashMap::new(),
            gone: VecDeque::new(),
            away: HashMap::new(),
            away_queue: VecDeque::new(),
            losses: Losses::at(takeover),
        }
    }

    /// Whether this is the number of a subscriber of the shard.
    pub fn is_at_home(&self, ue: u32) -> bool {
        ue < self.home
    }

    /// A UE has come that is at home there.
    pub fn arrive(&mut self, ue: u32, at: Home) {
        if self.is_at_home(ue) {
            self.away.remove(&ue);
        } else {
            self.homes.insert(ue, at);
            self.visitors.insert((at.shard, at.ue), ue);
            self.gone_on.remove(&(at.shard, at.ue));
        }
    }

    /// Where the UE is at home, as it travels: it has outlived the losses that are known here.
    pub fn origin(&self, ue: u32) -> Home {
        let here = Home { shard: self.shard, ue, losses: 0 };
        let mut home = self.homes.get(&ue).copied().unwrap_or(here);
        home.losses = home.losses.max(self.losses.known());
        home
    }

    /// The UE leaves for another shard.
    pub fn leave(&mut self, ue: u32, shard: Option<u32>) {
        if self.is_at_home(ue) {
            self.away.insert(ue, Away { at: shard, ..Away::default() });
            self.away_queue.push_back(ue);
        }
    }

    /// The UE that left has arrived in a shard.
    pub fn has_arrived(&mut self, ue: u32, shard: Option<u32>, now: Instant) {
        if let Some(&home) = self.homes.get(&ue) {
            self.forget_gone(now);
            self.gone.push_back((now, home));
            if let Some(shard) = shard {
                if self.gone_on.len() >= REMEMBERED {
                    self.gone_on.clear();
                }
                self.gone_on.insert((home.shard, home.ue), shard);
            }
        }
        if let Some(away) = self.away.get_mut(&ue) {
            away.since = Some(now);
        }
    }

    /// The visiting UE is gone for good.
    pub fn forget(&mut self, ue: u32) {
        if let Some(home) = self.homes.remove(&ue)
            && self.visitors.get(&(home.shard, home.ue)) == Some(&ue)
        {
            self.visitors.remove(&(home.shard, home.ue));
        }
    }

    /// The subscriber is here again.
    pub fn is_back(&mut self, ue: u32) {
        self.away.remove(&ue);
    }

    /// Where a subscriber is who is away, as far as is known.
    pub fn whereabouts(&self, ue: u32) -> Option<u32> {
        self.away.get(&ue).and_then(|away| away.at)
    }

    /// The subscriber is known to be in this shard, and registered or not.
    pub fn is_now_at(&mut self, ue: u32, shard: u32, registered: bool) {
        if let Some(away) = self.away.get_mut(&ue) {
            (away.at, away.deregistered) = (Some(shard), !registered);
        }
    }

    /// Nobody is on its way any more.
    pub fn all_have_arrived(&mut self, now: Instant) {
        self.away.values_mut().for_each(|away| away.since = Some(now));
    }

    /// Whether any subscriber is away.
    pub fn has_away(&self) -> bool {
        !self.away.is_empty()
    }

    /// The subscribers who are away, in order.
    pub fn away(&self) -> Vec<u32> {
        let mut away: Vec<u32> = self.away.keys().copied().collect();
        away.sort_unstable();
        away
    }

    /// Since when a subscriber who is away is known to have arrived elsewhere.
    pub fn away_since(&self, ue: u32) -> Option<Instant> {
        self.away.get(&ue).and_then(|away| away.since)
    }

    /// The subscriber who is away and has waited longest for an attempt, with its shard; of those who are registered there, or
    /// of the others, or of all.
    pub fn next_away(
        &mut self,
        registered: Option<bool>,
        is_asked: impl Fn(u32) -> bool,
    ) -> Option<(u32, u32)> {
        for _ in 0..self.away_queue.len().min(AWAY_LOOKED_AT) {
            let ue = self.away_queue.pop_front()?;
            let Some(away) = self.away.get(&ue) else { continue };
            self.away_queue.push_back(ue);
            if let (Some(at), Some(_)) = (away.at, away.since)
                && registered.is_none_or(|registered| away.deregistered != registered)
                && !is_asked(ue)
            {
                return Some((ue, at));
            }
        }
        None
    }

    /// Where a visiting UE went who was here.
    pub fn went_to(&self, home: u32, ue: u32) -> Option<u32> {
        self.gone_on.get(&(home, ue)).copied()
    }

    /// The visiting UE that is this subscriber, where it is here.
    pub fn visitor_of(&self, home: u32, ue: u32) -> Option<u32> {
        self.visitors.get(&(home, ue)).copied()
    }

    /// The visiting UEs of these homes, in order.
    pub fn visitors_that(&self, mut are: impl FnMut(&Home) -> bool) -> Vec<u32> {
        let those = self.homes.iter().filter(|(_, home)| are(home));
        let mut visitors: Vec<u32> = those.map(|(ue, _)| *ue).collect();
        visitors.sort_unstable();
        visitors
    }

    /// Home shard and number there of each visiting UE that is here, or was not long ago: it may not be known yet where it is.
    pub fn named(&mut self, now: Instant) -> Vec<(u32, u32)> {
        self.forget_gone(now);
        let lately = self.gone.iter().map(|(_, home)| home);
        let mut named: Vec<(u32, u32)> =
            self.homes.values().chain(lately).map(|home| (home.shard, home.ue)).collect();
        named.sort_unstable();
        named.dedup();
        named
    }

    fn forget_gone(&mut self, now: Instant) {
        while self.gone.front().is_some_and(|(at, _)| *at + NAMED_FOR < now) {
            self.gone.pop_front();
        }
    }

    /// A shard was lost. `false` where that is known already.
    pub fn learn(&mut self, lost: u32, number: u64) -> bool {
        self.losses.learn(lost, number)
    }

    /// Whether a visiting UE's home was lost while it was on its way: it is registered anew there.
    pub fn is_lost(&self, home: &Home) -> bool {
        self.losses.hit(home)
    }

    pub(crate) fn octets(&self) -> usize {
        self.gone.capacity() * size_of::<(Instant, Home)>()
    }
}

/// The shards of the run that were lost, as far as this one knows.
struct Losses {
    /// The number of the last one.
    known: u64,
    /// The last ones, with their numbers.
    lost: VecDeque<(u64, u32)>,
}

impl Losses {
    /// What is known at the beginning of a lease.
    fn at(takeover: Option<&Takeover>) -> Self {
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

    fn known(&self) -> u64 {
        self.known
    }

    fn hit(&self, home: &Home) -> bool {
        self.lost.iter().any(|(number, lost)| home.is_hit_by(*lost, *number))
    }
}

/// Subscribers who are away that one attempt looks at.
const AWAY_LOOKED_AT: usize = 256;
/// Visiting UEs that have gone on, of which it is remembered where to.
const REMEMBERED: usize = 1 << 17;

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
