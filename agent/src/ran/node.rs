//! Events for a node, and what it wants done.

use std::net::SocketAddr;
use std::time::Instant;

use scenarios::{Overload as Obedience, stream_seed};
use signalling::{
    ConnectionRefusal, EstablishmentCause, HandoverFailure, NodeAction, NodeEvent, Procedure, ReleaseCause,
    Released, STmsi,
};
use wire::to_coordinator::Trace;

use super::action::ShardAction;
use super::handovers::Step;
use super::impairments::unit;
use super::messages::Traced;
use super::nodes::Setback;
use super::radio::Delivery;
use super::{Ran, SEED_OF_AMFS, SEED_OF_OVERLOADS};
use crate::seam::{End, RadioEvent, Stage};

impl Ran {
    // Associations.

    /// The association of an interface is up.
    pub(crate) fn association_up(
        &mut self,
        interface: u16,
        streams_out: u16,
        ends: Option<(SocketAddr, SocketAddr)>,
        now: Instant,
        out: &mut Vec<ShardAction>,
    ) {
        self.nodes.up(interface, ends);
        self.node(interface, NodeEvent::AssociationUp { streams_out }, now, out);
    }

    /// The association of an interface did not come up, or is gone.
    pub(crate) fn association_down(
        &mut self,
        interface: u16,
        reason: &str,
        now: Instant,
        out: &mut Vec<ShardAction>,
    ) {
        if self.stage >= Stage::AtRest || self.nodes.get(interface).is_none() {
            return;
        }
        let setback = self.nodes.down(interface, reason, self.clock, now);
        self.suffer(setback, out);
        for ticket in self.messages.forget(interface) {
            self.emit(RadioEvent::Departed { ticket, at: None });
        }
        self.node(interface, NodeEvent::AssociationDown, now, out);
    }

    fn suffer(&mut self, setback: Setback, out: &mut Vec<ShardAction>) {
        match setback {
            Setback::TriedAgain => {}
            Setback::Counted(kind) => self.unexpected.count(kind),
            Setback::Waits(why) => out.push(ShardAction::Waits(why)),
            Setback::Unprepared(why) => self.emit(RadioEvent::Unprepared(why)),
        }
    }

    /// A message arrived on the association of an interface.
    pub(crate) fn received(
        &mut self,
        interface: u16,
        stream: u16,
        ppid: u32,
        octets: Vec<u8>,
        now: Instant,
        out: &mut Vec<ShardAction>,
    ) {
        self.messages.received += 1;
        self.nodes.count(interface, |counts| counts.received += 1);
        if self.stage >= Stage::AtRest {
            return;
        }
        self.messages.last_received = Some(now);
        let mut actions = std::mem::take(&mut self.node_actions);
        if let Some(port) = self.nodes.get_mut(interface) {
            if ppid != port.node.ppid() {
                self.node_actions = actions;
                return self.unexpected.count("payload-protocol-identifier");
            }
            port.node.handle(NodeEvent::Received { stream, octets: &octets }, now, &mut actions);
            // Which UE it is about shows in what the node does; and the question comes before the answer in the trace.
            let traced = Traced { ends: port.ends, stream, ppid, octets };
            self.messages.trace(actions.iter().find_map(about), None, traced, now);
        }
        self.carry_out_for_node(interface, actions, now, out);
        self.deliver_arrived(now, out);
    }

    /// A message has left, at this instant.
    pub(crate) fn departed(&mut self, ticket: u64, at: Instant) {
        let Some((interface, ue)) = self.messages.departed(ticket, at) else { return };
        self.nodes.count(interface, |counts| counts.sent += 1);
        if ue.is_some() {
            self.emit(RadioEvent::Departed { ticket, at: Some(at) });
        }
    }

    /// A message never leaves.
    pub(crate) fn not_sent(&mut self, ticket: u64) {
        self.messages.not_sent(ticket);
        self.emit(RadioEvent::Departed { ticket, at: None });
    }

    // Which AMF.

    /// The interface of a node with the AMF of a UE.
    pub(super) fn interface_of(&self, node: u16, ue: u32) -> u16 {
        self.nodes.interface(node, self.ues.peek(ue).map_or(0, |slot| slot.amf))
    }

