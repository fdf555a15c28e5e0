//! Events for a UE, what it wants done, and what impairments make it do.

use std::time::{Duration, Instant};

use billing::Closing;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use scenarios::{ImpairmentKind, stream_seed};
use signalling::{
    Cause, ConnectionRefusal, Context, NodeEvent, Outcome, Procedure, ReleaseCause, Timer, UeAction, UeEvent,
};

use super::access::{Cell, Sent};
use super::action::ShardAction;
use super::impairments::{Change, ScheduledAction};
use super::radio::{Arrival, Delivery};
use super::ues::Presence;
use super::{Ran, SEED_OF_UES};
use crate::measure::Comment;
use crate::seam::{End, RadioEvent, Stage};

impl Ran {
    /// Delivers what is due over the air; with an ideal radio, an answer goes out at the instant of its question.
    pub(super) fn deliver_arrived(&mut self, now: Instant, out: &mut Vec<ShardAction>) {
        while let Some((arrival, cell)) = self.access.pop_arrived(now) {
            self.arrived_at = arrival.at;
            self.deliver(arrival, cell, now, out);
            self.arrived_at = None;
        }
    }

    fn deliver(&mut self, arrival: Arrival, cell: Option<Cell>, now: Instant, out: &mut Vec<ShardAction>) {
        let Arrival { ue, connection: number, delivery, .. } = arrival;
        let current = self.ues.slot(ue).is_some_and(|slot| slot.connection == number);
        let refused_or_paged = matches!(delivery, Delivery::Refused(_) | Delivery::Paged);
        if !current || !(refused_or_paged || cell.is_some()) {
            return;
        }
        let Cell { gnb, cell } = cell.unwrap_or(Cell { gnb: 0, cell: 0 });
        match delivery {
            // The account is closed: nobody comes any more.
            Delivery::Connect { .. } if !self.receives() => {}
            Delivery::Connect { nas, cause, s_tmsi } => {
                self.access.establish(ue);
                let interface = self.select_amf(gnb, ue, s_tmsi, now, out);
                if self.is_barred(interface, ue, cause) {
                    let refused = Delivery::Refused(ConnectionRefusal::BarredByOverload);
                    return self.over_the_air(ue, refused, now);
                }
                self.nodes.count(interface, |counts| counts.connections += 1);
                self.node(interface, NodeEvent::Connect { ue, cell, nas: &nas, cause, s_tmsi }, now, out);
            }
            Delivery::Uplink(nas) => {
                self.node(self.interface_of(gnb, ue), NodeEvent::Uplink { ue, nas: &nas }, now, out);
            }
            // What a UE takes to another shard was packed when its handover began: what it received after that would stay behind. The
            // core's timers repeat it where the UE arrives.
            Delivery::Downlink(_) if self.handovers.has_packed(ue) => {
                self.unexpected.count("nas-while-leaving");
            }
            Delivery::Downlink(nas) => self.ue(ue, UeEvent::Downlink(&nas), now, out),
            Delivery::Released => {
                self.access.disconnect(ue);
                self.ue(ue, UeEvent::ConnectionReleased, now, out);
            }
            Delivery::Refused(refusal) => {
                self.access.disconnect(ue);
                self.ue(ue, UeEvent::ConnectionRefused(refusal), now, out);
            }
            Delivery::Paged => self.ue(ue, UeEvent::Paged, now, out),
        }
    }

