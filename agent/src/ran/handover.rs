//! Handovers (TS 38.413 §8.4, TS 23.502 §4.9.1): how a UE sets out at the source, what becomes of it, whom a gNB admits at the
//! target, and how a UE of another shard comes.

use std::time::{Duration, Instant};

use identity::{CellId, Performer};
use scenarios::stream_seed;
use signalling::{Device, NodeEvent, Procedure, ReleaseCause, Released, TargetGnb, UeEvent};

use super::access::Cell;
use super::action::ShardAction;
use super::handovers::{Departure, ExpectedUe, Fate, Step, Target};
use super::node::ended_by;
use super::planning::plan_handover;
use super::{Ran, SEED_OF_HANDOVERS};
use crate::seam::{End, Handover, RadioEvent, Stage};
use crate::transfer::{Encrypted, EncryptedId, EncryptionError, UeContext, UeContextTransfer, Who};

impl Ran {
    /// The handover of a UE that is connected begins.
    pub(super) fn start_handover(
        &mut self,
        ue: u32,
        procedure: Procedure,
        now: Instant,
        out: &mut Vec<ShardAction>,
    ) {
        let end = match self.plan_of(ue, procedure, now) {
            Ok((departure, target)) => {
                let over_xn = procedure == Procedure::HandoverXn;
                let (source, fate) = (departure.source, departure.fate);
                self.handovers.depart(ue, departure);
                self.note(ue);
                self.handovers.steps.set(Step::Overdue { ue }, now + LONGEST);
                if over_xn {
                    return self.leave_over_xn(ue, now, out);
                }
                match self.ue_context_transfer(ue, now) {
                    Ok(container) => {
                        let event = NodeEvent::Handover { ue, target, container: &container };
                        self.node(self.interface_of(source.gnb, ue), event, now, out);
                        if fate == Fate::Cancelled && self.handovers.departure(ue).is_some() {
                            self.handovers.steps.set(Step::Cancel { ue }, now);
                        }
                        return;
                    }
                    Err(error) => End::Failed(error.to_string()),
                }
            }
            Err(reason) => End::Failed(reason.to_owned()),
        };
        if self.handovers.departure(ue).is_some() {
            self.handover_failed(ue, end, now);
        } else {
            self.finish(ue, procedure, end, now);
        }
    }

