//! The radio network as its campaign sees it.

use std::time::{Duration, Instant};

use identity::{CellId, Imsi, Procedure};
use signalling::{NodeEvent, ReleaseCause, Timer, UeEvent};
use wire::away::AwayPlace;
use wire::to_coordinator::IntervalReport;

use super::Ran;
use super::action::ShardAction;
use super::handovers::Handovers;
use super::transferred::Newcomer;
use super::ues::Presence;
use crate::seam::{
    Activity, Encryption, Item, Loss, RadioEvent, RadioNetwork, Resumption, ScheduleClock, ShardUe, Stage,
    Start, Visitors,
};
use crate::transfer::{QUEUED_IN_ONE, UeContext};

impl RadioNetwork for Ran {
    type Context = UeContext;
    type Action = ShardAction;

    fn start(&mut self, start: Start, now: Instant, out: &mut Vec<ShardAction>) {
        self.start_here(start, now, out);
    }

    fn next_event(&mut self) -> Option<RadioEvent> {
        self.events.pop_front()
    }

    fn set_aside(&mut self, ue: u32, is_aside: bool) {
        if let Some(slot) = self.ues.slot(ue) {
            slot.recovers = is_aside;
        }
    }

    fn enter(&mut self, stage: Stage, now: Instant, out: &mut Vec<ShardAction>) {
        match stage {
            Stage::Closing => {
                self.stage = stage;
                if !self.user_plane.is_settled() {
                    // A network that is not told goes on sending, and charges for it. NG RESET says that the UEs are gone.
                    self.user_plane.close(now);
                    self.nodes.numbers().for_each(|number| self.node(number, NodeEvent::Reset, now, out));
                }
            }
            // From the moment of rest a UE receives nothing and sends nothing, so that its state is the one that travels. The core is
            // told by NG RESET that nobody is connected: it sends nothing that no one would count, and its UEs are idle (CM-IDLE).
            Stage::AtRest => {
                // Of a UE between two shards its next one is the holder; who has not left yet is here.
                self.handovers = Handovers::remembering(&mut self.handovers);
                self.transferred.session_contexts = Some(self.user_plane.export(now));
                for number in self.nodes.numbers() {
                    if self.nodes.get(number).is_some_and(|interface| interface.node.is_ready()) {
                        self.node(number, NodeEvent::Reset, now, out);
                    }
                }
            }
            Stage::GivenUp => self.user_plane.close_at_once(now),
            Stage::Load | Stage::Drained | Stage::Settling { .. } => {}
        }
        self.stage = stage;
    }

    fn succeeded(&mut self, ue: u32, procedure: Procedure, latency: Duration) {
        self.messages.tracer.succeeded(ue, procedure.name(), latency);
    }

    fn given_up(&mut self, ue: u32, reason: &str) {
        self.messages.tracer.failed(ue, format!("abandoned: {reason}"));
        self.intents.remove(&ue);
        self.handovers.given_up(ue);
    }

    fn begin(&mut self, clock: ScheduleClock, wall_us: u64) {
        self.clock = clock;
        if let Some(at) = clock.start() {
            self.user_plane.set_clock(at, wall_us);
        }
    }

    fn keep_time(&mut self, clock: ScheduleClock) {
        self.clock = clock;
    }

    fn pause(&mut self, clock: ScheduleClock) {
        self.clock = clock;
        self.user_plane.stand_still();
    }

    fn resume(&mut self, clock: ScheduleClock, at: Instant, paused: Duration) {
        self.clock = clock;
        self.impairments.actions.postpone(paused);
        self.user_plane.go_on(at);
    }

    fn change_conditions(&mut self, now: Instant, out: &mut Vec<ShardAction>) {
        self.change_impairments(now, out);
    }