    /// Gives a UE an event and carries out what it wants. A UE that is not here receives nothing.
    pub(super) fn ue(&mut self, ue: u32, event: UeEvent<'_>, now: Instant, out: &mut Vec<ShardAction>) {
        let mut actions = std::mem::take(&mut self.ue_actions);
        let seed = self.seed;
        if self.stage < Stage::AtRest
            && let Some((slot, settings, tai)) = self.ues.camped(ue)
            && slot.presence == Presence::Here
        {
            let draw = slot.next_draw();
            let mut rng =
                SmallRng::seed_from_u64(stream_seed(seed, &[SEED_OF_UES, u64::from(ue), u64::from(draw)]));
            let (registered, identity) = (slot.ue.is_registered(), slot.ue.s_tmsi());
            slot.ue.handle(event, &mut Context { now, rng: &mut rng, settings, tai }, &mut actions);
            match (registered, slot.ue.is_registered()) {
                (false, true) => self.registered += 1,
                (true, false) => self.registered = self.registered.saturating_sub(1),
                _ => {}
            }
            self.ues.note_identity(ue, identity);
            self.note(ue);
        }
        for action in actions.drain(..) {
            self.carry_out(ue, action, now, out);
        }
        self.ue_actions = actions;
    }

    fn carry_out(&mut self, ue: u32, action: UeAction, now: Instant, out: &mut Vec<ShardAction>) {
        match action {
            UeAction::Connect { nas, cause, s_tmsi } => {
                self.connect(ue, Delivery::Connect { nas, cause, s_tmsi }, now);
            }
            UeAction::Uplink(nas) => self.over_the_air(ue, Delivery::Uplink(nas), now),
            UeAction::ReleaseConnection => self.access.drop_by_ue(ue, now),
            UeAction::SetTimer(timer, after) => self.ue_timers.set((ue, timer), now + after),
            UeAction::StopTimer(timer) => self.ue_timers.stop((ue, timer)),
            UeAction::Started(procedure) => {
                self.emit(RadioEvent::Began { ue, procedure });
                let begins = || format!("{} begins, started by the UE itself", procedure.name());
                self.messages.tracer.begins(ue, || Comment::Begins(begins()));
            }
            UeAction::Finished { procedure, outcome } => self.ended(ue, procedure, outcome, now, out),
            UeAction::Deregistered => self.unexpected.count("deregistered-by-network"),
            UeAction::SessionUp(session) => {
                let network = self.ues.peek(ue).and_then(|slot| self.ues.plmn_of(slot.gnb));
                if let (Some(supi), Some(serving)) = (self.ues.imsi(ue), network) {
                    self.user_plane.session_up(ue, supi, serving, &session, now);
                    self.throttle_as_cell(ue, now);
                }
            }
            UeAction::SessionDown { id } => {
                let registered = self.ues.peek(ue).is_some_and(|slot| slot.ue.is_registered());
                let closing = if registered { Closing::Released } else { Closing::Deregistered };
                self.user_plane.session_down(ue, id, closing, now);
            }
            UeAction::Unexpected(kind) => {
                self.emit(RadioEvent::Discarded { ue, kind });
                self.unexpected.count(kind);
            }
        }
    }

    /// A procedure of the UE has ended.
    fn ended(
        &mut self,
        ue: u32,
        procedure: Procedure,
        outcome: Outcome,
        now: Instant,
        out: &mut Vec<ShardAction>,
    ) {
        let succeeded = outcome == Outcome::Succeeded;
        if procedure == Procedure::PduSession
            && !succeeded
            && outcome != Outcome::Failed(Cause::SessionExists)
        {
            self.user_plane.not_granted(ue, now);
        }
        let recovers = self.ues.peek(ue).is_some_and(|slot| slot.recovers);
        if recovers && procedure == Procedure::Registration && !succeeded {
            // It does not try again by itself: that would be in the load's account.
            self.ues.start_over(ue);
            self.stop_timers(ue);
            self.note(ue);
        }
        // What the procedure was a part of goes on with it, or ends.
        let whole = match (procedure, self.intents.get(&ue)) {
            (Procedure::ServiceRequest, Some(whole)) if *whole != Procedure::SimSwap => Some(*whole),
            (Procedure::Registration, Some(Procedure::SimSwap)) => Some(Procedure::SimSwap),
            _ => None,
        };
        if whole.is_some() {
            self.intents.remove(&ue);
        }
        match whole {
            None => self.finish(ue, procedure, outcome.into(), now),
            Some(Procedure::SimSwap) => self.finish(ue, Procedure::SimSwap, outcome.into(), now),
            Some(handover) if !succeeded => self.finish(ue, handover, outcome.into(), now),
            Some(handover) if self.access.is_connected(ue) => self.start_handover(ue, handover, now, out),
            Some(handover) => self.finish(ue, handover, End::Failed("no-connection".into()), now),
        }
    }

