//! The radio network of a shard, played: UEs are registered or not and have a session or not, and a procedure ends after a while as fate
//! has it. The campaign over it is the agent's own, and so is what is known of visitors.

mod network;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use agent::seam::{
    Encryption, End, Handover, Home, Letter, RadioEvent, RadioNetwork, Stage, Standing, Visitors,
};
use identity::{CellId, Procedure};
use scenarios::{Path, Plan, stream_seed};
use serde::{Deserialize, Serialize};
use wire::away::HandoverPhases;
use wire::to_agent::Lease;

use crate::target::{Attempt, Fate};
use crate::truth::Made;

/// What the player of its worker has to do.
pub(crate) enum Played {
    /// The target sees a start.
    Started { attempt: Attempt, due: Instant },
    /// For another shard.
    Letter(Letter),
    /// A UE wants to go to another shard: its answer is [`PlayedNetwork::is_answered`].
    HandOver { ue: u32, to: u32, what: PlayedUe },
}

impl From<Letter> for Played {
    fn from(letter: Letter) -> Self {
        Self::Letter(letter)
    }
}

/// A UE as it travels.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct PlayedUe {
    home: Home,
    registered: bool,
    session: bool,
}

impl PlayedUe {
    /// Whose subscriber it is: home and number there.
    pub(crate) fn who(&self) -> (u32, u32) {
        (self.home.shard, self.home.ue)
    }
}

pub(crate) struct PlayedNetwork {
    shard: u32,
    plan: Arc<Plan>,
    seed: u64,
    stage: Stage,
    ues: Vec<Ue>,
    free: Vec<u32>,
    visitors: Visitors,
    encryption: Encryption,
    /// What each UE is in the middle of.
    flights: BTreeMap<u32, Flight>,
    /// UEs that ask another shard to take them, and those that have gone and of which nobody has said yet that they arrived.
    leaving: BTreeMap<u32, Leaving>,
    events: VecDeque<RadioEvent>,
    /// Draws of fate for what no load of this shard has planned.
    draws: u64,
    last_sent: Option<Instant>,
    last_handover: Option<Instant>,
    made: Made,
}

struct Ue {
    presence: Presence,
    registered: bool,
    session: bool,
    told: Standing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    Here,
    Away,
    Expected,
    Free,
}

#[derive(Clone, Copy)]
struct Flight {
    procedure: Procedure,
    /// Of this shard's own account, with when it was due.
    attempt: Option<(Attempt, Instant)>,
    ends: Instant,
    fate: Fate,
    /// Its process stood still meanwhile: how it ends says nothing.
    is_disturbed: bool,
}

struct Leaving {
    to: u32,
    /// `None` once it is given up in the account.
    flight: Option<Flight>,
    has_gone: bool,
}

impl PlayedNetwork {
    pub(crate) fn new(plan: &Arc<Plan>, lease: &Lease) -> Self {
        let home = u32::try_from(plan.shard(lease.shard).subscriber_count()).unwrap_or(u32::MAX);
        let one = || Ue {
            presence: Presence::Here,
            registered: false,
            session: false,
            told: Standing::SWITCHED_OFF,
        };
        Self {
            shard: lease.shard,
            plan: Arc::clone(plan),
            seed: stream_seed(plan.seed(), &[u64::from(lease.shard), lease.epoch]),
            stage: Stage::default(),
            ues: (0..home).map(|_| one()).collect(),
            free: Vec::new(),
            visitors: Visitors::new(lease.shard, home, lease.takeover.as_ref()),
            encryption: Encryption::new(&lease.key, &lease.run, lease.shard, lease.epoch),
            flights: BTreeMap::new(),
            leaving: BTreeMap::new(),
            events: VecDeque::new(),
            draws: 0,
            last_sent: None,
            last_handover: None,
            made: Made::default(),
        }
    }

    /// What happened since the last call, attempt by attempt.
    pub(crate) fn take_made(&mut self) -> Made {
        std::mem::take(&mut self.made)
    }

    /// The process stood still: how anything ends that is under way says nothing.
    pub(crate) fn stood_still(&mut self) {
        let leaving = self.leaving.values_mut().filter_map(|leaving| leaving.flight.as_mut());
        self.flights.values_mut().chain(leaving).for_each(|flight| flight.is_disturbed = true);
    }

