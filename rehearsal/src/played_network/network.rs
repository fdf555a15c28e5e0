//! The played network as its campaign sees it.

use std::time::{Duration, Instant};

use agent::seam::{
    Activity, Encryption, Item, Loss, RadioEvent, RadioNetwork, Resumption, ScheduleClock, ShardUe, Stage,
    Start, StartCause, Visitors,
};
use identity::{CellId, Imsi, Procedure};
use wire::away::AwayPlace;
use wire::to_coordinator::IntervalReport;

use super::{Flight, Played, PlayedNetwork, PlayedUe, Presence, Ue};
use crate::target::{Fate, fate};

impl RadioNetwork for PlayedNetwork {
    type Context = PlayedUe;
    type Action = Played;

    fn start(&mut self, start: Start, now: Instant, out: &mut Vec<Played>) {
        let Start { ue, procedure, cause } = start;
        let needs = procedure.needs();
        let able = self.ues.get(ue as usize).is_some_and(|known| {
            known.presence == Presence::Here
                && known.registered == needs.registered
                && needs.session.is_none_or(|session| known.session == session)
        });
        if !able || self.flights.contains_key(&ue) || self.leaving.contains_key(&ue) {
            let what = format!("shard {}: {start:?} of a UE that cannot, or is busy", self.shard);
            self.made.violations.push(what);
        }
        self.draws += 1;
        let of_others = (self.shard, usize::MAX, self.draws ^ self.seed);
        let (attempt, fate) = match cause {
            StartCause::Due { load, index, due } => {
                let attempt = (self.shard, load, index);
                self.made.started.push(attempt);
                out.push(Played::Started { attempt, due });
                (Some((attempt, due)), fate(self.plan.seed(), attempt))
            }
            StartCause::DueAtHome { .. } => (None, fate(self.plan.seed(), of_others)),
            StartCause::Recovery => (None, Fate::Succeeds { after_us: 20_000 }),
        };
        let (Fate::Succeeds { after_us } | Fate::Fails { after_us } | Fate::TimesOut { after_us }) = fate;
        let ends = now + Duration::from_micros(after_us);
        self.last_sent = Some(now);
        self.flights.insert(ue, Flight { procedure, attempt, ends, fate, is_disturbed: false });
        self.note(ue);
    }

    fn next_event(&mut self) -> Option<RadioEvent> {
        self.events.pop_front()
    }

    fn set_aside(&mut self, _: u32, _: bool) {}

    fn enter(&mut self, stage: Stage, _: Instant, _: &mut Vec<Played>) {
        self.stage = stage;
        if stage >= Stage::AtRest {
            self.flights.clear();
            self.leaving.clear();
        }
    }

    fn given_up(&mut self, ue: u32, _: &str) {
        let flight = self.flights.remove(&ue);
        let flight = flight.or_else(|| self.leaving.get_mut(&ue)?.flight.take());
        self.made.ended.extend(flight.and_then(|flight| flight.attempt).map(|(attempt, _)| attempt));
        self.note(ue);
    }

    fn begin(&mut self, _: ScheduleClock, _: u64) {}

    fn keep_time(&mut self, _: ScheduleClock) {}

    fn pause(&mut self, _: ScheduleClock) {}

    fn resume(&mut self, _: ScheduleClock, _: Instant, _: Duration) {}

    fn change_conditions(&mut self, _: Instant, _: &mut Vec<Played>) {}

