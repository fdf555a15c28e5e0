//! The subscribers of a shard as they go from one agent to the next: numbers and places in the queues stay.

use std::time::Instant;

use signalling::Device;

use super::{Away, Population, Presence, Slot, VISITORS_LIMIT};
use crate::transfer::{Home, Item, QUEUED_IN_ONE};

/// A UE whose slot says nothing that the plan does not: it need not travel.
fn is_as_planned(slot: &Slot) -> bool {
    slot.draws == 0 && slot.handovers == 0 && !slot.out_of_signal && !slot.recovers
}

impl Population {
    /// The numbers of all that are here and have done something, or are visiting UEs.
    pub(crate) fn travelling(&self) -> Vec<u32> {
        let travels =
            |ue: &u32| (*ue as usize) >= self.home || self.peek(*ue).is_some_and(|slot| !is_as_planned(slot));
        self.present().filter(travels).collect()
    }

    /// The subscribers who are away, and who waits for what.
    pub(crate) fn travelling_beside(&self) -> impl Iterator<Item = Item> + '_ {
        let away = (0..).zip(self.slots.get(..self.home).unwrap_or_default());
        let away = away.filter(|(_, slot)| slot.presence == Presence::Away);
        let at = |ue: u32| self.away.get(&ue).and_then(|away| away.at);
        let away =
            away.map(move |(ue, slot)| Item::Away { ue, group: slot.group, draws: slot.draws, at: at(ue) });
        let queues = self.queues.snapshot().flat_map(|(procedure, ues)| {
            let part = move |ues: &[u32]| Item::ReadyQueue { procedure, ues: ues.to_vec() };
            ues.chunks(QUEUED_IN_ONE).map(part).collect::<Vec<_>>()
        });
        away.chain(queues)
    }

    /// Makes a slot for the UE of this number where it has none: a visiting UE. `false` where there is no room.
    pub(crate) fn make_room(&mut self, ue: u32) -> bool {
        let place = ue as usize;
        if place >= self.home + VISITORS_LIMIT {
            return false;
        }
        let Some(nobody) = self.slots.first().map(|slot| slot.ue.subscriber()) else { return false };
        while self.slots.len() <= place {
            self.slots.push(Slot::new(&nobody, Presence::Free));
        }
        true
    }

    /// The subscriber is in another shard, or on its way there.
    pub(crate) fn is_away(&mut self, ue: u32, group: u16, draws: u32, at: Option<u32>) {
        if (ue as usize) < self.home
            && let Some(slot) = self.slots.get_mut(ue as usize)
        {
            (slot.presence, slot.group, slot.draws) = (Presence::Away, group, draws);
            self.away.insert(ue, Away { at, ..Away::default() });
            self.away_queue.push_back(ue);
        }
    }

    /// The queues are as they were elsewhere; who is in none of them joins at the end.
    pub(crate) fn restore_queues(&mut self, queues: &[(u8, Vec<u32>)]) {
        self.queues.clear();
        self.slots.iter_mut().for_each(|slot| slot.queued_for = super::QueuedFor::default());
        for (procedure, ues) in queues {
            for &ue in ues {
                let Some(slot) = self.slots.get_mut(ue as usize) else { continue };
                self.queues.join_one(*procedure, ue, &mut slot.queued_for);
            }
        }
        self.free.clear();
        for ue in 0..u32::try_from(self.slots.len()).unwrap_or(u32::MAX) {
            let Some(slot) = self.slots.get(ue as usize) else { continue };
            match slot.presence {
                Presence::Here => self.enqueue(ue),
                Presence::Free => self.free.push(ue),
                Presence::Away | Presence::Expected => {}
            }
        }
    }

    // Another shard is lost.

    /// Where the visiting UEs are at home, in no order.
    pub(crate) fn visitors(&self) -> impl Iterator<Item = Home> {
        self.homes.values().copied()
    }

    /// Where this visiting UE is at home.
    pub(crate) fn home_of(&self, visitor: u32) -> Option<Home> {
        self.homes.get(&visitor).copied()
    }

    /// The visiting UEs of these homes, in order.
    pub(crate) fn visitors_that(&self, mut are: impl FnMut(&Home) -> bool) -> Vec<u32> {
        let those = self.homes.iter().filter(|(_, home)| are(home));
        let mut visitors: Vec<u32> = those.map(|(ue, _)| *ue).collect();
        visitors.sort_unstable();
        visitors
    }

    /// The subscribers who are away, in order.
    pub(crate) fn away(&self) -> Vec<u32> {
        let mut away: Vec<u32> = self.away.keys().copied().collect();
        away.sort_unstable();
        away
    }

    /// Whether any subscriber is away.
    pub(crate) fn has_away(&self) -> bool {
        !self.away.is_empty()
    }

    /// The subscriber has left for this shard.
    pub(crate) fn leaves_for(&mut self, ue: u32, shard: u32) {
        if let Some(away) = self.away.get_mut(&ue) {
            away.at = Some(shard);
        }
    }

    /// The subscriber is known to be in this shard, and registered or not.
    pub(crate) fn is_now_at(&mut self, ue: u32, shard: u32, registered: bool) {
        if let Some(away) = self.away.get_mut(&ue) {
            (away.at, away.deregistered) = (Some(shard), !registered);
        }
    }

    /// The subscriber who is away and has waited longest for an attempt, with its shard; of those who are registered there, or
    /// of the others, or of all.
    pub(crate) fn next_away(
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

    /// The visiting UE has gone on to this shard.
    pub(crate) fn has_gone_on(&mut self, home: Home, shard: u32) {
        if self.gone_on.len() >= VISITORS_LIMIT {
            self.gone_on.clear();
        }
        self.gone_on.insert((home.shard, home.ue), shard);
    }

    /// Where a visiting UE went who was here.
    pub(crate) fn went_to(&self, home: u32, ue: u32) -> Option<u32> {
        self.gone_on.get(&(home, ue)).copied()
    }

    /// The visiting UE that is this subscriber, where it is here.
    pub(crate) fn visitor_of(&self, home: u32, ue: u32) -> Option<u32> {
        self.visitors.get(&(home, ue)).copied()
    }

    /// Since when a subscriber who is away is known to have arrived elsewhere.
    pub(crate) fn away_since(&self, ue: u32) -> Option<Instant> {
        self.away.get(&ue).and_then(|away| away.since)
    }

    /// Nobody is on its way any more.
    pub(crate) fn all_have_arrived(&mut self, now: Instant) {
        self.away.values_mut().for_each(|away| away.since = Some(now));
    }

    /// The UE is as it was when it was bought: switched off, with nothing stored.
    pub(crate) fn start_over(&mut self, ue: u32) {
        let Some(slot) = self.slots.get_mut(ue as usize) else { return };
        let before = slot.ue.s_tmsi();
        slot.ue = Device::new(&slot.ue.subscriber());
        slot.connection = slot.connection.wrapping_add(1);
        self.note_identity(ue, before);
    }
}

/// Subscribers who are away that one attempt looks at.
const AWAY_LOOKED_AT: usize = 256;