    /// Whose subscribers are here: home and number there.
    pub(crate) fn present(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        let here = (0..).zip(&self.ues).filter(|(_, ue)| ue.presence == Presence::Here);
        here.map(|(ue, _)| {
            let home = self.visitors.origin(ue);
            (home.shard, home.ue)
        })
    }

    // Handovers between shards.

    /// A UE of another shard wants to come. Whether it is here now.
    pub(crate) fn admit(&mut self, what: PlayedUe, now: Instant) -> bool {
        let PlayedUe { home, registered, session } = what;
        let at_home = home.shard == self.shard;
        let takes = match self.stage {
            Stage::Load | Stage::Drained => true,
            Stage::Settling { until } => now <= until,
            Stage::Closing | Stage::AtRest | Stage::GivenUp => false,
        };
        if !takes || self.visitors.is_lost(&home) {
            return false;
        }
        let ue = if at_home {
            let is_away = self.ues.get(home.ue as usize).is_some_and(|ue| ue.presence == Presence::Away);
            if !is_away || self.leaving.contains_key(&home.ue) {
                return false;
            }
            home.ue
        } else {
            self.free.pop().unwrap_or_else(|| {
                self.make_room(u32::try_from(self.ues.len()).unwrap_or(u32::MAX));
                u32::try_from(self.ues.len() - 1).unwrap_or(u32::MAX)
            })
        };
        self.last_handover = Some(now);
        self.comes(ue, home, registered, session);
        true
    }

    /// The other shard has taken the UE, or has not.
    pub(crate) fn is_answered(&mut self, ue: u32, is_taken: bool, now: Instant) {
        let Some(leaving) = self.leaving.get_mut(&ue) else { return };
        if is_taken {
            leaving.has_gone = true;
            let to = leaving.to;
            self.last_handover = Some(now);
            self.goes(ue);
            self.visitors.leave(ue, Some(to));
            self.note(ue);
        } else if let Some(Leaving { to, flight, .. }) = self.leaving.remove(&ue) {
            self.handover_ends(ue, to, flight, End::Failed("handover-refused".to_owned()), now);
        }
    }

    /// The UE that has gone has arrived, as the core says.
    pub(crate) fn has_arrived(&mut self, ue: u32, now: Instant) {
        let gone = self.leaving.get(&ue).is_some_and(|leaving| leaving.has_gone);
        let Some(Leaving { to, flight, .. }) = self.leaving.remove(&ue).filter(|_| gone) else { return };
        self.last_handover = Some(now);
        self.handover_ends(ue, to, flight, End::Succeeded, now);
        self.visitors.has_arrived(ue, Some(to), now);
        self.forget(ue);
    }

    fn handover_ends(&mut self, ue: u32, to: u32, flight: Option<Flight>, end: End, now: Instant) {
        self.note(ue);
        let Some(flight) = flight else { return };
        self.account(&flight, &end, now);
        let cell = |node| CellId { node, cell: 0 };
        let (source, target, phases) = (cell(self.shard), cell(to), HandoverPhases::default());
        let handover = Handover { source, target, into: Some(to), phases };
        self.events.push_back(RadioEvent::HandoverFinished {
            ue,
            procedure: flight.procedure,
            end,
            handover,
        });
    }

    // UEs.

    fn make_room(&mut self, ue: u32) {
        while self.ues.len() <= ue as usize {
            self.ues.push(Ue {
                presence: Presence::Free,
                registered: false,
                session: false,
                told: Standing::default(),
            });
        }
    }

    fn comes(&mut self, ue: u32, home: Home, registered: bool, session: bool) {
        self.visitors.arrive(ue, home);
        if let Some(ue) = self.ues.get_mut(ue as usize) {
            (ue.presence, ue.registered, ue.session) = (Presence::Here, registered, session);
        }
        self.note(ue);
    }

    fn goes(&mut self, ue: u32) {
        let is_at_home = self.visitors.is_at_home(ue);
        if let Some(ue) = self.ues.get_mut(ue as usize) {
            ue.presence = if is_at_home { Presence::Away } else { Presence::Expected };
            (ue.registered, ue.session) = (false, false);
        }
    }

