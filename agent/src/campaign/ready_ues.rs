//! Which UE is next for an attempt: as its radio network says it stands, and as it has waited.

use std::collections::HashSet;

use identity::{Needs, Procedure};

use super::ready_queues::{Fitness, QueuedFor, ReadyQueues};
use crate::seam::Standing;

/// Every UE of a shard, by its number.
pub(crate) struct ReadyUes {
    ues: Vec<ReadyUe>,
    queues: ReadyQueues,
    /// Those of which a handover is not over.
    leaving: HashSet<u32>,
}

#[derive(Clone, Copy, Default)]
struct ReadyUe {
    queued_for: QueuedFor,
    standing: Standing,
    /// It is being recovered, or waits for that: it is not for the load.
    is_aside: bool,
    /// How often it was chosen for a handover here.
    handovers: u16,
}

impl ReadyUes {
    /// So many subscribers, who are switched off, wait for what a scenario starts.
    pub(crate) fn new(subscribers: u32, procedures: impl Iterator<Item = Procedure>) -> Self {
        let one = ReadyUe { standing: Standing::SWITCHED_OFF, ..ReadyUe::default() };
        let mut ready = Self {
            ues: vec![one; subscribers as usize],
            queues: ReadyQueues::new(procedures),
            leaving: HashSet::new(),
        };
        (0..subscribers).for_each(|ue| ready.enqueue(ue));
        ready
    }

    /// The UE is in another state.
    pub(crate) fn changed(&mut self, ue: u32, standing: Standing) {
        let before = std::mem::replace(&mut self.slot(ue).standing, standing);
        if standing.leaving && !before.leaving {
            self.leaving.insert(ue);
        } else if before.leaving && !standing.leaving {
            self.leaving.remove(&ue);
        }
    }

    pub(crate) fn standing(&self, ue: u32) -> Standing {
        self.get(ue).map(|one| one.standing).unwrap_or_default()
    }

    pub(crate) fn set_aside(&mut self, ue: u32, is_aside: bool) {
        self.slot(ue).is_aside = is_aside;
    }

    /// Chooses the UE for an attempt: the one that has waited longest among those in the right state.
    ///
    /// A handover needs a UE that is connected. Of UEs that were handed over equally often a connected one goes first;
    /// one that is idle is still taken in its turn, so that nobody is left out: it is connected before.
    pub(crate) fn next_for(
        &mut self,
        procedure: Procedure,
        attempts: impl Fn(u32) -> bool,
    ) -> Result<u32, &'static str> {
        let ues = &mut self.ues;
        let mut left = Vec::new();
        let fitness = |ue: u32| {
            let Some(one) = ues.get(ue as usize) else { return Fitness::Unable };
            if !one.is_able(procedure) {
                return Fitness::Unable;
            }
            if attempts(ue) || one.standing.is_busy() {
                return Fitness::Busy;
            }
            let rank = match procedure {
                Procedure::HandoverN2 | Procedure::HandoverXn => {
                    2 * u32::from(one.handovers) + u32::from(!one.standing.connected)
                }
                _ => 0,
            };
            Fitness::Able { rank }
        };
        let taken = self.queues.take(procedure, fitness, |ue| left.push(ue));
        for ue in left {
            if let Some(one) = ues.get_mut(ue as usize) {
                one.queued_for.set(procedure, false);
            }
        }
        let ue = taken.ok_or_else(|| nobody(procedure))?;
        if matches!(procedure, Procedure::HandoverN2 | Procedure::HandoverXn)
            && let Some(one) = ues.get_mut(ue as usize)
        {
            one.handovers = one.handovers.saturating_add(1);
        }
        Ok(ue)
    }

    /// Whether the UE is in the state that the procedure begins in, busy or not.
    pub(crate) fn is_able(&self, ue: u32, procedure: Procedure) -> bool {
        self.get(ue).is_some_and(|one| one.is_able(procedure))
    }

    /// The UEs of which a handover is not over.
    pub(crate) fn leaving(&self) -> impl Iterator<Item = u32> + '_ {
        self.leaving.iter().copied()
    }

    /// The UE joins the queues of what it could attempt in its present state.
    pub(crate) fn enqueue(&mut self, ue: u32) {
        let Some(one) = self.ues.get_mut(ue as usize) else { return };
        let mut queued_for = one.queued_for;
        self.queues.join(ue, &mut queued_for, |procedure| one.is_able(procedure));
        one.queued_for = queued_for;
    }

    // From one holder of the shard to the next.

    /// How often the UE was chosen for a handover here.
    pub(crate) fn handovers(&self, ue: u32) -> u16 {
        self.get(ue).map_or(0, |one| one.handovers)
    }

    /// A UE has come from the last holder.
    pub(crate) fn adopt(&mut self, ue: u32, handovers: u16, is_aside: bool) {
        let one = self.slot(ue);
        (one.handovers, one.is_aside) = (handovers, is_aside);
    }

    /// Every queue with who waits in it, by the procedure's place among all.
    pub(crate) fn snapshot(&self) -> impl Iterator<Item = (u8, Vec<u32>)> + '_ {
        self.queues.snapshot()
    }

    /// The queues are as they were elsewhere; who is in none of them joins at the end.
    pub(crate) fn restore(&mut self, queues: &[(u8, Vec<u32>)]) {
        self.queues.clear();
        self.ues.iter_mut().for_each(|one| one.queued_for = QueuedFor::default());
        for (procedure, ues) in queues {
            for &ue in ues {
                let Some(one) = self.ues.get_mut(ue as usize) else { continue };
                self.queues.join_one(*procedure, ue, &mut one.queued_for);
            }
        }
        for ue in 0..u32::try_from(self.ues.len()).unwrap_or(u32::MAX) {
            self.enqueue(ue);
        }
    }

    /// Octets held.
    pub(crate) fn octets(&self) -> usize {
        self.ues.capacity() * size_of::<ReadyUe>() + self.queues.octets()
    }

    fn get(&self, ue: u32) -> Option<&ReadyUe> {
        self.ues.get(ue as usize)
    }

    fn slot(&mut self, ue: u32) -> &mut ReadyUe {
        let place = ue as usize;
        if place >= self.ues.len() {
            self.ues.resize(place + 1, ReadyUe::default());
        }
        &mut self.ues[place]
    }
}

impl ReadyUe {
    /// Whether the UE is in the state that the procedure begins in.
    fn is_able(&self, procedure: Procedure) -> bool {
        let (standing, needs) = (self.standing, procedure.needs());
        standing.is_here
            && !self.is_aside
            && standing.registered == needs.registered
            && needs.connected.is_none_or(|connected| standing.connected == connected)
            && needs.session.is_none_or(|session| standing.session == session)
    }
}

/// Why there is no UE for an attempt.
fn nobody(procedure: Procedure) -> &'static str {
    match procedure.needs() {
        Needs { registered: false, .. } => "no-deregistered-subscriber",
        Needs { connected: Some(false), .. } => "no-idle-subscriber",
        Needs { connected: Some(true), .. } => "no-connected-subscriber",
        Needs { session: Some(false), .. } => "no-subscriber-without-session",
        Needs { session: Some(true), .. } => "no-subscriber-with-session",
        Needs { .. } => "no-registered-subscriber",
    }
}
