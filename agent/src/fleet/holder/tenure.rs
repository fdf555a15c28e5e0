//! What happens to a lease from its grant to its end, and to the reports that are made under it.

use std::time::{Duration, Instant};

use wire::to_agent::{Lease, UeBatch};
use wire::to_coordinator::IntervalReport;

use super::leases::{AwaitedUes, HeldLease, Parting};
use super::messages::{Output, ReportId};
use super::{Holder, LONGEST_ALIVE, tell};
use crate::worker::Order;

impl Holder {
    pub(super) fn lease(&mut self, lease: Box<Lease>, now: Instant, out: &mut Vec<Output>) {
        if self.run.as_ref().is_some_and(|run| *run != lease.run) {
            self.forget_run(out);
        }
        let (shard, epoch) = (lease.shard, lease.epoch);
        if self.fences.get(&shard).is_some_and(|&fence| epoch <= fence) {
            // A repetition, or from the past.
            return tracing::warn!(shard, epoch, "the lease is not newer than what is known");
        }
        self.run = Some(lease.run.clone());
        self.losses = self.losses.max(lease.takeover.as_ref().map_or(0, |takeover| takeover.losses));
        // Whoever grants anew has settled what was before.
        self.revoke(shard, epoch, now, out);
        let until = self.lease_end(lease.asked_us, lease.valid_us, now);
        let worker = (0..self.dealt.len()).min_by_key(|&worker| self.dealt.get(worker).copied()).unwrap_or(0);
        let batches = lease.takeover.as_ref().map_or(0, |takeover| takeover.batches);
        let adoption = now + self.settings.adoption;
        let awaited = AwaitedUes { batches, came: std::collections::BTreeSet::new(), until: adoption };
        self.leases.insert((shard, epoch), HeldLease::new(worker, until, awaited));
        self.count(worker, true);
        tell(worker, shard, epoch, Order::Take { lease, until }, out);
    }

    pub(super) fn renew(
        &mut self,
        asked_us: u64,
        valid_us: u64,
        leases: &[(u32, u64)],
        now: Instant,
        out: &mut Vec<Output>,
    ) {
        let until = self.lease_end(asked_us, valid_us, now);
        for &(shard, epoch) in leases {
            let known = self.leases.get_mut(&(shard, epoch));
            if let Some(leased) = known.filter(|leased| leased.is_renewable() && leased.until < until) {
                leased.until = until;
                tell(leased.worker, shard, epoch, Order::Renew { until }, out);
            }
        }
        let asked_us = asked_us.min(self.clock_us(now));
        self.leases.values_mut().for_each(|leased| leased.acknowledged(asked_us));
        self.forget_what_is_over();
    }

    pub(super) fn acknowledged(
        &mut self,
        shard: u32,
        epoch: u64,
        sequence: u64,
        now: Instant,
        out: &mut Vec<Output>,
    ) {
        let Some(leased) = self.leases.get_mut(&(shard, epoch)) else { return };
        leased.reports.acknowledge(shard, epoch, sequence, &mut self.room, out);
        self.forget_what_is_over();
        // The window has room again, perhaps for another lease.
        self.send_all(now, out);
    }

    pub(super) fn release(
        &mut self,
        shard: u32,
        epoch: u64,
        settle: Duration,
        now: Instant,
        out: &mut Vec<Output>,
    ) {
        let settle = self.departure.as_ref().map_or(settle, |departure| departure.shorten(settle, now));
        let known = self.leases.get_mut(&(shard, epoch));
        let Some(leased) = known.filter(|leased| leased.is_live() && !leased.releasing) else { return };
        leased.releasing = true;
        tell(leased.worker, shard, epoch, Order::Release { settle }, out);
        if let Some(departure) = &mut self.departure {
            departure.progressed(now);
        }
    }

    /// This lease and older ones of the shard have ended: nothing of them counts any more.
    pub(super) fn revoke(&mut self, shard: u32, epoch: u64, now: Instant, out: &mut Vec<Output>) {
        let fence = self.fences.entry(shard).or_default();
        *fence = epoch.max(*fence);
        let revoked: Vec<u64> =
            self.leases.range((shard, 0)..=(shard, epoch)).map(|(&(_, e), _)| e).collect();
        for epoch in revoked {
            let Some(mut leased) = self.leases.remove(&(shard, epoch)) else { continue };
            leased.reports.forget(shard, epoch, &mut self.room, out);
            tell(leased.worker, shard, epoch, Order::Revoke, out);
            if leased.is_live() {
                self.count(leased.worker, false);
            }
        }
        self.send_all(now, out);
    }

