//! A shard goes from one holder to the next: one comes to rest and exports it, the other takes it over in the middle of the run, where
//! its last holder left it or where it was when that one was lost.
//!
//! ```text
//! settle() ──► what is in flight ends ──► at rest ──► usage records ──► export(), the last report
//! ```

use std::time::Instant;

use identity::Procedure;
use wire::to_agent::UeBatch;

use super::Campaign;
use crate::seam::{End, Item, RadioNetwork, Resumption, ShardUe, Stage, Start, StartCause, Task};
use crate::transfer::{AdoptError, QUEUED_IN_ONE, ShardTransfer, seal};

impl Campaign {
    // The holder that gives the shard back.

    /// Nothing is in flight any more, or the time for it is over.
    pub(super) fn come_to_rest<R: RadioNetwork>(
        &mut self,
        ran: &mut R,
        now: Instant,
        out: &mut Vec<R::Action>,
    ) {
        self.abandon(ran);
        self.tell_homes(ran, now, out);
        let broken_off = self.recovery.break_off();
        ran.enter(Stage::AtRest, now, out);
        self.handle_events(ran, now, out);
        self.broken_off = Some(broken_off.into_iter().collect());
        self.ending.rests(now);
    }

    /// The UEs of the shard, sealed, once it is settled. The next report is the last.
    pub fn export<R: RadioNetwork>(&mut self, ran: &mut R, now: Instant) -> Vec<UeBatch> {
        let Some(broken_off) = &self.broken_off else { return Vec::new() };
        let sessions_owed = self.recovery.sessions_left();
        let ready = &self.ready;
        let mine = |item| match item {
            Item::ShardUe(mut shard_ue) => {
                shard_ue.handovers = ready.handovers(shard_ue.ue);
                shard_ue.recovers = broken_off.get(&shard_ue.ue).copied();
                Item::ShardUe(shard_ue)
            }
            Item::Beside { dealt, .. } => Item::Beside { dealt, sessions_left: sessions_owed },
            other => other,
        };
        let queues = ready.snapshot().flat_map(|(procedure, ues)| {
            let part = move |ues: &[u32]| Item::ReadyQueue { procedure, ues: ues.to_vec() };
            ues.chunks(QUEUED_IN_ONE).map(part).collect::<Vec<_>>()
        });
        let items = ran.export(now).into_iter().map(mine).chain(queues);
        seal(items, ran.encryption(), self.number, self.epoch).unwrap_or_else(|error| {
            self.recorder.unexpected(&error.to_string());
            Vec::new()
        })
    }

    // The next holder.

    /// UEs that the last holder of the shard hands over, before the start. Returns how many it were.
    pub fn adopt<R: RadioNetwork>(&mut self, batch: &UeBatch, ran: &mut R) -> Result<u64, AdoptError> {
        let taken = self.take_part(batch, ran);
        if let Err(error) = taken {
            self.recorder.unexpected(&error.to_string());
        }
        taken
    }

    fn take_part<R: RadioNetwork>(&mut self, batch: &UeBatch, ran: &mut R) -> Result<u64, AdoptError> {
        let transfer = ShardTransfer::<R::Context>::open(batch, ran.encryption(), self.number, self.epoch)?;
        if self.takeover.is_none() {
            return Err(AdoptError::TooLate);
        }
        let origin = transfer.origin();
        self.arrived.take_part(origin)?;
        let mut count = 0;
        for item in transfer.items {
            match item {
                Item::ShardUe(shard_ue) => count += u64::from(self.take_in(shard_ue, ran)),
                Item::ReadyQueue { procedure, ues } => self.arrived.queue(origin.1, procedure, ues),
                other => {
                    if let Item::Beside { sessions_left, .. } = &other {
                        self.recovery.owe_sessions(*sessions_left);
                    }
                    ran.adopt(other);
                }
            }
        }
        Ok(count)
    }