    /// The interface that a UE's initial message goes to. Another AMF than before is told that the UE is gone.
    pub(super) fn select_amf(
        &mut self,
        node: u16,
        ue: u32,
        s_tmsi: Option<STmsi>,
        now: Instant,
        out: &mut Vec<ShardAction>,
    ) -> u16 {
        let before = self.interface_of(node, ue);
        if !self.nodes.has_choice() {
            return before;
        }
        let Some(draw) = self.ues.peek(ue).map(|slot| slot.draws) else { return before };
        let chance = stream_seed(self.seed, &[SEED_OF_AMFS, u64::from(ue), u64::from(draw)]);
        let Some(chosen) = self.nodes.choose(node, s_tmsi, chance) else { return before };
        if chosen != before && self.nodes.get(before).is_some_and(|port| port.node.has(ue)) {
            let cause = ReleaseCause::RadioConnectionLost;
            self.node(before, NodeEvent::RequestRelease { ue, cause }, now, out);
        }
        let amf = u8::try_from(self.nodes.amf_of(chosen)).unwrap_or_default();
        if let Some(slot) = self.ues.slot(ue) {
            slot.amf = amf;
        }
        chosen
    }

    /// Whether the node refuses a UE's connection for the AMF's overload, where the scenario has nodes obey (TS 38.413 §8.7.6.2).
    pub(super) fn is_barred(&mut self, interface: u16, ue: u32, cause: EstablishmentCause) -> bool {
        if self.plan.scenario().cells.overload != Obedience::Obey {
            return false;
        }
        let overload = self.nodes.overload(interface);
        let Some((overload, slot)) = overload.zip(self.ues.slot(ue)) else { return false };
        let chance = stream_seed(self.seed, &[SEED_OF_OVERLOADS, u64::from(ue), u64::from(slot.next_draw())]);
        // A UE wants the slices of its sessions, where it has or asks for any, and all that it may request where it has not.
        let of_sessions = self.user_plane.slices_of(ue);
        let requested = &self.plan.scenario().cells.slices;
        let wanted = if of_sessions.is_empty() { requested } else { &of_sessions };
        overload.bars(cause, wanted, unit(chance))
    }

    // Events and actions.

    /// Gives a node an event on one of its interfaces, and carries out what it wants.
    pub(super) fn node(
        &mut self,
        interface: u16,
        event: NodeEvent<'_>,
        now: Instant,
        out: &mut Vec<ShardAction>,
    ) {
        let mut actions = std::mem::take(&mut self.node_actions);
        if let Some(port) = self.nodes.get_mut(interface) {
            port.node.handle(event, now, &mut actions);
        }
        self.carry_out_for_node(interface, actions, now, out);
    }

    fn carry_out_for_node(
        &mut self,
        interface: u16,
        mut actions: Vec<NodeAction>,
        now: Instant,
        out: &mut Vec<ShardAction>,
    ) {
        for action in actions.drain(..) {
            self.carry_out_one(interface, action, now, out);
        }
        self.node_actions = actions;
    }

