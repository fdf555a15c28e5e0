//! One lease, from its grant until the coordinator knows how it ended.

use std::collections::BTreeSet;
use std::time::Instant;

use wire::to_agent::UeBatch;
use wire::to_coordinator::{Held, ToCoordinator};

use super::messages::Output;
use super::reports::{Reports, Room};

/// One lease. It outlives its shard: its reports and its end have to reach the coordinator.
///
/// ```text
/// preparing ──► ready ──► started ──► finished
///     └────────────┴──────────┴─────► released, lapsed or given up        (a `Parting`, told after the last report)
/// ```
#[derive(Debug)]
pub(super) struct HeldLease {
    pub(super) worker: usize,
    /// Its end, by the agent's clock.
    pub(super) until: Instant,
    pub(super) lapsed: bool,
    pub(super) ready: bool,
    pub(super) started: bool,
    /// It was asked for: the worker is settling it.
    pub(super) releasing: bool,
    pub(super) awaited: AwaitedUes,
    pub(super) reports: Reports,
    pub(super) exported: Vec<UeBatch>,
    pub(super) parting: Option<Parting>,
    announced: Announced,
}

/// UEs that come with the lease.
#[derive(Debug)]
pub(super) struct AwaitedUes {
    pub(super) batches: u32,
    pub(super) came: BTreeSet<u32>,
    /// When some are missing then, the lease is given back: the coordinator has them still, or knows that they are lost.
    pub(super) until: Instant,
}

/// How a lease ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Parting {
    Finished,
    Released { lapsed: bool },
    CannotPrepare { error: String, own: bool },
}

/// What the coordinator knows of the parting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Announced {
    No,
    /// Sent at this time of the agent's clock, µs.
    At(u64),
    /// It answered something that we sent later: it has read this, and stored it.
    Acknowledged,
}

impl HeldLease {
    pub(super) fn new(worker: usize, until: Instant, awaited: AwaitedUes) -> Self {
        Self {
            worker,
            until,
            lapsed: false,
            ready: false,
            started: false,
            releasing: false,
            awaited,
            reports: Reports::default(),
            exported: Vec::new(),
            parting: None,
            announced: Announced::No,
        }
    }

    /// A worker runs it.
    pub(super) fn is_live(&self) -> bool {
        self.parting.is_none()
    }

    /// Renewals still extend it.
    pub(super) fn is_renewable(&self) -> bool {
        self.is_live() && !self.lapsed
    }

    pub(super) fn may_start(&self) -> bool {
        self.is_live() && self.ready && !self.started && self.is_complete()
    }

    /// The end of waiting for UEs that do not come.
    pub(super) fn awaits_until(&self) -> Option<Instant> {
        (self.is_live() && !self.started && !self.is_complete()).then_some(self.awaited.until)
    }

    fn is_complete(&self) -> bool {
        self.awaited.came.len() >= usize::try_from(self.awaited.batches).unwrap_or(usize::MAX)
    }

    /// Sends what is to be sent: reports in order, then how it ended.
    pub(super) fn send(
        &mut self,
        shard: u32,
        epoch: u64,
        room: &mut Room,
        now_us: u64,
        out: &mut Vec<Output>,
    ) {
        if !room.connected || !self.reports.send(shard, epoch, room, out) || self.announced != Announced::No {
            return;
        }
        let Some(parting) = &self.parting else { return };
        self.announced = Announced::At(now_us);
        let made = self.reports.made();
        let message = match parting.clone() {
            Parting::Finished => {
                ToCoordinator::Finished { shard, epoch, last_sequence: made.saturating_sub(1) }
            }
            Parting::CannotPrepare { error, own } => {
                ToCoordinator::CannotPrepare { shard, epoch, error, own }
            }
            Parting::Released { lapsed } => {
                out.extend(self.exported.iter().cloned().map(ues));
                let batches = u32::try_from(self.exported.len()).unwrap_or(u32::MAX);
                ToCoordinator::Released { shard, epoch, reports: made, batches, lapsed }
            }
        };
        out.push(Output::Send(message));
    }

    /// The coordinator has read, and stored, all that was sent before this time of the agent's clock.
    pub(super) fn acknowledged(&mut self, before_us: u64) {
        if matches!(self.announced, Announced::At(at) if at < before_us) {
            self.announced = Announced::Acknowledged;
            self.exported = Vec::new();
        }
    }

    /// A connection begins: what may not have arrived is sent again.
    pub(super) fn rewind(&mut self) {
        self.reports.rewind();
        if self.announced != Announced::Acknowledged {
            self.announced = Announced::No;
        }
    }

    /// Everything is said.
    pub(super) fn is_announced(&self) -> bool {
        self.announced != Announced::No && self.reports.waiting() == 0
    }

    /// The coordinator knows everything: the lease can be forgotten.
    pub(super) fn is_over(&self) -> bool {
        self.announced == Announced::Acknowledged && self.reports.waiting() == 0
    }

    pub(super) fn held(&self, shard: u32, epoch: u64) -> Held {
        let lapsed = self.lapsed || matches!(self.parting, Some(Parting::Released { .. }));
        Held { shard, epoch, unacknowledged: self.reports.unacknowledged(), lapsed }
    }
}

fn ues(part: UeBatch) -> Output {
    Output::Send(ToCoordinator::Ues(Box::new(part)))
}
