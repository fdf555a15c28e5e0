//! A shard on its way from one agent to another: it comes to rest, and its UEs travel sealed.
//!
//! ```text
//! settle() ──► what is in flight ends ──► at rest: no traffic, NG RESET ──► usage records ──► export(), the last report
//! ```
//! From the moment of rest a UE receives nothing and sends nothing, so that its state is the one that travels. The core is told
//! by NG RESET that nobody is connected: it sends nothing that no one would count, and its UEs are idle (CM-IDLE).

use std::collections::HashMap;
use std::time::Instant;

use signalling::{Device, NodeEvent};
use wire::to_agent::UeBatch;

use super::ending::{CLOSING, Ending};
use crate::ran::{Handovers, Presence};
use crate::shard::{ShardAction, ShardRunner};
use crate::transfer::{
    AdoptError, Item, QUEUED_IN_ONE, SessionContext, ShardTransfer, ShardUe, Task, UeContext, seal,
};

/// What the UEs of a shard at rest take along beside their own state.
pub(in crate::shard) struct AtRest {
    session_contexts: HashMap<u32, Vec<SessionContext>>,
    recovers: HashMap<u32, Task>,
}

/// UEs that have come from the last holder, until the shard begins.
#[derive(Default)]
pub(in crate::shard) struct Arrived {
    /// The lease that they come from, and the parts that have come.
    from: Option<u64>,
    parts: std::collections::BTreeSet<u32>,
    expected: u32,
    queues: Vec<(u32, u8, Vec<u32>)>,
    pub(in crate::shard) ues: Vec<Newcomer>,
}

/// A UE that is in its slot already, and what is still to be done for it at the start.
pub(in crate::shard) struct Newcomer {
    pub(in crate::shard) ue: u32,
    pub(in crate::shard) timers: Vec<(u8, u64)>,
    pub(in crate::shard) session_contexts: Vec<SessionContext>,
    pub(in crate::shard) recovers: Option<Task>,
}

impl AtRest {
    pub(in crate::shard) fn sessions(&self) -> u64 {
        self.session_contexts.values().map(|of_ue| of_ue.len() as u64).sum()
    }
}

impl Arrived {
    /// Whether every part has come.
    pub(in crate::shard) fn is_complete(&self) -> bool {
        self.parts.len() as u64 >= u64::from(self.expected)
    }

    pub(in crate::shard) fn expecting(batches: u32) -> Self {
        Self { expected: batches, ..Self::default() }
    }

    /// The queues as they were, in the order of the parts.
    pub(in crate::shard) fn take_queues(&mut self) -> Vec<(u8, Vec<u32>)> {
        let mut queues = std::mem::take(&mut self.queues);
        queues.sort_by_key(|(part, ..)| *part);
        queues.into_iter().map(|(_, procedure, ues)| (procedure, ues)).collect()
    }
}

impl ShardRunner {
    // The holder that gives the shard back.

    /// The shard is to be exported: it starts nothing more. What is in flight may end until `until`; the rest is
    /// `abandoned(shard-moved)`. What it has not started stays planned.
    pub fn settle(&mut self, now: Instant, until: Instant) {
        if self.ending != Ending::Running {
            return;
        }
        self.pacer.stop();
        self.start.get_or_insert(now);
        self.end = Some(until);
        self.drained = Some(MOVED.to_owned());
        self.ending = Ending::Settling;
    }

    /// Whether the shard is at rest, and every usage record fits the next report.
    pub fn is_settled(&self, _now: Instant) -> bool {
        self.ending == Ending::Closed && self.at_rest.is_some() && self.is_reportable()
    }

    /// The UEs of the shard, sealed, once it is settled. The next report is the last.
    pub fn export(&mut self, now: Instant) -> Vec<UeBatch> {
        let Some(mut at_rest) = self.at_rest.take() else { return Vec::new() };
        let mut shard_ues = Vec::new();
        for ue in self.population.travelling() {
            let session_contexts = at_rest.session_contexts.remove(&ue).unwrap_or_default();
            shard_ues.extend(self.shard_ue(ue, session_contexts, at_rest.recovers.get(&ue).copied(), now));
        }
        let items = [Item::Beside {
            dealt: self.user_plane.dealt().to_vec(),
            sessions_left: self.recovery.sessions_left(),
        }]
        .into_iter();
        let seen = self.handovers.taken.snapshot();
        let seen: Vec<Item> = seen.chunks(QUEUED_IN_ONE).map(|part| Item::Taken(part.to_vec())).collect();
        let items = items.chain(shard_ues).chain(self.population.travelling_beside()).chain(seen);
        let sealed = seal(items, &mut self.encryption, self.number, self.epoch);
        self.at_rest = Some(at_rest);
        sealed.unwrap_or_else(|error| {
            self.recorder.unexpected(&error.to_string());
            Vec::new()
        })
    }