    fn carry_out_one(
        &mut self,
        interface: u16,
        action: NodeAction,
        now: Instant,
        out: &mut Vec<ShardAction>,
    ) {
        let number = self.nodes.node_of(interface);
        match action {
            NodeAction::Send { stream, ppid, octets, ue } => {
                let planned = self.arrived_at.unwrap_or(now);
                let ends = self.nodes.get(interface).and_then(|port| port.ends);
                let traced = || Traced { ends, stream, ppid, octets: octets.clone() };
                let ticket = self.messages.goes_out(interface, ue, planned, now, traced);
                if let Some(ue) = ue {
                    self.emit(RadioEvent::Spoke { ue, ticket, planned });
                }
                out.push(ShardAction::Send { gnb: interface, stream, ppid, octets, ticket });
            }
            NodeAction::Downlink { ue, nas } => self.over_the_air(ue, Delivery::Downlink(nas), now),
            NodeAction::Released { ue, cause } => self.released(interface, ue, cause, now, out),
            NodeAction::Refused { ue, reason: _ } => {
                let refusal = ConnectionRefusal::NgInterfaceDown;
                self.over_the_air_if_connected(number, ue, Delivery::Refused(refusal), now);
            }
            NodeAction::SessionResource { ue, tunnel } => {
                let here = self.ues.peek(ue).is_some_and(|slot| slot.gnb == number)
                    && self.handovers.arrival(number, ue).is_none();
                let serving = self.ues.plmn_of(number).filter(|_| here);
                self.user_plane.resource(ue, number, tunnel, serving, now);
            }
            NodeAction::SessionResourceReleased { ue, session } => {
                self.user_plane.resource_released(ue, number, session, now);
            }
            NodeAction::HandoverRequested { handle, cell, container, sessions: _ } => {
                self.handover_requested(interface, handle, cell, &container, now, out);
            }
            NodeAction::HandoverExpected { ue } => self.handover_expected(number, ue, now),
            NodeAction::HandoverCommanded { ue, container: _ } => self.handover_commanded(ue, now, out),
            NodeAction::HandoverPreparationFailed { ue, cause } => {
                if cause == HandoverFailure::AnotherUe {
                    self.unexpected.count("sealed-ue-misdirected");
                }
                self.handover_failed(ue, cause.into(), now);
            }
            NodeAction::HandoverOverdue { ue } => self.handover_overdue(ue, now),
            NodeAction::PathSwitched { ue } => self.path_switched(ue, now, out),
            NodeAction::PathSwitchFailed { ue, cause } => {
                self.path_switch_failed(ue, cause.into(), now, out);
            }
            NodeAction::Ready => {
                if self.nodes.is_set_up(interface, self.clock, now) {
                    out.push(ShardAction::Ready);
                }
            }
            NodeAction::SetupRefused { cause, retry_after, passes } => {
                let when = (self.clock, now);
                let setback = self.nodes.setup_refused(interface, &cause, retry_after, passes, when);
                self.suffer(setback, out);
            }
            NodeAction::SetupUnanswered { after } => {
                let setback = self.nodes.setup_unanswered(interface, after, self.clock, now);
                self.suffer(setback, out);
            }
            NodeAction::Notice(notice) => self.nodes.noticed(interface, &notice, self.clock, now),
            NodeAction::Paged { s_tmsi } => {
                if self.receives()
                    && let Some(ue) = self.ues.find_paged(s_tmsi)
                    && let Some(slot) = self.ues.slot(ue)
                    && slot.gnb == number
                    && !slot.out_of_signal
                {
                    self.access.page(ue, slot, now);
                }
            }
            NodeAction::SetTimer(timer, after) => self.nodes.timers.set((interface, timer), now + after),
            NodeAction::StopTimer(timer) => self.nodes.timers.stop((interface, timer)),
            NodeAction::Unexpected(kind) => self.unexpected.count(kind),
        }
    }

    /// The connection of a UE on this NG interface has ended.
    fn released(
        &mut self,
        interface: u16,
        ue: u32,
        cause: Released,
        now: Instant,
        out: &mut Vec<ShardAction>,
    ) {
        let number = self.nodes.node_of(interface);
        if self.handovers.end_arrival(number, ue).is_some() {
            self.unexpected.count("handover-never-arrived");
            return self.forget(ue);
        }
        self.departure_released(number, ue, cause, now, out);
        // One that it has left for another AMF says nothing of the present one.
        let serves = self.ues.peek(ue).is_none_or(|slot| u16::from(slot.amf) == self.nodes.amf_of(interface));
        let elsewhere = !serves || self.access.gnb_of(ue).is_some_and(|gnb| gnb != number);
        let step = Step::Unreleased { ue };
        if !elsewhere && self.handovers.steps.expires(step).is_some() {
            self.handovers.steps.stop(step);
            let end = match lost_by(cause) {
                Some(_) => End::Failed(ended_by(cause).into()),
                None => End::Succeeded,
            };
            self.finish(ue, Procedure::UeContextRelease, end, now);
        }
        if !serves {
            return;
        }
        let delivery = lost_by(cause).map_or(Delivery::Released, Delivery::Refused);
        self.over_the_air_if_connected(number, ue, delivery, now);
    }

    /// A release may cross one of the UE's own, or come when the UE is in another cell or asks for its next connection:
    /// then there is nothing to say.
    fn over_the_air_if_connected(&mut self, number: u16, ue: u32, delivery: Delivery, now: Instant) {
        if self.access.is_established(ue, number) {
            self.over_the_air(ue, delivery, now);
        }
    }

    // For the driver, beside associations.