    pub(super) fn stop_timers(&mut self, ue: u32) {
        Timer::ALL.into_iter().for_each(|timer| self.ue_timers.stop((ue, timer)));
    }

    fn connect(&mut self, ue: u32, first: Delivery, now: Instant) {
        self.lost_by_reconnecting(ue, now);
        let Some(slot) = self.ues.slot(ue) else { return };
        let cell = Cell { gnb: slot.gnb, cell: u32::from(slot.cell) };
        if slot.out_of_signal {
            self.access.refuse(ue, slot, ConnectionRefusal::RadioLinkFailure, now);
        } else {
            let lost = self.access.connect(ue, slot, cell, first, now);
            self.trace_lost(ue, lost, now);
        }
    }

    /// A NAS message that the radio has lost is on no wire, and explains what comes after it.
    fn trace_lost(&mut self, ue: u32, lost: Option<Delivery>, now: Instant) {
        let (uplink, nas) = match lost {
            Some(Delivery::Connect { nas, .. } | Delivery::Uplink(nas)) => (true, nas),
            Some(Delivery::Downlink(nas)) => (false, nas),
            _ => return,
        };
        let interface = self.access.gnb_of(ue).map(|gnb| self.interface_of(gnb, ue));
        let ends = interface.and_then(|interface| self.nodes.get(interface)?.ends);
        self.messages.trace_lost(ue, uplink, ends, nas, now);
    }

    /// Sends a message over the UE's connection; without one it goes nowhere.
    pub(super) fn over_the_air(&mut self, ue: u32, delivery: Delivery, now: Instant) {
        let Some(slot) = self.ues.slot(ue) else { return };
        match self.access.send(ue, slot, delivery, now) {
            Sent::OnItsWay => {}
            Sent::Lost(delivery) => self.trace_lost(ue, Some(delivery), now),
            Sent::Nowhere => self.unexpected.count("message-without-connection"),
        }
    }

    /// The gNB asks the core to release a connection that nobody uses, or that the UE has dropped.
    pub(super) fn check_inactivity(&mut self, ue: u32, now: Instant, out: &mut Vec<ShardAction>) {
        let Some(gnb) = self.access.gnb_of(ue) else { return };
        let user_data = self.user_plane.last_used(ue);
        if !self.ues.peek(ue).is_some_and(|slot| slot.ue.is_connected()) {
            self.access.disconnect(ue);
            self.request_release(ue, gnb, ReleaseCause::RadioConnectionLost, now, out);
        } else if self.access.is_inactive(ue, user_data, now) {
            self.request_release(ue, gnb, ReleaseCause::UserInactivity, now, out);
        }
    }

    pub(super) fn request_release(
        &mut self,
        ue: u32,
        gnb: u16,
        cause: ReleaseCause,
        now: Instant,
        out: &mut Vec<ShardAction>,
    ) {
        self.node(self.interface_of(gnb, ue), NodeEvent::RequestRelease { ue, cause }, now, out);
    }

    // What impairments make UEs do: all of it is self-started in the account.

    pub(super) fn change_impairments(&mut self, now: Instant, out: &mut Vec<ShardAction>) {
        let Some(elapsed) = self.clock.elapsed(now) else { return };
        while let Some(change) = self.impairments.pop(elapsed) {
            self.apply(change, now, out);
        }
    }