    fn forget(&mut self, number: u32) {
        if self.visitors.is_at_home(number) {
            return;
        }
        self.visitors.forget(number);
        if let Some(ue) = self.ues.get_mut(number as usize).filter(|ue| ue.presence != Presence::Free) {
            ue.presence = Presence::Free;
            self.free.push(number);
        }
        self.note(number);
    }

    /// A visiting UE whose home was lost is registered anew there.
    fn give_visitor_up(&mut self, ue: u32) {
        self.drop_attempts(ue);
        self.leaving.remove(&ue);
        self.goes(ue);
        self.forget(ue);
    }

    fn drop_attempts(&mut self, ue: u32) {
        let flight = self.flights.get(&ue).or_else(|| self.leaving.get(&ue)?.flight.as_ref());
        if let Some((attempt, _)) =
            flight.filter(|flight| !flight.is_disturbed).and_then(|flight| flight.attempt)
        {
            *self.made.lost.entry(attempt.1).or_default() += 1;
        }
        self.given_up(ue, "agent-lost");
        self.events.push_back(RadioEvent::Dropped { ue, performer: None, reason: "agent-lost" });
    }

    fn note(&mut self, ue: u32) {
        let leaving = self.leaving.contains_key(&ue);
        let idle = !self.flights.contains_key(&ue);
        let Some(known) = self.ues.get_mut(ue as usize) else { return };
        let standing = Standing {
            is_here: known.presence == Presence::Here,
            registered: known.registered,
            connected: known.registered,
            session: known.session,
            idle,
            leaving,
        };
        if known.told != standing {
            known.told = standing;
            self.events.push_back(RadioEvent::Changed { ue, standing });
        }
    }

    // Attempts.

    fn account(&mut self, flight: &Flight, end: &End, now: Instant) {
        let Some((attempt, due)) = flight.attempt else { return };
        self.made.ended.push(attempt);
        if *end == End::Succeeded && !flight.is_disturbed {
            let latency = now.saturating_duration_since(due);
            let latency_us = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX).max(1);
            self.made.latencies.push((attempt.1, latency_us));
        }
    }

    fn ends(&mut self, ue: u32, flight: Flight, now: Instant, out: &mut Vec<Played>) {
        self.last_sent = Some(now);
        let end = match flight.fate {
            Fate::Succeeds { .. } => End::Succeeded,
            Fate::Fails { .. } => End::Failed("congestion".to_owned()),
            Fate::TimesOut { .. } => End::TimedOut("T3510".to_owned()),
        };
        let procedure = flight.procedure;
        if procedure == Procedure::HandoverN2 && end == End::Succeeded {
            return self.sets_out(ue, flight, now, out);
        }
        if let Some(known) = self.ues.get_mut(ue as usize).filter(|_| end == End::Succeeded) {
            match procedure {
                Procedure::Registration => known.registered = true,
                Procedure::PduSession => known.session = true,
                Procedure::Deregistration => (known.registered, known.session) = (false, false),
                _ => {}
            }
        }
        self.note(ue);
        self.account(&flight, &end, now);
        self.events.push_back(RadioEvent::Finished { ue, procedure, end });
    }

    fn sets_out(&mut self, ue: u32, flight: Flight, now: Instant, out: &mut Vec<Played>) {
        self.draws += 1;
        let draw = stream_seed(self.seed, &[u64::from(ue), self.draws]);
        // Each shard of a rehearsal has one node.
        let Some(to) = self.plan.next_node(self.shard, Path::Random, draw) else {
            let end = End::Failed("no-neighbour-gnb".to_owned());
            self.note(ue);
            self.account(&flight, &end, now);
            return self.events.push_back(RadioEvent::Finished { ue, procedure: flight.procedure, end });
        };
        let Some(known) = self.ues.get(ue as usize) else { return };
        let home = self.visitors.origin(ue);
        let what = PlayedUe { home, registered: known.registered, session: known.session };
        self.leaving.insert(ue, Leaving { to, flight: Some(flight), has_gone: false });
        self.note(ue);
        out.push(Played::HandOver { ue, to, what });
    }
}