    fn advance(&mut self, now: Instant, out: &mut Vec<Played>) {
        let over = self.flights.iter().filter(|(_, flight)| flight.ends <= now);
        let mut over: Vec<(Instant, u32)> = over.map(|(ue, flight)| (flight.ends, *ue)).collect();
        over.sort_unstable();
        for (_, ue) in over {
            if let Some(flight) = self.flights.remove(&ue) {
                self.ends(ue, flight, now, out);
            }
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.flights.values().map(|flight| flight.ends).min()
    }

    fn activity(&self) -> Activity {
        Activity {
            no_handovers: self.leaving.is_empty(),
            last_handover: self.last_handover,
            no_sessions: self.stage >= Stage::Closing || !self.ues.iter().any(|ue| ue.session),
            all_left: true,
            last_sent: self.last_sent,
            last_received: self.last_sent,
        }
    }

    fn place(&self, _: u32, _: Procedure) -> Option<AwayPlace> {
        Some(AwayPlace { gnb: self.shard, session: None })
    }

    fn subscriber(&self, _: u32) -> (Option<Imsi>, Option<CellId>) {
        (None, None)
    }

    fn awaits(&self, ue: u32) -> Option<&'static str> {
        self.flights.contains_key(&ue).then_some("T3510")
    }

    fn report(&mut self, report: &mut IntervalReport) {
        let count = |is: fn(&Ue) -> bool| self.ues.iter().filter(|ue| is(ue)).count() as u64;
        report.registered = count(|ue| ue.registered);
        report.sessions = count(|ue| ue.session);
    }

    fn fits_one_report(&self) -> bool {
        true
    }

    fn visitors(&mut self) -> &mut Visitors {
        &mut self.visitors
    }

    fn revive(&mut self, ue: u32) {
        if let Some(ue) = self.ues.get_mut(ue as usize) {
            ue.presence = Presence::Here;
        }
        self.visitors.is_back(ue);
        self.note(ue);
    }

    fn lose(&mut self, loss: Loss, _: Instant, _: &mut Vec<Played>) {
        let Loss { shard, number, late } = loss;
        let visitors = self.visitors.visitors_that(|home| home.is_hit_by(shard, number));
        let gone = self.leaving.iter().filter(|(_, leaving)| leaving.has_gone && leaving.to == shard);
        for ue in gone.map(|(ue, _)| *ue).collect::<Vec<_>>() {
            self.drop_attempts(ue);
            if !late {
                self.leaving.remove(&ue);
                self.revive(ue);
            }
        }
        visitors.into_iter().for_each(|ue| self.give_visitor_up(ue));
    }

    fn encryption(&mut self) -> &mut Encryption {
        &mut self.encryption
    }

    fn export(&mut self, _: Instant) -> Vec<Item<PlayedUe>> {
        let mut items = vec![Item::Beside { dealt: Vec::new(), sessions_left: 0 }];
        for (ue, known) in (0..).zip(&self.ues) {
            match known.presence {
                Presence::Here => items.push(Item::ShardUe(Box::new(ShardUe {
                    ue,
                    place: (0, 0),
                    out_of_signal: false,
                    handovers: 0,
                    draws: 0,
                    recovers: None,
                    ue_context: PlayedUe {
                        home: self.visitors.origin(ue),
                        registered: known.registered,
                        session: known.session,
                    },
                }))),
                Presence::Away => {
                    items.push(Item::Away { ue, group: 0, draws: 0, at: self.visitors.whereabouts(ue) });
                }
                Presence::Expected | Presence::Free => {}
            }
        }
        items
    }

    fn adopt(&mut self, item: Item<PlayedUe>) -> bool {
        match item {
            Item::ShardUe(shard_ue) => {
                let ShardUe { ue, ue_context: PlayedUe { home, registered, session }, .. } = *shard_ue;
                self.make_room(ue);
                self.comes(ue, home, registered, session);
            }
            Item::Away { ue, at, .. } => {
                self.goes(ue);
                self.visitors.leave(ue, at);
                self.note(ue);
            }
            Item::Taken(_) | Item::Beside { .. } | Item::ReadyQueue { .. } => {}
        }
        true
    }

    fn go_on(&mut self, resumption: Resumption, _: Instant, _: &mut Vec<Played>) {
        if resumption.adopted {
            let slots = (0..).zip(&self.ues);
            self.free = slots.filter(|(_, ue)| ue.presence == Presence::Free).map(|(ue, _)| ue).collect();
        }
        let visitors = &self.visitors;
        for ue in visitors.visitors_that(|home| visitors.is_lost(home)) {
            self.give_visitor_up(ue);
        }
    }
}