    fn apply(&mut self, change: Change, now: Instant, out: &mut Vec<ShardAction>) {
        let Some(kind) = self.impairments.kind(change.impairment) else { return };
        match kind {
            ImpairmentKind::Interference { .. } | ImpairmentKind::Congestion { .. } => {
                for &cell in self.impairments.cells(change.impairment) {
                    self.access.set_interference(cell, self.impairments.interference(cell));
                    self.access.set_congestion(cell, self.impairments.congestion(cell));
                }
            }
            ImpairmentKind::Throttle { .. } => {
                for ue in self.present() {
                    self.throttle_as_cell(ue, now);
                }
            }
            ImpairmentKind::SignalLoss { share } if change.begins => {
                for ue in self.concerned(change.impairment, share) {
                    self.lose_signal(ue, now, out);
                }
            }
            ImpairmentKind::SignalLoss { .. } => self.return_signal(now),
            ImpairmentKind::RrcOscillation { share, period } if change.begins => {
                let action = ScheduledAction::Oscillate { impairment: change.impairment };
                self.spread(change.impairment, share, period, action, now);
            }
            ImpairmentKind::SignallingStorm { share, period } if change.begins => {
                let action = ScheduledAction::SwitchOff { impairment: change.impairment };
                self.spread(change.impairment, share, period, action, now);
            }
            ImpairmentKind::RrcOscillation { .. } | ImpairmentKind::SignallingStorm { .. } => {}
        }
    }

    /// The shard is taken over in the middle of the run: what holds then holds for it.
    pub(super) fn take_over_impairments(&mut self, now: Instant, out: &mut Vec<ShardAction>) {
        for change in self.impairments.pass_to(self.clock.since_start(now)) {
            self.apply(change, now, out);
        }
        let lost = |kind| matches!(kind, Some(ImpairmentKind::SignalLoss { .. }));
        if !self.impairments.holding_anywhere().any(|impairment| lost(self.impairments.kind(impairment))) {
            self.return_signal(now);
        }
    }

    fn present(&self) -> Vec<u32> {
        self.ues.present().collect()
    }

    /// The UEs here that an impairment which has begun concerns.
    fn concerned(&self, impairment: usize, share: f64) -> Vec<u32> {
        let mut ues = self.present();
        ues.retain(|&ue| {
            let cell = self.cell_of(ue);
            cell.zip(self.ues.imsi(ue))
                .is_some_and(|(cell, supi)| self.impairments.concerns(impairment, share, cell, supi))
        });
        ues
    }

    pub(super) fn cell_of(&self, ue: u32) -> Option<Cell> {
        let camps = || {
            let slot = self.ues.peek(ue)?;
            Some(Cell { gnb: slot.gnb, cell: u32::from(slot.cell) })
        };
        self.access.cell_of(ue).or_else(camps)
    }

    /// Each UE that is concerned begins at its own place in the period.
    fn spread(
        &mut self,
        impairment: usize,
        share: f64,
        period: Duration,
        action: ScheduledAction,
        now: Instant,
    ) {
        for ue in self.concerned(impairment, share) {
            let Some(supi) = self.ues.imsi(ue) else { continue };
            let phase = self.impairments.phase(impairment, supi);
            self.impairments.actions.set((ue, action), now + period.mul_f64(phase));
        }
    }

    /// The traffic of the UE's sessions flows as its cell allows.
    pub(super) fn throttle_as_cell(&mut self, ue: u32, now: Instant) {
        if let Some(cell) = self.cell_of(ue) {
            self.user_plane.throttle(ue, self.impairments.throttle(cell), now);
        }
    }

    // Loss of signal, and its return.

    fn lose_signal(&mut self, ue: u32, now: Instant, out: &mut Vec<ShardAction>) {
        let Some(slot) = self.ues.slot(ue) else { return };
        slot.out_of_signal = true;
        self.note(ue);
        let on_its_way = self
            .handovers
            .departure(ue)
            .is_some_and(|departure| departure.commanded.is_some() && departure.arrived.is_none());
        if let Some(gnb) = self.access.disconnect(ue) {
            self.ue(ue, UeEvent::ConnectionReleased, now, out);
            // A UE between two cells is missed at neither yet: its handover ends by time.
            if !on_its_way {
                self.request_release(ue, gnb, ReleaseCause::RadioConnectionLost, now, out);
            }
        }
    }