    fn advance(&mut self, now: Instant, out: &mut Vec<ShardAction>) {
        if self.stage >= Stage::AtRest {
            // Only usage is counted to its end.
            self.user_plane.advance(now, &mut self.outgoing);
            self.outgoing.clear();
        } else {
            self.advance_here(now, out);
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        if self.stage >= Stage::AtRest {
            return self.user_plane.next_deadline();
        }
        let reached = |at: &Instant| self.clock.reaches(*at);
        [
            self.access.next_deadline(),
            self.ue_timers.next_deadline(),
            self.nodes.timers.next_deadline(),
            self.nodes.redial.next_deadline(),
            self.impairments.actions.next_deadline().filter(reached),
            self.handovers.steps.next_deadline(),
            self.user_plane.next_deadline(),
            self.impairments.next_change().and_then(|elapsed| self.clock.at(elapsed)),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn activity(&self) -> Activity {
        Activity {
            no_handovers: self.handovers.is_quiet(),
            last_handover: self.handovers.last_touched(),
            no_sessions: self.user_plane.is_settled(),
            all_left: self.messages.all_left(),
            last_sent: self.messages.last_sent,
            last_received: self.messages.last_received,
        }
    }

    fn place(&self, ue: u32, procedure: Procedure) -> Option<AwayPlace> {
        let gnb = self.ues.peek(ue)?.gnb;
        let session = match procedure {
            Procedure::PduSession => self.user_plane.next_session(),
            _ => self.user_plane.session_of(ue),
        };
        let session = session.and_then(|session| u32::try_from(session).ok());
        Some(AwayPlace { gnb: self.shard.nodes.get(usize::from(gnb))?.index, session })
    }

    fn subscriber(&self, ue: u32) -> (Option<Imsi>, Option<CellId>) {
        let cell = self.cell_of(ue).and_then(|at| {
            let node = self.shard.nodes.get(usize::from(at.gnb))?.node_id;
            Some(CellId { node, cell: at.cell })
        });
        (self.ues.imsi(ue), cell)
    }

    fn awaits(&self, ue: u32) -> Option<&'static str> {
        let runs = |timer: &Timer| self.ue_timers.expires((ue, *timer)).is_some();
        SUPERVISING.into_iter().find(runs).map(Timer::as_str)
    }

    fn report(&mut self, report: &mut IntervalReport) {
        report.registered = self.registered;
        report.unexpected.extend(self.unexpected.take());
        let strays = self.user_plane.take_strays();
        report.unexpected.extend(strays.map(|(kind, count)| (kind.to_owned(), count)));
        report.messages_sent = std::mem::take(&mut self.messages.sent);
        report.messages_received = std::mem::take(&mut self.messages.received);
        report.radio_lost = self.access.take_lost();
        report.sessions = self.transferred.sessions().unwrap_or_else(|| self.user_plane.sessions());
        report.usage = self.user_plane.take_usage();
        report.user_plane = self.user_plane.take_counters();
        (report.events, report.events_left_out) = self.nodes.events.take();
        report.amfs = self.nodes.take_amfs();
    }

    fn fits_one_report(&self) -> bool {
        self.user_plane.fits_one_report() && self.nodes.events.fits_one_report()
    }

    fn visitors(&mut self) -> &mut Visitors {
        &mut self.visitors
    }

    fn revive(&mut self, ue: u32) {
        self.revive_here(ue);
    }

    fn lose(&mut self, loss: Loss, now: Instant, out: &mut Vec<ShardAction>) {
        let Loss { shard, number, late } = loss;
        let visitors = self.visitors.visitors_that(|home| home.is_hit_by(shard, number));
        for ue in self.handovers.commanded_to(shard) {
            self.emit(RadioEvent::Dropped { ue, performer: None, reason: AGENT_LOST });
            self.handovers.given_up(ue);
            if !late {
                // Whoever was on its way there never arrived: it is here again, switched off. Late, it may be on its way to the next
                // holder, and its own release or the end of its time tells.
                self.handovers.end_departure(ue);
                self.revive_here(ue);
            }
        }
        for ue in visitors {
            self.give_visitor_up(ue, now, out);
        }
        for (gnb, ue) in self.handovers.expected_that(|home| home.is_hit_by(shard, number)) {
            self.handovers.end_arrival(gnb, ue);
            self.request_release(ue, gnb, ReleaseCause::RadioConnectionLost, now, out);
            self.forget(ue);
        }
    }

    fn encryption(&mut self) -> &mut Encryption {
        &mut self.encryption
    }

    fn export(&mut self, now: Instant) -> Vec<Item<UeContext>> {
        let dealt = self.user_plane.dealt().to_vec();
        let mut items = vec![Item::Beside { dealt, sessions_left: 0 }];
        let mut session_contexts = self.transferred.session_contexts.take().unwrap_or_default();
        for ue in self.ues.travelling() {
            let brought = session_contexts.remove(&ue).unwrap_or_default();
            let Some(slot) = self.ues.peek(ue) else { continue };
            items.push(Item::ShardUe(Box::new(ShardUe {
                ue,
                place: (slot.gnb, slot.cell),
                out_of_signal: slot.out_of_signal,
                handovers: 0,
                draws: slot.draws,
                recovers: None,
                ue_context: self.ue_context(ue, slot.ue.export(), brought, now),
            })));
        }
        let visitors = &self.visitors;
        let away = self.ues.away();
        items.extend(away.map(|(ue, group, draws)| Item::Away {
            ue,
            group,
            draws,
            at: visitors.whereabouts(ue),
        }));
        let seen = self.handovers.taken.snapshot();
        items.extend(seen.chunks(QUEUED_IN_ONE).map(|part| Item::Taken(part.to_vec())));
        items
    }

    fn adopt(&mut self, item: Item<UeContext>) -> bool {
        match item {
            Item::ShardUe(shard_ue) => return self.take_in(*shard_ue),
            Item::Away { ue, group, draws, at } => {
                if self.ues.is_away(ue, group, draws) {
                    self.visitors.leave(ue, at);
                    self.note(ue);
                }
            }
            Item::Taken(seen) => self.handovers.taken.adopt(&seen),
            Item::Beside { dealt, .. } => self.user_plane.deal_on(&dealt),
            Item::ReadyQueue { .. } => {}
        }
        true
    }

    fn go_on(&mut self, resumption: Resumption, now: Instant, out: &mut Vec<ShardAction>) {
        if resumption.adopted {
            self.ues.all_have_come();
        }
        for Newcomer { ue, timers, session_contexts } in std::mem::take(&mut self.transferred.newcomers) {
            if self.ues.peek(ue).is_none_or(|slot| slot.presence != Presence::Here) {
                // A visiting UE whose home was lost meanwhile.
                continue;
            }
            self.arm(ue, &timers, now);
            self.bring_sessions(ue, &session_contexts, now);
            // Its connection has gone with the association of its node.
            if self.ues.peek(ue).is_some_and(|slot| slot.ue.is_connected()) {
                self.ue(ue, UeEvent::ConnectionReleased, now, out);
            }
        }
        let visitors = &self.visitors;
        for ue in visitors.visitors_that(|home| visitors.is_lost(home)) {
            self.give_visitor_up(ue, now, out);
        }
        if let Some(us) = resumption.lost_before_us {
            self.handovers.taken.lost_before(us);
        }
        self.take_over_impairments(now, out);
    }
}

/// The timers that end an attempt which is not answered (TS 24.501 Tables 10.2.1 and 10.3.1).
const SUPERVISING: [Timer; 7] =
    [Timer::T3510, Timer::T3517, Timer::T3521, Timer::T3520, Timer::T3580, Timer::T3581, Timer::T3582];
/// The reason in the account for what was lost with its agent.
pub(super) const AGENT_LOST: &str = "agent-lost";
