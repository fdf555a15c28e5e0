//! Handovers at the source (TS 38.413 §8.4, TS 23.502 §4.9.1): how a UE sets out, and what becomes of it.

use std::time::{Duration, Instant};

use identity::CellId;
use scenarios::{Path, stream_seed};
use signalling::{
    GnbSettings, NodeEvent, Procedure, ReleaseCause, Released, TargetGnb, Timer, UeEvent, UeState,
};

use wire::away::HandoverPhases;

use super::gnb::ended_by;
use crate::campaign::End;
use crate::ran::{Cell, Departure, Fate, Step, Target, unit};
use crate::shard::{SEED_OF_HANDOVERS, ShardAction, ShardRunner};
use crate::transfer::{
    Encrypted, EncryptionError, SessionContext, UeContext, UeContextTransfer, Who, place_of,
};

impl ShardRunner {
    /// The handover of a UE that is connected begins.
    pub(in crate::shard) fn start_handover(
        &mut self,
        ue: u32,
        procedure: Procedure,
        now: Instant,
        out: &mut Vec<ShardAction>,
    ) {
        let end = match self.plan_handover(ue, procedure, now) {
            Ok((departure, target)) => {
                let over_xn = procedure == Procedure::HandoverXn;
                let (source, fate) = (departure.source, departure.fate);
                self.handovers.depart(ue, departure);
                self.handovers.steps.set(Step::Overdue { ue }, now + LONGEST);
                if over_xn {
                    return self.leave_over_xn(ue, now, out);
                }
                match self.ue_context_transfer(ue, now) {
                    Ok(container) => {
                        let event = NodeEvent::Handover { ue, target, container: &container };
                        self.gnb(self.interface_of(source.gnb, ue), event, now, out);
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
            self.handover_failed(ue, &end, now);
        } else {
            self.end_attempt(ue, procedure, &end, now);
        }
    }

    fn plan_handover(
        &mut self,
        ue: u32,
        procedure: Procedure,
        now: Instant,
    ) -> Result<(Departure, TargetGnb), &'static str> {
        let source = self.access.cell_of(ue).ok_or("no-connection")?;
        let here = self.shard.nodes.get(usize::from(source.gnb)).ok_or("no-connection")?;
        let draw = self.population.slot(ue).ok_or("no-connection")?.next_draw();
        let chance =
            |of: u64| stream_seed(self.seed, &[SEED_OF_HANDOVERS, u64::from(ue), u64::from(draw), of]);
        let scenario = self.plan.scenario();
        let mobility = scenario.mobility;
        let path = if procedure == Procedure::HandoverXn { Path::WithinShard } else { mobility.path };
        let next = self.plan.next_node(here.index, path, chance(0)).ok_or("no-neighbour-gnb")?;
        let there = scenario.cells.node(next);
        let cell = u32::try_from(chance(1) % u64::from(there.cells.max(1))).unwrap_or_default();
        let in_shard = self.shard.nodes.iter().position(|gnb| gnb.index == next);
        let target = match in_shard.and_then(|place| u16::try_from(place).ok()) {
            Some(gnb) => Target::Here(Cell { gnb, cell }),
            None => Target::Elsewhere { network: there.plmn, shard: self.plan.shard_of_node(next) },
        };
        let n2 = procedure == Procedure::HandoverN2;
        let fate = if n2 && unit(chance(2)) < mobility.cancel {
            Fate::Cancelled
        } else if n2 && unit(chance(3)) < mobility.refuse {
            Fate::Refused
        } else if unit(chance(4)) < mobility.failure {
            Fate::Lost
        } else {
            Fate::Arrives
        };
        let settings = GnbSettings {
            gnb_id: there.node_id,
            name: String::new(),
            plmn: there.plmn,
            tac: there.tac,
            slices: Vec::new(),
            cells: there.cells,
            n3: None,
        };
        let gnb_id_bits = settings.gnb_id_bits();
        let departure = Departure {
            procedure,
            source,
            from: CellId { node: here.node_id, cell: source.cell },
            to: CellId { node: there.node_id, cell },
            target,
            fate,
            begun: now,
            commanded: None,
            arrived: None,
            amf: None,
            context: None,
        };
        let target = TargetGnb { gnb_id: there.node_id, gnb_id_bits, plmn: there.plmn, tac: there.tac, cell };
        Ok((departure, target))
    }

    /// What the UE takes along, sealed.
    fn ue_context_transfer(&mut self, ue: u32, now: Instant) -> Result<Vec<u8>, EncryptionError> {
        let departure = self.handovers.departure(ue);
        let (target, fate) = departure.map_or((None, Fate::Lost), |d| (Some(d.target), d.fate));
        let to = departure.map_or(CellId { node: 0, cell: 0 }, |d| d.to);
        let who = match (target, self.population.peek(ue)) {
            (Some(Target::Elsewhere { .. }), Some(slot)) => {
                let session_contexts = self.user_plane.session_contexts(ue);
                Who::UeContext(Box::new(self.ue_context(ue, slot.ue.export(), session_contexts, now)))
            }
            _ => Who::Neighbour { shard: self.number, ue },
        };
        let arrives = fate != Fate::Lost;
        let (sealed_us, refused) = (self.run_us(now), fate == Fate::Refused);
        self.encryption
            .seal(Encrypted::UeContextTransfer, &UeContextTransfer { to, sealed_us, refused, arrives, who })
    }

    /// A UE as it travels, in this state.
    pub(in crate::shard) fn ue_context(
        &self,
        ue: u32,
        state: UeState,
        session_contexts: Vec<SessionContext>,
        now: Instant,
    ) -> UeContext {
        let left = |timer: Timer| {
            let at = self.ue_timers.expires((ue, timer))?;
            let left = at.saturating_duration_since(now).as_micros();
            Some((place_of(timer)?, u64::try_from(left).unwrap_or(u64::MAX)))
        };
        let timers = state.timers().filter_map(left).collect();
        let (mut home, group) = self.population.origin(ue);
        home.losses = home.losses.max(self.losses.known());
        UeContext { home, group, state, timers, session_contexts }
    }

    /// The target is prepared: the UE leaves for it.
    pub(in crate::shard) fn handover_commanded(&mut self, ue: u32, now: Instant, out: &mut Vec<ShardAction>) {
        let Some(departure) = self.handovers.departure_mut(ue).filter(|d| d.commanded.is_none()) else {
            return self.recorder.unexpected("handover-command");
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
                for timer in Timer::ALL {
                    self.ue_timers.stop((ue, timer));
                }
                self.attempts.abandon(ue, "handed-over", &mut self.recorder);
                self.preludes.remove(&ue);
                if self.population.peek(ue).is_some_and(|slot| slot.ue.is_registered()) {
                    self.registered = self.registered.saturating_sub(1);
                }
                self.population.leave(ue);
                self.population.leaves_for(ue, shard);
            }
        }
    }

    /// The UE is on its way into another cell of the shard.
    fn set_out(&mut self, ue: u32, cell: Cell, now: Instant) {
        let median = self.plan.scenario().mobility.interruption;
        let Some(slot) = self.population.slot(ue) else { return };
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
    pub(in crate::shard) fn handover_failed(&mut self, ue: u32, end: &End, now: Instant) {
        let Some(departure) = self.handovers.end_departure(ue) else {
            return self.recorder.unexpected("handover-preparation-failure");
        };
        self.end_handover(ue, &departure, end, now);
    }

    fn end_handover(&mut self, ue: u32, departure: &Departure, end: &End, now: Instant) {
        let procedure = departure.procedure;
        if !self.attempts.is(ue, procedure) {
            // The attempt was given up before: too late, or at the end of the run.
            return self.enqueue_ready(ue);
        }
        let (name, succeeded) = (procedure.name(), *end == End::Succeeded);
        self.recorder.handover(name, departure.from, departure.to, succeeded);
        self.tell_failed_into(ue, procedure, departure.target, departure.fate, end);
        let is_owned = self.attempts.is_owned(ue, procedure);
        let is_counted = succeeded && !self.attempts.is_disturbed(ue, procedure);
        self.end_attempt(ue, procedure, end, now);
        if let (true, Some(commanded)) = (is_counted, departure.commanded) {
            let arrived = departure.arrived.unwrap_or(now);
            let took = |from, to| Some(crate::time::micros(since(to, from)));
            let n2 = procedure == Procedure::HandoverN2;
            let phases = HandoverPhases {
                preparation_us: n2.then(|| took(departure.begun, commanded)).flatten(),
                execution_us: took(commanded, arrived),
                completion_us: departure.arrived.and_then(|arrived| took(arrived, now)),
            };
            self.tell_phases(procedure, phases, is_owned);
        }
    }

    /// TNGRELOCoverall: the attempt is over, though the UE is not released yet.
    pub(in crate::shard) fn handover_overdue(&mut self, ue: u32, now: Instant) {
        let Some(departure) = self.handovers.departure(ue) else { return };
        let (procedure, from, to) = (departure.procedure, departure.from, departure.to);
        let (target, fate) = (departure.target, departure.fate);
        if self.attempts.is(ue, procedure) {
            let end = End::TimedOut("TNGRELOCoverall".into());
            self.recorder.handover(procedure.name(), from, to, false);
            self.tell_failed_into(ue, procedure, target, fate, &end);
            self.end_attempt(ue, procedure, &end, now);
        }
    }

    /// A handover into another shard that fails is told apart: the coordinator knows whether that shard was there.
    fn tell_failed_into(&mut self, ue: u32, procedure: Procedure, target: Target, fate: Fate, end: &End) {
        let (Target::Elsewhere { shard, .. }, Fate::Arrives) = (target, fate) else { return };
        let (cause, timed_out) = match end {
            End::Failed(cause) => (cause, false),
            End::TimedOut(timer) => (timer, true),
            End::Succeeded | End::Abandoned(_) => return,
        };
        if let Some((cause, parts)) = self.attempts.counted_as(ue, procedure, cause) {
            self.recorder.failed_into(shard, procedure.name(), &cause, timed_out, parts);
        }
    }

    /// A gNB has released the UE: at the source that is the end of an N2 handover, at the target of one over Xn its failure.
    pub(in crate::shard) fn departure_released(
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
                self.path_switch_failed(ue, &End::Failed(ended_by(cause).into()), now, out);
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
            self.recorder.unexpected("handover-ue-lost");
            self.population.revive(ue);
        }
        let end = match (succeeded, departure.fate) {
            (true, _) => End::Succeeded,
            (false, Fate::Lost) => End::Failed("radio-link-failure".into()),
            (false, _) => End::Failed(ended_by(cause).into()),
        };
        self.end_handover(ue, departure, &end, now);
        if gone {
            self.handovers.touch(now);
            if succeeded {
                if let Some(home) = self.population.home_of(ue) {
                    self.handovers.visitor_gone(home, now);
                    if let Target::Elsewhere { shard, .. } = departure.target {
                        self.population.has_gone_on(home, shard);
                    }
                }
                self.population.has_arrived(ue, now);
                self.population.forget(ue);
            }
        }
    }

    /// The UE sets up a connection anew: whatever handover it was in, it has lost its way.
    pub(in crate::shard) fn lost_by_reconnecting(&mut self, ue: u32, now: Instant) {
        if self.attempts.is(ue, Procedure::UeContextRelease) {
            self.handovers.steps.stop(Step::Unreleased { ue });
            let end = End::Failed("reconnected".into());
            self.end_attempt(ue, Procedure::UeContextRelease, &end, now);
        }
        if self.handovers.departure(ue).is_some_and(|departure| departure.arrived.is_none()) {
            self.handover_failed(ue, &End::Failed("radio-link-failure".into()), now);
        }
    }

    // Over Xn.

    fn leave_over_xn(&mut self, ue: u32, now: Instant, out: &mut Vec<ShardAction>) {
        let Some(departure) = self.handovers.departure_mut(ue) else { return };
        let (source, target, fate) = (departure.source, departure.target, departure.fate);
        departure.commanded = Some(now);
        let interface = self.interface_of(source.gnb, ue);
        let context = self.gnbs.get_mut(usize::from(interface)).and_then(|port| port.gnb.give_up_for_xn(ue));
        let (Some(context), Target::Here(cell)) = (context, target) else {
            return self.handover_failed(ue, &End::Failed("no-connection".into()), now);
        };
        if let Some(departure) = self.handovers.departure_mut(ue) {
            departure.context = Some(context);
        }
        self.user_plane.pause(ue);
        if fate == Fate::Lost {
            self.handover_failed(ue, &End::Failed("radio-link-failure".into()), now);
            self.fall_off(ue, now, out);
            return self.request_release(ue, source.gnb, ReleaseCause::RadioConnectionLost, now, out);
        }
        self.set_out(ue, cell, now);
    }

    /// The AMF has switched the path: the source lets the UE go.
    pub(in crate::shard) fn path_switched(&mut self, ue: u32, now: Instant, out: &mut Vec<ShardAction>) {
        let Some(departure) = self.handovers.end_departure(ue) else {
            return self.recorder.unexpected("path-switched");
        };
        self.end_handover(ue, &departure, &End::Succeeded, now);
        self.gnb(self.interface_of(departure.source.gnb, ue), NodeEvent::ReleaseAfterXn { ue }, now, out);
    }

    /// The AMF has not: neither gNB has a use for the UE, and the source asks for its release.
    pub(in crate::shard) fn path_switch_failed(
        &mut self,
        ue: u32,
        end: &End,
        now: Instant,
        out: &mut Vec<ShardAction>,
    ) {
        let Some(departure) = self.handovers.end_departure(ue) else { return };
        self.end_handover(ue, &departure, end, now);
        self.request_release(ue, departure.source.gnb, ReleaseCause::RadioConnectionLost, now, out);
    }

    // By time.

    pub(in crate::shard) fn take_step(&mut self, step: Step, now: Instant, out: &mut Vec<ShardAction>) {
        match step {
            Step::Cancel { ue } => {
                let Some(departure) = self.handovers.departure(ue) else { return };
                if departure.commanded.is_none() {
                    let gnb = departure.source.gnb;
                    self.gnb(self.interface_of(gnb, ue), NodeEvent::CancelHandover { ue }, now, out);
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
                if self.attempts.is(ue, Procedure::UeContextRelease) {
                    let end = End::TimedOut("ue-context-release".into());
                    self.end_attempt(ue, Procedure::UeContextRelease, &end, now);
                }
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
        if let Some(slot) = self.population.slot(ue) {
            slot.gnb = gnb;
            slot.amf = amf.unwrap_or(slot.amf);
            slot.cell = u16::try_from(cell.cell).unwrap_or_default();
        }
        if let Some(network) = self.population.plmn_of(gnb) {
            self.user_plane.moved(ue, gnb, network, now);
        }
        self.throttle_as_cell(ue, now);
        let event = match &context {
            Some(context) => NodeEvent::ArriveByXn { ue, cell: cell.cell, context },
            None => NodeEvent::HandoverArrived { ue },
        };
        self.gnb(self.interface_of(gnb, ue), event, now, out);
        self.ue(ue, UeEvent::CellChanged, now, out);
    }
}

fn since(now: Instant, then: Instant) -> Duration {
    now.saturating_duration_since(then)
}

/// A handover of which nothing is heard is over by then: well above TNGRELOCprep and TNGRELOCoverall together.
const LONGEST: Duration = Duration::from_secs(40);
