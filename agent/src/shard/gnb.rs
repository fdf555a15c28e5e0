//! Events for a gNB, and what it wants done.

use std::time::Instant;

use signalling::{ConnectionRefusal, GnbAction, GnbEvent, HandoverFailure, Procedure};

use super::{ShardAction, ShardRunner};
use crate::attempts::End;
use crate::handovers::Step;
use crate::radio::Delivery;

impl ShardRunner {
    /// Gives a gNB an event and carries out what it wants.
    pub(super) fn gnb(&mut self, number: u16, event: GnbEvent<'_>, now: Instant, out: &mut Vec<ShardAction>) {
        let mut actions = std::mem::take(&mut self.gnb_actions);
        if let Some(port) = self.gnbs.get_mut(usize::from(number)) {
            port.gnb.handle(event, now, &mut actions);
        }
        self.carry_out_for_gnb(number, actions, now, out);
    }

    pub(super) fn carry_out_for_gnb(
        &mut self,
        number: u16,
        mut actions: Vec<GnbAction>,
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
        number: u16,
        action: GnbAction,
        now: Instant,
        out: &mut Vec<ShardAction>,
    ) {
        match action {
            GnbAction::Send { stream, octets, ue } => {
                self.sent += 1;
                self.last_sent = Some(now);
                if self.tracer.wants(ue) {
                    self.trace(ue, number, true, stream, octets.clone(), now);
                }
                out.push(ShardAction::Send { gnb: number, stream, octets });
            }
            GnbAction::Downlink { ue, nas } => self.over_the_air(ue, Delivery::Downlink(nas), now),
            GnbAction::Released { ue, cause } => self.released(number, ue, cause, now, out),
            GnbAction::Refused { ue, reason: _ } => {
                let refusal = ConnectionRefusal::NgInterfaceDown;
                self.over_the_air_if_connected(number, ue, Delivery::Refused(refusal), now);
            }
            GnbAction::SessionResource { ue, tunnel } => {
                let here = self.population.peek(ue).is_some_and(|slot| slot.gnb == number)
                    && self.handovers.arrival(number, ue).is_none();
                let serving = self.population.plmn_of(number).filter(|_| here);
                self.user_plane.resource(ue, number, tunnel, serving, now);
            }
            GnbAction::SessionResourceReleased { ue, session } => {
                self.user_plane.resource_released(ue, number, session, now);
            }
            GnbAction::HandoverRequested { handle, cell, container, sessions: _ } => {
                self.handover_requested(number, handle, cell, &container, now, out);
            }
            GnbAction::HandoverExpected { ue } => self.handover_expected(number, ue, now),
            GnbAction::HandoverCommanded { ue, container: _ } => self.handover_commanded(ue, now, out),
            GnbAction::HandoverPreparationFailed { ue, cause } => {
                let end = match cause {
                    HandoverFailure::PreparationTimedOut => End::TimedOut(cause.to_string()),
                    _ => End::Failed(cause.to_string()),
                };
                self.handover_failed(ue, &end, now);
            }
            GnbAction::HandoverOverdue { ue } => self.handover_overdue(ue, now),
            GnbAction::PathSwitched { ue } => self.path_switched(ue, now, out),
            GnbAction::PathSwitchFailed { ue, cause } => {
                let end = match cause {
                    HandoverFailure::PathSwitchTimedOut => End::TimedOut(cause.to_string()),
                    _ => End::Failed(cause.to_string()),
                };
                self.path_switch_failed(ue, &end, now, out);
            }
            GnbAction::Ready => {
                if !self.ready_told && self.gnbs.iter().all(|port| port.gnb.is_ready()) {
                    self.ready_told = true;
                    out.push(ShardAction::Ready);
                }
            }
            GnbAction::SetupRefused { cause, retry_after: _ } if !self.ready_told => {
                out.push(ShardAction::CannotPrepare(format!("the core refused NG setup: {cause}")));
            }
            GnbAction::SetupRefused { .. } => self.recorder.unexpected("ng-setup-refused"),
            GnbAction::Paged { s_tmsi } => {
                if self.hears()
                    && let Some(ue) = self.population.find_paged(s_tmsi)
                    && let Some(slot) = self.population.slot(ue)
                    && slot.gnb == number
                    && !slot.out_of_signal
                {
                    self.access.page(ue, slot, now);
                }
            }
            GnbAction::SetTimer(timer, after) => self.gnb_timers.set((number, timer), now + after),
            GnbAction::StopTimer(timer) => self.gnb_timers.stop((number, timer)),
            GnbAction::Unexpected(kind) => self.recorder.unexpected(kind),
        }
    }

    /// The connection of a UE at this gNB is no more.
    fn released(
        &mut self,
        number: u16,
        ue: u32,
        cause: signalling::Released,
        now: Instant,
        out: &mut Vec<ShardAction>,
    ) {
        if self.handovers.end_arrival(number, ue).is_some() {
            self.recorder.unexpected("handover-never-arrived");
            return self.population.forget(ue);
        }
        self.departure_released(number, ue, cause, now, out);
        let elsewhere = self.access.gnb_of(ue).is_some_and(|gnb| gnb != number);
        if !elsewhere && self.attempts.is(ue, Procedure::UeContextRelease) {
            self.handovers.steps.stop(Step::Unreleased { ue });
            self.end_attempt(ue, Procedure::UeContextRelease, &End::Succeeded, now);
        }
        self.over_the_air_if_connected(number, ue, Delivery::Released, now);
    }

    /// A release may cross one of the UE's own, or come when the UE is in another cell or asks for its next connection:
    /// then there is nothing to say.
    fn over_the_air_if_connected(&mut self, number: u16, ue: u32, delivery: Delivery, now: Instant) {
        if self.access.is_established(ue, number) {
            self.over_the_air(ue, delivery, now);
        }
    }
}

/// The UE that an action of a gNB is about.
pub(super) fn about(action: &GnbAction) -> Option<u32> {
    match action {
        GnbAction::Send { ue, .. } => *ue,
        GnbAction::Downlink { ue, .. }
        | GnbAction::Released { ue, .. }
        | GnbAction::Refused { ue, .. }
        | GnbAction::SessionResource { ue, .. }
        | GnbAction::SessionResourceReleased { ue, .. }
        | GnbAction::HandoverCommanded { ue, .. }
        | GnbAction::HandoverPreparationFailed { ue, .. }
        | GnbAction::HandoverOverdue { ue }
        | GnbAction::HandoverExpected { ue }
        | GnbAction::PathSwitched { ue }
        | GnbAction::PathSwitchFailed { ue, .. } => Some(*ue),
        _ => None,
    }
}
