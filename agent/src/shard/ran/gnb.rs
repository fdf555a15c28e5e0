//! Events for a gNB, and what it wants done.

use std::time::Instant;

use signalling::{ConnectionRefusal, HandoverFailure, NodeAction, NodeEvent, Procedure, Released};

use crate::campaign::{End, Expected};
use crate::ran::{Delivery, Step};
use crate::shard::{ShardAction, ShardRunner};

impl ShardRunner {
    /// Gives an NG interface of a gNB an event and carries out what it wants.
    pub(in crate::shard) fn gnb(
        &mut self,
        number: u16,
        event: NodeEvent<'_>,
        now: Instant,
        out: &mut Vec<ShardAction>,
    ) {
        let mut actions = std::mem::take(&mut self.gnb_actions);
        if let Some(port) = self.gnbs.get_mut(usize::from(number)) {
            port.gnb.handle(event, now, &mut actions);
        }
        self.carry_out_for_gnb(number, actions, now, out);
    }

    pub(in crate::shard) fn carry_out_for_gnb(
        &mut self,
        number: u16,
        mut actions: Vec<NodeAction>,
        now: Instant,
        out: &mut Vec<ShardAction>,
    ) {
        for action in actions.drain(..) {
            self.carry_out_one_for_gnb(number, action, now, out);
        }
        self.gnb_actions = actions;
    }

    fn carry_out_one_for_gnb(
        &mut self,
        interface: u16,
        action: NodeAction,
        now: Instant,
        out: &mut Vec<ShardAction>,
    ) {
        let number = self.gnb_of(interface);
        match action {
            NodeAction::Send { stream, ppid, octets, ue } => {
                self.last_sent = Some(now);
                let ticket = self.departures.next_ticket();
                let traced = self.tracer.wants(ue);
                if traced {
                    self.trace(ue, interface, Some(ticket), stream, octets.clone(), now);
                }
                let planned = self.arrived_at.unwrap_or(now);
                let first = ue.and_then(|ue| self.attempts.speaks(ue, planned));
                self.departures.expect(ticket, Expected { gnb: interface, ue, first, traced });
                out.push(ShardAction::Send { gnb: interface, stream, ppid, octets, ticket });
            }
            NodeAction::Downlink { ue, nas } => self.over_the_air(ue, Delivery::Downlink(nas), now),
            NodeAction::Released { ue, cause } => self.released(interface, ue, cause, now, out),
            NodeAction::Refused { ue, reason: _ } => {
                let refusal = ConnectionRefusal::NgInterfaceDown;
                self.over_the_air_if_connected(number, ue, Delivery::Refused(refusal), now);
            }
            NodeAction::SessionResource { ue, tunnel } => {
                let here = self.population.peek(ue).is_some_and(|slot| slot.gnb == number)
                    && self.handovers.arrival(number, ue).is_none();
                let serving = self.population.plmn_of(number).filter(|_| here);
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
                    self.recorder.unexpected("sealed-ue-misdirected");
                }
                let end = match cause {
                    HandoverFailure::PreparationTimedOut => End::TimedOut(cause.to_string()),
                    _ => End::Failed(cause.to_string()),
                };
                self.handover_failed(ue, &end, now);
            }
            NodeAction::HandoverOverdue { ue } => self.handover_overdue(ue, now),
            NodeAction::PathSwitched { ue } => self.path_switched(ue, now, out),
            NodeAction::PathSwitchFailed { ue, cause } => {
                let end = match cause {
                    HandoverFailure::PathSwitchTimedOut => End::TimedOut(cause.to_string()),
                    _ => End::Failed(cause.to_string()),
                };
                self.path_switch_failed(ue, &end, now, out);
            }
            NodeAction::Ready => self.interface_ready(interface, now, out),
            NodeAction::SetupRefused { cause, retry_after, passes } => {
                self.setup_refused(interface, &cause, retry_after, passes, now, out);
            }
            NodeAction::SetupUnanswered { after } => self.setup_unanswered(interface, after, now, out),
            NodeAction::Notice(notice) => self.noticed_by_amf(interface, &notice, now),
            NodeAction::Paged { s_tmsi } => {
                if self.receives()
                    && let Some(ue) = self.population.find_paged(s_tmsi)
                    && let Some(slot) = self.population.slot(ue)
                    && slot.gnb == number
                    && !slot.out_of_signal
                {
                    self.access.page(ue, slot, now);
                }
            }
            NodeAction::SetTimer(timer, after) => self.gnb_timers.set((interface, timer), now + after),
            NodeAction::StopTimer(timer) => self.gnb_timers.stop((interface, timer)),
            NodeAction::Unexpected(kind) => self.recorder.unexpected(kind),
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
        let number = self.gnb_of(interface);
        if self.handovers.end_arrival(number, ue).is_some() {
            self.recorder.unexpected("handover-never-arrived");
            return self.population.forget(ue);
        }
        self.departure_released(number, ue, cause, now, out);
        // One that it has left for another AMF says nothing of the present one.
        let serves =
            self.population.peek(ue).is_none_or(|slot| u16::from(slot.amf) == self.amf_of(interface));
        let elsewhere = !serves || self.access.gnb_of(ue).is_some_and(|gnb| gnb != number);
        if !elsewhere && self.attempts.is(ue, Procedure::UeContextRelease) {
            self.handovers.steps.stop(Step::Unreleased { ue });
            let end = match lost_by(cause) {
                Some(_) => End::Failed(ended_by(cause).into()),
                None => End::Succeeded,
            };
            self.end_attempt(ue, Procedure::UeContextRelease, &end, now);
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
pub(in crate::shard) fn ended_by(cause: Released) -> &'static str {
    match cause {
        Released::AssociationLost => "association-lost",
        Released::NgReset => "ng-reset-by-amf",
        Released::Normal | Released::HandedOver | Released::NeverArrived | Released::Lost => {
            "connection-released"
        }
    }
}

/// The UE that an action of a gNB is about.
pub(in crate::shard) fn about(action: &NodeAction) -> Option<u32> {
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