    fn return_signal(&mut self, now: Instant) {
        for ue in self.present() {
            let Some(slot) = self.ues.slot(ue).filter(|slot| slot.out_of_signal) else { continue };
            slot.out_of_signal = false;
            let mut draw = self.access.draw(ue, slot);
            let searches = self.access.interruption(SEARCH, &mut draw);
            self.impairments.actions.set((ue, ScheduledAction::ComeBack), now + searches);
            self.note(ue);
        }
    }

    /// What an impairment wants of a UE is done where the UE has nothing else to do.
    pub(super) fn run_scheduled_action(
        &mut self,
        ue: u32,
        action: ScheduledAction,
        now: Instant,
        out: &mut Vec<ShardAction>,
    ) {
        if self.stage > Stage::Load {
            return;
        }
        let Some(slot) = self.ues.peek(ue) else { return };
        let busy = slot.recovers || self.handovers.concern(ue) || self.intents.contains_key(&ue);
        let idle = slot.ue.is_idle_for_attempts() && !slot.out_of_signal && !busy;
        let (registered, connected) = (slot.ue.is_registered(), slot.ue.is_connected());
        match action {
            ScheduledAction::ComeBack => {
                if idle && registered && !connected {
                    self.ue(ue, UeEvent::CellChanged, now, out);
                    // A UE that has not moved says that it is back.
                    if self.ues.peek(ue).is_some_and(|slot| slot.ue.is_idle_for_attempts()) {
                        self.begin_by_itself(ue, Procedure::ServiceRequest, "the signal is back", now, out);
                    }
                }
            }
            ScheduledAction::Oscillate { impairment } => {
                let Some(ImpairmentKind::RrcOscillation { period, .. }) = self.still(impairment) else {
                    return;
                };
                self.impairments.actions.set((ue, action), now + period / 2);
                if idle && registered && connected {
                    self.begin_by_itself(ue, Procedure::UeContextRelease, "RRC oscillates", now, out);
                } else if idle && registered {
                    self.begin_by_itself(ue, Procedure::ServiceRequest, "RRC oscillates", now, out);
                }
            }
            ScheduledAction::SwitchOff { impairment } => {
                let Some(ImpairmentKind::SignallingStorm { period, .. }) = self.still(impairment) else {
                    return;
                };
                self.impairments.actions.set((ue, action), now + period);
                if idle {
                    if registered {
                        self.ue(ue, UeEvent::SwitchOff, now, out);
                    }
                    // The last message of the old connection leaves before the new one is asked for.
                    self.impairments.actions.set((ue, ScheduledAction::Register), now + SWITCH_ON);
                }
            }
            ScheduledAction::Register => {
                if idle && !registered {
                    self.begin_by_itself(ue, Procedure::RegistrationRetry, "signalling storm", now, out);
                }
            }
        }
    }

    fn still(&self, impairment: usize) -> Option<ImpairmentKind> {
        self.impairments.kind(impairment).filter(|_| self.impairments.is_active(impairment))
    }

    /// UEs that waited for a place in a cell have one now, or have waited too long.
    pub(super) fn admit_waiting(&mut self, now: Instant) {
        while let Some((ue, cell, first)) = self.access.pop_admissible() {
            if let Some(slot) = self.ues.slot(ue) {
                let lost = self.access.connect(ue, slot, cell, first, now);
                self.trace_lost(ue, lost, now);
            }
        }
        while let Some(ue) = self.access.pop_impatient(now) {
            if let Some(slot) = self.ues.slot(ue) {
                self.access.refuse(ue, slot, ConnectionRefusal::CellAtCapacity, now);
            }
        }
    }
}

/// How long a UE looks for a cell, the median.
const SEARCH: Duration = Duration::from_millis(200);
/// How long a UE is off in a signalling storm.
const SWITCH_ON: Duration = Duration::from_millis(500);