    /// Until the start nothing happens to the UE.
    fn take_in<R: RadioNetwork>(&mut self, shard_ue: Box<ShardUe<R::Context>>, ran: &mut R) -> bool {
        let ShardUe { ue, handovers, recovers, .. } = *shard_ue;
        if !ran.adopt(Item::ShardUe(shard_ue)) {
            self.recorder.unexpected("ue-batch-without-room");
            return false;
        }
        self.ready.adopt(ue, handovers, recovers.is_some());
        self.arrived.tasks.extend(recovers.map(|task| (ue, task)));
        true
    }

    /// Once, at the first instant of a run that goes on already.
    pub fn take_over<R: RadioNetwork>(&mut self, ran: &mut R, now: Instant, out: &mut Vec<R::Action>) {
        if self.clock.start.is_none_or(|start| start > now) {
            return;
        }
        let Some(takeover) = self.takeover.take() else { return };
        self.pacer.shift_to(now);
        let adopted = takeover.batches > 0;
        let complete = self.arrived.is_complete();
        if adopted {
            if !complete {
                self.recorder.unexpected("ue-batch-missing");
            }
            // What has come is in its place before anybody waits for anything.
            self.handle_events(ran, now, out);
            let queues = self.arrived.take_queues();
            self.ready.restore(&queues);
            for (ue, task) in std::mem::take(&mut self.arrived.tasks) {
                self.recovery.go_on(ue, task, now);
            }
            ran.visitors().all_have_arrived(now);
            self.taken_over = Some(now);
        }
        let lost_before_us = (!complete || !adopted).then_some(takeover.from_us);
        ran.go_on(Resumption { adopted, lost_before_us }, now, out);
        self.handle_events(ran, now, out);
        let subscribers = self.plan.shard(self.number).subscriber_count();
        let count = u32::try_from(takeover.registered.min(subscribers)).unwrap_or(u32::MAX);
        for ue in 0..count {
            self.set_aside(ue, true, ran);
        }
        self.recovery.begin(0..count, takeover.sessions.min(u64::from(count)), now);
    }

    // Recovery.

    /// Starts what is to be recovered by now.
    pub fn recover<R: RadioNetwork>(&mut self, ran: &mut R, now: Instant, out: &mut Vec<R::Action>) {
        while let Some((ue, task)) = self.recovery.pop_due(now) {
            let standing = self.ready.standing(ue);
            let procedure = match task {
                Task::Register if standing.idle && !standing.registered => Procedure::Registration,
                Task::EstablishSession if standing.idle && standing.registered => Procedure::PduSession,
                _ => {
                    self.end_recovery(ue, false, ran);
                    continue;
                }
            };
            ran.start(Start { ue, procedure, cause: StartCause::Recovery }, now, out);
            self.handle_events(ran, now, out);
        }
    }

    /// A procedure of a UE has ended that was its recovery. `false` where it was not.
    pub(super) fn recovered<R: RadioNetwork>(
        &mut self,
        ue: u32,
        procedure: Procedure,
        end: &End,
        ran: &mut R,
    ) -> bool {
        let is_it = match self.recovery.task_of(ue) {
            Some(Task::Register) => procedure == Procedure::Registration,
            Some(Task::EstablishSession) => procedure == Procedure::PduSession,
            None => false,
        };
        if is_it {
            self.end_recovery(ue, *end == End::Succeeded, ran);
        }
        is_it
    }

    fn end_recovery<R: RadioNetwork>(&mut self, ue: u32, succeeded: bool, ran: &mut R) {
        let goes_on = self.recovery.ended(ue, succeeded);
        self.set_aside(ue, goes_on, ran);
        if !goes_on {
            self.enqueue_ready(ue);
        }
    }

    fn set_aside<R: RadioNetwork>(&mut self, ue: u32, is_aside: bool, ran: &mut R) {
        self.ready.set_aside(ue, is_aside);
        ran.set_aside(ue, is_aside);
    }
}