    pub(super) fn adopt(&mut self, batch: Box<UeBatch>, now: Instant, out: &mut Vec<Output>) {
        let (shard, epoch) = (batch.shard, batch.epoch);
        // As long as any part comes, those of other shards may be behind it.
        let until = now + self.settings.adoption;
        self.leases.values_mut().for_each(|leased| leased.awaited.until = until);
        let known = self.leases.get_mut(&(shard, epoch)).filter(|leased| leased.is_live() && !leased.started);
        let Some(leased) = known else {
            return tracing::warn!(shard, epoch, part = batch.part, "UEs for a shard that waits for none");
        };
        if batch.part < leased.awaited.batches && leased.awaited.came.insert(batch.part) {
            tell(leased.worker, shard, epoch, Order::Adopt(batch), out);
        }
    }

    pub(super) fn report(&mut self, report: Box<IntervalReport>, now: Instant, out: &mut Vec<Output>) {
        let (shard, epoch) = (report.shard, report.epoch);
        let now_us = self.clock_us(now);
        // Of a revoked lease: nobody counts it.
        let Some(leased) = self.leases.get_mut(&(shard, epoch)).filter(|leased| leased.is_live()) else {
            return;
        };
        leased.reports.take(report, &mut self.room, out);
        leased.send(shard, epoch, &mut self.room, now_us, out);
    }

    /// A lease has ended: its shard runs no more, or has nothing more to do.
    pub(super) fn part(
        &mut self,
        shard: u32,
        epoch: u64,
        parting: Parting,
        now: Instant,
        out: &mut Vec<Output>,
    ) {
        let now_us = self.clock_us(now);
        let known = self.leases.get_mut(&(shard, epoch)).filter(|leased| leased.is_live());
        let Some(leased) = known else { return };
        leased.parting = Some(parting);
        leased.send(shard, epoch, &mut self.room, now_us, out);
        let worker = leased.worker;
        self.count(worker, false);
        if let Some(departure) = &mut self.departure {
            departure.progressed(now);
        }
    }

    pub(super) fn spooled(
        &mut self,
        id: ReportId,
        returned: Option<Box<IntervalReport>>,
        now: Instant,
        out: &mut Vec<Output>,
    ) {
        let known = self.leases.get_mut(&(id.shard, id.epoch));
        match known.filter(|leased| leased.reports.holds(id.sequence)) {
            Some(leased) => leased.reports.spooled(id.sequence, returned, &mut self.room),
            None => self.room.spooled_for_nobody(id, returned.is_some(), out),
        }
        self.send_all(now, out);
    }

    pub(super) fn fetched(
        &mut self,
        id: ReportId,
        report: Option<Box<IntervalReport>>,
        now: Instant,
        out: &mut Vec<Output>,
    ) {
        if let Some(leased) = self.leases.get_mut(&(id.shard, id.epoch)) {
            leased.reports.fetched(id, report, &mut self.room, out);
        }
        self.send_all(now, out);
    }

    /// Leases whose end has come are not renewed any more. Their workers have seen it by themselves.
    pub(super) fn lapse(&mut self, now: Instant) {
        for ((shard, _), leased) in &mut self.leases {
            if leased.is_renewable() && leased.until <= now {
                tracing::warn!(shard, "the lease has lapsed");
                leased.lapsed = true;
            }
        }
    }

    /// Shards whose UEs have not come are not begun without them.
    pub(super) fn give_back(&mut self, now: Instant, out: &mut Vec<Output>) {
        let overdue = |leased: &HeldLease| leased.awaits_until().is_some_and(|until| until <= now);
        let incomplete: Vec<(u32, u64)> =
            self.leases.iter().filter(|(_, leased)| overdue(leased)).map(|(&lease, _)| lease).collect();
        for (shard, epoch) in incomplete {
            tracing::warn!(shard, "its UEs did not come: it is given back");
            if let Some(leased) = self.leases.get(&(shard, epoch)) {
                tell(leased.worker, shard, epoch, Order::Revoke, out);
            }
            self.part(shard, epoch, Parting::Released { lapsed: true }, now, out);
        }
    }

    pub(super) fn start_shards(&mut self, out: &mut Vec<Output>) {
        let Some(clock) = &self.clock else { return };
        for (&(shard, epoch), leased) in &mut self.leases {
            if leased.may_start() {
                leased.started = true;
                tell(leased.worker, shard, epoch, clock.start(), out);
            }
        }
    }

    /// When a lease ends that we asked for at `asked_us` of our clock. Also sets how often we ask.
    pub(super) fn lease_end(&mut self, asked_us: u64, valid_us: u64, now: Instant) -> Instant {
        let valid = Duration::from_micros(valid_us).min(LONGEST_LEASE);
        self.alive_interval = (valid / ASKED_PER_LEASE).clamp(SHORTEST_ALIVE, LONGEST_ALIVE);
        self.next_alive = self.next_alive.min(now + self.alive_interval);
        // Nobody can have been asked in the future.
        self.instant(asked_us).min(now) + wire::lease::holder_limit(valid)
    }
}

/// How often a lease is asked for, so that several askings may be lost.
const ASKED_PER_LEASE: u32 = 8;
const SHORTEST_ALIVE: Duration = Duration::from_millis(20);
const LONGEST_LEASE: Duration = Duration::from_secs(30 * 24 * 3600);
