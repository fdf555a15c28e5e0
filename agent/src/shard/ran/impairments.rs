//! Impairments, as they begin and end, and what they make the UEs do. All of it is self-started in the account.

use std::time::{Duration, Instant};

use scenarios::ImpairmentKind;
use signalling::{ConnectionRefusal, Procedure, ReleaseCause, UeEvent};

use crate::ran::{Cell, Change};
use crate::shard::{ShardAction, ShardRunner, campaign::Ending};

/// Something that a UE is to do at its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::shard) enum ScheduledAction {
    /// It has its signal back.
    ComeBack,
    /// It goes to idle, or comes back from it.
    Oscillate { impairment: usize },
    /// It switches off, to register at once.
    SwitchOff { impairment: usize },
    /// It registers.
    Register,
}

impl ShardRunner {
    pub(in crate::shard) fn next_impairment(&self) -> Option<Instant> {
        let next = self
            .start
            .filter(|_| !self.unbegun)
            .zip(self.impairments.next_change())
            .map(|(start, at)| start + at);
        next.filter(|at| self.paused.is_none_or(|paused| *at <= paused))
    }

    pub(in crate::shard) fn change_impairments(&mut self, now: Instant, out: &mut Vec<ShardAction>) {
        let start = self.start.filter(|_| !self.unbegun);
        let elapsed = start.and_then(|start| self.of_run(now).checked_duration_since(start));
        let Some(elapsed) = elapsed else { return };
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
    pub(in crate::shard) fn take_over_impairments(
        &mut self,
        start: Instant,
        now: Instant,
        out: &mut Vec<ShardAction>,
    ) {
        for change in self.impairments.pass_to(now.saturating_duration_since(start)) {
            self.apply(change, now, out);
        }
        let lost = |kind| matches!(kind, Some(ImpairmentKind::SignalLoss { .. }));
        if !self.impairments.holding_anywhere().any(|impairment| lost(self.impairments.kind(impairment))) {
            self.return_signal(now);
        }
    }

    fn present(&self) -> Vec<u32> {
        self.population.present().collect()
    }

    /// The UEs here that an impairment which has begun concerns.
    fn concerned(&self, impairment: usize, share: f64) -> Vec<u32> {
        let mut ues = self.present();
        ues.retain(|&ue| {
            let cell = self.cell_of(ue);
            cell.zip(self.population.imsi(ue))
                .is_some_and(|(cell, supi)| self.impairments.concerns(impairment, share, cell, supi))
        });
        ues
    }

    fn cell_of(&self, ue: u32) -> Option<Cell> {
        let camps = || {
            let slot = self.population.peek(ue)?;
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
            let Some(supi) = self.population.imsi(ue) else { continue };
            let phase = self.impairments.phase(impairment, supi);
            self.scheduled_actions.set((ue, action), now + period.mul_f64(phase));
        }
    }

    /// The traffic of the UE's sessions flows as its cell allows.
    pub(in crate::shard) fn throttle_as_cell(&mut self, ue: u32, now: Instant) {
        if let Some(cell) = self.cell_of(ue) {
            self.user_plane.throttle(ue, self.impairments.throttle(cell), now);
        }
    }

    // Loss of signal, and its return.

    fn lose_signal(&mut self, ue: u32, now: Instant, out: &mut Vec<ShardAction>) {
        let Some(slot) = self.population.slot(ue) else { return };
        slot.out_of_signal = true;
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
            let Some(slot) = self.population.slot(ue).filter(|slot| slot.out_of_signal) else { continue };
            slot.out_of_signal = false;
            let mut draw = self.access.draw(ue, slot);
            let searches = self.access.interruption(SEARCH, &mut draw);
            self.scheduled_actions.set((ue, ScheduledAction::ComeBack), now + searches);
            self.enqueue_ready(ue);
        }
    }

    /// What an impairment wants of a UE is done where the UE has nothing else to do.
    pub(in crate::shard) fn run_scheduled_action(
        &mut self,
        ue: u32,
        action: ScheduledAction,
        now: Instant,
        out: &mut Vec<ShardAction>,
    ) {
        if self.ending != Ending::Running || self.drained.is_some() {
            return;
        }
        let busy = self.is_busy(ue);
        let Some(slot) = self.population.peek(ue) else { return };
        let idle = slot.ue.is_idle_for_attempts() && !slot.out_of_signal && !busy;
        let (registered, connected) = (slot.ue.is_registered(), slot.ue.is_connected());
        match action {
            ScheduledAction::ComeBack => {
                if idle && registered && !connected {
                    self.ue(ue, UeEvent::CellChanged, now, out);
                    // A UE that has not moved says that it is back.
                    if !self.attempts.contains(ue) {
                        self.begin_by_itself(ue, Procedure::ServiceRequest, "the signal is back", now, out);
                    }
                }
            }
            ScheduledAction::Oscillate { impairment } => {
                let Some(ImpairmentKind::RrcOscillation { period, .. }) = self.still(impairment) else {
                    return;
                };
                self.scheduled_actions.set((ue, action), now + period / 2);
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
                self.scheduled_actions.set((ue, action), now + period);
                if idle {
                    if registered {
                        self.ue(ue, UeEvent::SwitchOff, now, out);
                    }
                    // The last message of the old connection leaves before the new one is asked for.
                    self.scheduled_actions.set((ue, ScheduledAction::Register), now + SWITCH_ON);
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
    pub(in crate::shard) fn admit_waiting(&mut self, now: Instant) {
        while let Some((ue, cell, first)) = self.access.pop_admissible() {
            if let Some(slot) = self.population.slot(ue) {
                let lost = self.access.connect(ue, slot, cell, first, now);
                self.trace_lost(ue, lost, now);
            }
        }
        while let Some(ue) = self.access.pop_impatient(now) {
            if let Some(slot) = self.population.slot(ue) {
                self.access.refuse(ue, slot, ConnectionRefusal::CellAtCapacity, now);
            }
        }
    }
}

/// How long a UE looks for a cell, the median.
const SEARCH: Duration = Duration::from_millis(200);
/// How long a UE is off in a signalling storm.
const SWITCH_ON: Duration = Duration::from_millis(500);