    /// The numbers of the interfaces of its nodes.
    pub(crate) fn interfaces(&self) -> impl Iterator<Item = u16> + use<> {
        self.nodes.numbers()
    }

    /// The place among the targets of the one that an interface is with.
    pub(crate) fn target_of(&self, interface: u16) -> usize {
        usize::from(self.nodes.amf_of(interface))
    }

    /// A GTP-U message arrived for a tunnel of this shard, or for none.
    pub(crate) fn received_gtpu(
        &mut self,
        from: SocketAddr,
        octets: &[u8],
        now: Instant,
        out: &mut Vec<ShardAction>,
    ) {
        if self.stage < Stage::GivenUp {
            self.user_plane.received(from, octets, now, &mut self.outgoing);
            self.send_user_plane(out);
        }
    }

    /// A GTP-U message could not be sent.
    pub(crate) fn gtpu_not_sent(&mut self) {
        self.user_plane.not_sent();
    }

    /// Whether there are sessions, so that user data may come at any time.
    pub(crate) fn has_user_plane(&self) -> bool {
        !self.user_plane.is_settled()
    }

    /// UEs, those that visit among them.
    pub(crate) fn count(&self) -> u64 {
        self.ues.len() as u64
    }

    /// Octets of all that is held for the UEs: state, timers, connections, sessions.
    pub(crate) fn octets(&self) -> u64 {
        let maps = self.ue_timers.octets()
            + self.access.octets()
            + self.impairments.actions.octets()
            + self.handovers.octets()
            + self.visitors.octets()
            + self.user_plane.octets();
        self.ues.octets() + maps as u64
    }

    /// The traces that are complete.
    pub(crate) fn take_traces(&mut self) -> Vec<Trace> {
        let (access, handovers, intents) = (&self.access, &self.handovers, &self.intents);
        let ues = &self.ues;
        let at_rest = |ue| {
            let idle = ues.peek(ue).is_none_or(|slot| slot.ue.is_idle_for_attempts());
            idle && !access.is_connected(ue) && !handovers.concern(ue) && !intents.contains_key(&ue)
        };
        self.messages.take_traces(self.shard.number, self.clock.start(), at_rest, ues)
    }

    /// The traces of everything, also of UEs that are in the middle of something.
    pub(crate) fn take_last_traces(&mut self) -> Vec<Trace> {
        self.access.clear();
        self.messages.tracer.no_more_departures();
        self.messages.take_traces(self.shard.number, self.clock.start(), |_| true, &self.ues)
    }

    /// Packets that a limit kept out of the traces since the last call.
    pub(crate) fn take_trace_dropped(&mut self) -> u64 {
        self.messages.tracer.take_dropped()
    }
}

/// What the UE has lost its connection by, where no release is behind it.
fn lost_by(cause: Released) -> Option<ConnectionRefusal> {
    match cause {
        Released::AssociationLost => Some(ConnectionRefusal::AssociationLost),
        Released::NgReset => Some(ConnectionRefusal::NgReset),
        Released::Normal | Released::HandedOver | Released::NeverArrived | Released::Lost => None,
    }
}

/// The cause of what a release has broken off.
pub(super) fn ended_by(cause: Released) -> &'static str {
    match cause {
        Released::AssociationLost => "association-lost",
        Released::NgReset => "ng-reset-by-amf",
        Released::Normal | Released::HandedOver | Released::NeverArrived | Released::Lost => {
            "connection-released"
        }
    }
}

/// The UE that an action of a gNB is about.
fn about(action: &NodeAction) -> Option<u32> {
    match action {
        NodeAction::Send { ue, .. } => *ue,
        NodeAction::Downlink { ue, .. }
        | NodeAction::Released { ue, .. }
        | NodeAction::Refused { ue, .. }
        | NodeAction::SessionResource { ue, .. }
        | NodeAction::SessionResourceReleased { ue, .. }
        | NodeAction::HandoverCommanded { ue, .. }
        | NodeAction::HandoverPreparationFailed { ue, .. }
        | NodeAction::HandoverOverdue { ue }
        | NodeAction::HandoverExpected { ue }
        | NodeAction::PathSwitched { ue }
        | NodeAction::PathSwitchFailed { ue, .. } => Some(*ue),
        _ => None,
    }
}