    fn plan_of(
        &mut self,
        ue: u32,
        procedure: Procedure,
        now: Instant,
    ) -> Result<(Departure, TargetGnb), &'static str> {
        let source = self.access.cell_of(ue).ok_or("no-connection")?;
        let draw = self.ues.slot(ue).ok_or("no-connection")?.next_draw();
        let chance =
            |of: u64| stream_seed(self.seed, &[SEED_OF_HANDOVERS, u64::from(ue), u64::from(draw), of]);
        plan_handover(&self.plan, &self.shard, source, procedure, chance, now)
    }

    /// What the UE takes along, sealed.
    fn ue_context_transfer(&mut self, ue: u32, now: Instant) -> Result<Vec<u8>, EncryptionError> {
        let departure = self.handovers.departure(ue);
        let (target, fate) = departure.map_or((None, Fate::Lost), |d| (Some(d.target), d.fate));
        let to = departure.map_or(CellId { node: 0, cell: 0 }, |d| d.to);
        let who = match (target, self.ues.peek(ue)) {
            (Some(Target::Elsewhere { .. }), Some(slot)) => {
                let session_contexts = self.user_plane.session_contexts(ue);
                Who::UeContext(Box::new(self.ue_context(ue, slot.ue.export(), session_contexts, now)))
            }
            _ => Who::Neighbour { shard: self.shard.number, ue },
        };
        let arrives = fate != Fate::Lost;
        let (sealed_us, refused) = (self.clock.us(now), fate == Fate::Refused);
        self.encryption
            .seal(Encrypted::UeContextTransfer, &UeContextTransfer { to, sealed_us, refused, arrives, who })
    }

    /// The target is prepared: the UE leaves for it.
    pub(super) fn handover_commanded(&mut self, ue: u32, now: Instant, out: &mut Vec<ShardAction>) {
        let Some(departure) = self.handovers.departure_mut(ue).filter(|d| d.commanded.is_none()) else {
            return self.unexpected.count("handover-command");
        };
        departure.commanded = Some(now);
        let (target, lost) = (departure.target, departure.fate == Fate::Lost);
        self.user_plane.pause(ue);
        if lost || !self.access.is_connected(ue) {
            if let Some(departure) = self.handovers.departure_mut(ue) {
                departure.fate = Fate::Lost;
            }
            return self.fall_off(ue, now, out);
        }
        match target {
            Target::Here(cell) => self.set_out(ue, cell, now),
            Target::Elsewhere { network, shard } => {
                self.handovers.touch(now);
                self.user_plane.depart(ue, network, now);
                self.access.disconnect(ue);
                self.stop_timers(ue);
                let performer = Some(Performer::Ue);
                self.emit(RadioEvent::Dropped { ue, performer, reason: "handed-over" });
                self.intents.remove(&ue);
                if self.ues.peek(ue).is_some_and(|slot| slot.ue.is_registered()) {
                    self.registered = self.registered.saturating_sub(1);
                }
                self.ues.leave(ue);
                self.visitors.leave(ue, Some(shard));
                self.note(ue);
            }
        }
    }

    /// The UE is on its way into another cell of the shard.
    fn set_out(&mut self, ue: u32, cell: Cell, now: Instant) {
        let median = self.plan.scenario().mobility.interruption;
        let Some(slot) = self.ues.slot(ue) else { return };
        let mut draw = self.access.draw(ue, slot);
        let at = now + self.access.interruption(median, &mut draw);
        self.access.relocate(ue, cell, at);
        self.handovers.steps.set(Step::Arrive { gnb: cell.gnb, ue }, at);
    }

    /// The radio link of the UE has failed, and its gNB does not know yet.
    fn fall_off(&mut self, ue: u32, now: Instant, out: &mut Vec<ShardAction>) {
        self.access.disconnect(ue);
        self.ue(ue, UeEvent::ConnectionReleased, now, out);
    }

    /// The handover came to nothing before the UE left.
    pub(super) fn handover_failed(&mut self, ue: u32, end: End, now: Instant) {
        let Some(departure) = self.handovers.end_departure(ue) else {
            return self.unexpected.count("handover-preparation-failure");
        };
        self.end_handover(ue, &departure, end, now);
    }

    fn end_handover(&mut self, ue: u32, departure: &Departure, end: End, now: Instant) {
        self.note(ue);
        // What was given up before, too late or at the end of the run, ends no more.
        if !departure.is_reported {
            let handover = departure.handover(end == End::Succeeded, now);
            self.tell_handover(ue, departure.procedure, end, handover);
        }
    }

    fn tell_handover(&mut self, ue: u32, procedure: Procedure, end: End, handover: Handover) {
        self.trace_end(ue, procedure, &end);
        self.emit(RadioEvent::HandoverFinished { ue, procedure, end, handover });
    }

    /// TNGRELOCoverall: the attempt is over, though the UE is not released yet.
    pub(super) fn handover_overdue(&mut self, ue: u32, now: Instant) {
        let Some(departure) = self.handovers.departure_mut(ue) else { return };
        if std::mem::replace(&mut departure.is_reported, true) {
            return;
        }
        let (procedure, handover) = (departure.procedure, departure.handover(false, now));
        self.tell_handover(ue, procedure, End::TimedOut("TNGRELOCoverall".into()), handover);
    }

    /// A gNB has released the UE: at the source that is the end of an N2 handover, at the target of one over Xn its failure.
    pub(super) fn departure_released(
        &mut self,
        number: u16,
        ue: u32,
        cause: Released,
        now: Instant,
        out: &mut Vec<ShardAction>,
    ) {
        let Some(departure) = self.handovers.departure(ue) else { return };
        let (procedure, source, target) = (departure.procedure, departure.source, departure.target);
        match procedure {
            Procedure::HandoverN2 if source.gnb == number => {
                let Some(departure) = self.handovers.end_departure(ue) else { return };
                self.close_departure(ue, &departure, cause, now);
            }
            Procedure::HandoverXn
                if matches!(target, Target::Here(cell) if cell.gnb == number)
                    && departure.arrived.is_some() =>
            {
                self.path_switch_failed(ue, End::Failed(ended_by(cause).into()), now, out);
            }
            _ => {}
        }
    }

    fn close_departure(&mut self, ue: u32, departure: &Departure, cause: Released, now: Instant) {
        let succeeded = cause == Released::HandedOver;
        let gone = departure.commanded.is_some()
            && matches!(departure.target, Target::Elsewhere { .. })
            && departure.fate != Fate::Lost;
        if gone && !succeeded {
            // Nobody saw it arrive: it is here again, switched off.
            self.unexpected.count("handover-ue-lost");
            self.revive_here(ue);
        }
        let end = match (succeeded, departure.fate) {
            (true, _) => End::Succeeded,
            (false, Fate::Lost) => End::Failed("radio-link-failure".into()),
            (false, _) => End::Failed(ended_by(cause).into()),
        };
        self.end_handover(ue, departure, end, now);
        if gone {
            self.handovers.touch(now);
            if succeeded {
                let shard = match departure.target {
                    Target::Elsewhere { shard, .. } => Some(shard),
                    Target::Here(_) => None,
                };
                self.visitors.has_arrived(ue, shard, now);
                self.forget(ue);
            }
        }
    }

    /// The UE sets up a connection anew: whatever handover it was in, it has lost its way.
    pub(super) fn lost_by_reconnecting(&mut self, ue: u32, now: Instant) {
        let release = Step::Unreleased { ue };
        if self.handovers.steps.expires(release).is_some() {
            self.handovers.steps.stop(release);
            self.finish(ue, Procedure::UeContextRelease, End::Failed("reconnected".into()), now);
        }
        if self.handovers.departure(ue).is_some_and(|departure| departure.arrived.is_none()) {
            self.handover_failed(ue, End::Failed("radio-link-failure".into()), now);
        }
    }

    // Over Xn.

    fn leave_over_xn(&mut self, ue: u32, now: Instant, out: &mut Vec<ShardAction>) {
        let Some(departure) = self.handovers.departure_mut(ue) else { return };
        let (source, target, fate) = (departure.source, departure.target, departure.fate);
        departure.commanded = Some(now);
        let interface = self.interface_of(source.gnb, ue);
        let context = self.nodes.get_mut(interface).and_then(|port| port.node.give_up_for_xn(ue));
        let (Some(context), Target::Here(cell)) = (context, target) else {
            return self.handover_failed(ue, End::Failed("no-connection".into()), now);
        };
        if let Some(departure) = self.handovers.departure_mut(ue) {
            departure.context = Some(context);
        }
        self.user_plane.pause(ue);
        if fate == Fate::Lost {
            self.handover_failed(ue, End::Failed("radio-link-failure".into()), now);
            self.fall_off(ue, now, out);
            return self.request_release(ue, source.gnb, ReleaseCause::RadioConnectionLost, now, out);
        }
        self.set_out(ue, cell, now);
    }

    /// The AMF has switched the path: the source lets the UE go.
    pub(super) fn path_switched(&mut self, ue: u32, now: Instant, out: &mut Vec<ShardAction>) {
        let Some(departure) = self.handovers.end_departure(ue) else {
            return self.unexpected.count("path-switched");
        };
        self.end_handover(ue, &departure, End::Succeeded, now);
        self.node(self.interface_of(departure.source.gnb, ue), NodeEvent::ReleaseAfterXn { ue }, now, out);
    }

    /// The AMF has not: neither gNB has a use for the UE, and the source asks for its release.
    pub(super) fn path_switch_failed(&mut self, ue: u32, end: End, now: Instant, out: &mut Vec<ShardAction>) {
        let Some(departure) = self.handovers.end_departure(ue) else { return };
        self.end_handover(ue, &departure, end, now);
        self.request_release(ue, departure.source.gnb, ReleaseCause::RadioConnectionLost, now, out);
    }

    // By time.

    pub(super) fn take_step(&mut self, step: Step, now: Instant, out: &mut Vec<ShardAction>) {
        match step {
            Step::Cancel { ue } => {
                let Some(departure) = self.handovers.departure(ue) else { return };
                if departure.commanded.is_none() {
                    let gnb = departure.source.gnb;
                    self.node(self.interface_of(gnb, ue), NodeEvent::CancelHandover { ue }, now, out);
                }
            }
            Step::Arrive { gnb, ue } => match self.handovers.end_arrival(gnb, ue) {
                Some(arrival) => self.arrive_from_elsewhere(gnb, ue, arrival, now, out),
                None => self.arrive(gnb, ue, now, out),
            },
            Step::Overdue { ue } => {
                self.handover_overdue(ue, now);
                if let Some(departure) = self.handovers.end_departure(ue) {
                    self.close_departure(ue, &departure, Released::Lost, now);
                }
            }
            Step::Unreleased { ue } => {
                let end = End::TimedOut("ue-context-release".into());
                self.finish(ue, Procedure::UeContextRelease, end, now);
            }
        }
    }

    /// The UE comes into another cell of the shard.
    fn arrive(&mut self, gnb: u16, ue: u32, now: Instant, out: &mut Vec<ShardAction>) {
        let Some(departure) = self.handovers.departure_mut(ue) else { return };
        let Target::Here(cell) = departure.target else { return };
        if self.access.cell_of(ue) != Some(cell) || departure.arrived.is_some() {
            return;
        }
        departure.arrived = Some(now);
        let (context, amf) = (departure.context.take(), departure.amf);
        if let Some(slot) = self.ues.slot(ue) {
            slot.gnb = gnb;
            slot.amf = amf.unwrap_or(slot.amf);
            slot.cell = u16::try_from(cell.cell).unwrap_or_default();
        }
        if let Some(network) = self.ues.plmn_of(gnb) {
            self.user_plane.moved(ue, gnb, network, now);
        }
        self.throttle_as_cell(ue, now);
        let event = match &context {
            Some(context) => NodeEvent::ArriveByXn { ue, cell: cell.cell, context },
            None => NodeEvent::HandoverArrived { ue },
        };
        self.node(self.interface_of(gnb, ue), event, now, out);
        self.ue(ue, UeEvent::CellChanged, now, out);
    }

    // At the target.

    /// A UE wants to come to a gNB of this shard.
    pub(super) fn handover_requested(
        &mut self,
        interface: u16,
        handle: u32,
        cell: u32,
        container: &[u8],
        now: Instant,
        out: &mut Vec<ShardAction>,
    ) {
        let (number, amf) = (self.nodes.node_of(interface), self.nodes.amf_of(interface));
        let amf = u8::try_from(amf).unwrap_or_default();
        let admitted = match self.open_ue_context_transfer(number, cell, container, now) {
            Err(why) => Err(Some(why)),
            Ok(transfer) if transfer.refused => Err(None),
            Ok(transfer) => self.admit(number, amf, cell, transfer, now).map_err(Some),
        };
        let event = match admitted {
            Ok(ue) => NodeEvent::AdmitHandover { handle, ue },
            Err(why) => {
                if let Some(why) = why {
                    self.unexpected.count(&why);
                }
                NodeEvent::RefuseHandover { handle }
            }
        };
        self.node(interface, event, now, out);
    }

    /// Opens what the source has sealed, where it was sealed for this cell and comes for the first time.
    fn open_ue_context_transfer(
        &mut self,
        number: u16,
        cell: u32,
        container: &[u8],
        now: Instant,
    ) -> Result<UeContextTransfer, String> {
        let transfer = self
            .encryption
            .open::<UeContextTransfer>(Encrypted::UeContextTransfer, container)
            .map_err(|error| error.to_string())?;
        let here = self.shard.nodes.get(usize::from(number)).map(|gnb| CellId { node: gnb.node_id, cell });
        if here != Some(transfer.to) {
            return Err("sealed-ue-misdirected".to_owned());
        }
        let id = EncryptedId::of(container).ok_or("sealed-ue-misdirected")?;
        let now_us = self.clock.us(now);
        let taken = self.handovers.taken.take(id, transfer.sealed_us, now_us);
        taken.map(|()| transfer).map_err(|refusal| refusal.to_string())
    }

    fn admit(
        &mut self,
        number: u16,
        amf: u8,
        cell: u32,
        transfer: UeContextTransfer,
        now: Instant,
    ) -> Result<u32, String> {
        match transfer.who {
            Who::Neighbour { shard, ue } => {
                let coming = self.handovers.departure(ue).is_some_and(|departure| {
                    departure.commanded.is_none()
                        && matches!(departure.target, Target::Here(to) if to.gnb == number)
                });
                if shard != self.shard.number || !coming {
                    return Err("handover-of-nobody".into());
                }
                if let Some(departure) = self.handovers.departure_mut(ue) {
                    departure.amf = Some(amf);
                }
                Ok(ue)
            }
            Who::UeContext(ue_context) => {
                if !self.takes_whom_it_was_sent(now) {
                    return Err("handover-after-the-end".into());
                }
                let home = ue_context.home;
                let at_home = (home.shard == self.shard.number).then_some(home.ue);
                // One whose departure is not over yet comes back too soon.
                if at_home.is_some_and(|ue| self.handovers.departure(ue).is_some()) {
                    return Err("handover-back-too-soon".into());
                }
                let ue = self.ues.expect(at_home).ok_or("handover-without-room")?;
                if self.handovers.arrival(number, ue).is_some() {
                    return Err("handover-twice".into());
                }
                self.handovers.touch(now);
                self.handovers.expect(
                    number,
                    ue,
                    ExpectedUe { ue_context, cell, amf, arrives: transfer.arrives },
                );
                Ok(ue)
            }
        }
    }

    /// Whether a UE that comes now can still arrive here. A shard that is to move takes those that come while it waits for the
    /// ends of its own attempts: they travel on with the rest.
    fn takes_whom_it_was_sent(&self, now: Instant) -> bool {
        match self.stage {
            Stage::Load | Stage::Drained => true,
            Stage::Settling { until } => now + ON_ITS_WAY <= until,
            Stage::Closing | Stage::AtRest | Stage::GivenUp => false,
        }
    }

    /// The UE of another agent has left its source.
    pub(super) fn handover_expected(&mut self, number: u16, ue: u32, now: Instant) {
        if !self.handovers.arrival(number, ue).is_some_and(|arrival| arrival.arrives) {
            return;
        }
        self.handovers.touch(now);
        let median = self.plan.scenario().mobility.interruption;
        let Some(slot) = self.ues.slot(ue) else { return };
        let mut draw = self.access.draw(ue, slot);
        let at = now + self.access.interruption(median, &mut draw);
        self.handovers.steps.set(Step::Arrive { gnb: number, ue }, at);
    }

    pub(super) fn arrive_from_elsewhere(
        &mut self,
        gnb: u16,
        ue: u32,
        arrival: ExpectedUe,
        now: Instant,
        out: &mut Vec<ShardAction>,
    ) {
        let ExpectedUe { ue_context, cell, amf, .. } = arrival;
        let UeContext { home, group, state, timers, session_contexts } = *ue_context;
        self.handovers.touch(now);
        let arrived = Device::import(state);
        let supi = arrived.imsi();
        let sessions: Vec<_> = arrived.sessions().map(|session| (supi, session.clone())).collect();
        if arrived.is_registered() {
            self.registered += 1;
        }
        let place = (gnb, u16::try_from(cell).unwrap_or_default());
        self.ues.arrive(ue, arrived, group, place);
        self.visitors.arrive(ue, home);
        if let Some(slot) = self.ues.slot(ue) {
            slot.amf = amf;
        }
        self.arm(ue, &timers, now);
        self.access.arrive(ue, Cell { gnb, cell }, now);
        if let Some(network) = self.ues.plmn_of(gnb) {
            self.user_plane.arrive(ue, &sessions, &session_contexts, gnb, network, now);
        }
        self.throttle_as_cell(ue, now);
        self.node(self.interface_of(gnb, ue), NodeEvent::HandoverArrived { ue }, now, out);
        self.ue(ue, UeEvent::CellChanged, now, out);
        if self.visitors.is_lost(&home) {
            self.give_visitor_up(ue, now, out);
        }
    }
}

/// A handover of which nothing is heard is over by then: well above TNGRELOCprep and TNGRELOCoverall together.
const LONGEST: Duration = Duration::from_secs(40);
/// How long a UE may take from the preparation to its arrival.
const ON_ITS_WAY: Duration = Duration::from_millis(500);