    fn shard_ue(
        &self,
        ue: u32,
        session_contexts: Vec<SessionContext>,
        recovers: Option<Task>,
        now: Instant,
    ) -> Option<Item> {
        let slot = self.population.peek(ue)?;
        Some(Item::ShardUe(Box::new(ShardUe {
            ue,
            place: (slot.gnb, slot.cell),
            out_of_signal: slot.out_of_signal,
            handovers: slot.handovers,
            draws: slot.draws,
            recovers,
            ue_context: self.ue_context(ue, slot.ue.export(), session_contexts, now),
        })))
    }

    /// Nothing is in flight any more, or the time for it is over.
    pub(in crate::shard) fn come_to_rest(&mut self, now: Instant, out: &mut Vec<ShardAction>) {
        self.abandon();
        self.tell_homes(now);
        out.append(&mut self.unsent);
        // Of a UE between two shards its next one is the holder; who has not left yet is here.
        self.handovers = Handovers::remembering(&mut self.handovers);
        let recovers = self.recovery.break_off().into_iter().collect();
        let session_contexts = self.user_plane.export(now);
        for gnb in 0..self.gnbs.len() {
            if self.gnbs.get(gnb).is_some_and(|port| port.gnb.is_ready()) {
                self.gnb(u16::try_from(gnb).unwrap_or(u16::MAX), NodeEvent::Reset, now, out);
            }
        }
        self.at_rest = Some(AtRest { session_contexts, recovers });
        self.ending = Ending::Closing { until: now + CLOSING };
    }

    // The next holder.

    /// UEs that the last holder of the shard hands over, before the start. Returns how many it were.
    pub fn adopt(&mut self, batch: &UeBatch) -> Result<u64, AdoptError> {
        let taken = self.take_part(batch);
        if let Err(error) = taken {
            self.recorder.unexpected(&error.to_string());
        }
        taken
    }

    fn take_part(&mut self, batch: &UeBatch) -> Result<u64, AdoptError> {
        let transfer = ShardTransfer::open(batch, &self.encryption, self.number, self.epoch)?;
        if self.takeover.is_none() {
            return Err(AdoptError::TooLate);
        }
        let (from, part, parts) = transfer.origin();
        let arrived = &mut self.arrived;
        if *arrived.from.get_or_insert(from) != from {
            return Err(AdoptError::IsAnother);
        }
        if !arrived.parts.insert(part) {
            return Err(AdoptError::Twice);
        }
        arrived.expected = parts;
        let mut count = 0;
        for item in transfer.items {
            match item {
                Item::ShardUe(shard_ue) => count += u64::from(self.take_in(*shard_ue)),
                Item::Away { ue, group, draws, at } => self.population.is_away(ue, group, draws, at),
                Item::ReadyQueue { procedure, ues } => self.arrived.queues.push((part, procedure, ues)),
                Item::Taken(seen) => self.handovers.taken.adopt(&seen),
                Item::Beside { dealt, sessions_left } => {
                    self.user_plane.deal_on(&dealt);
                    self.recovery.owe_sessions(sessions_left);
                }
            }
        }
        Ok(count)
    }

    /// The UE is in its slot. Until the start nothing happens to it.
    fn take_in(&mut self, shard_ue: ShardUe) -> bool {
        let ShardUe { ue, place, out_of_signal, handovers, draws, recovers, ue_context } = shard_ue;
        let UeContext { home, group, state, timers, session_contexts } = ue_context;
        if !self.population.make_room(ue) {
            self.recorder.unexpected("ue-batch-without-room");
            return false;
        }
        let adopted = Device::import(state);
        self.registered += u64::from(adopted.is_registered());
        self.population.arrive(ue, adopted, home, group, place);
        if let Some(slot) = self.population.slot(ue) {
            (slot.out_of_signal, slot.handovers, slot.draws) = (out_of_signal, handovers, draws);
            slot.presence = Presence::Here;
            slot.recovers = recovers.is_some();
        }
        self.arrived.ues.push(Newcomer { ue, timers, session_contexts, recovers });
        true
    }
}

/// The reason in the account for what a move has broken off.
const MOVED: &str = "shard-moved";
