//! What a worker says of its shards and of itself. Nothing here waits: what the session cannot take is counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use identity::Procedure;
use tokio::sync::mpsc::UnboundedSender;
use wire::attempts::RowOutcome;
use wire::standstill::Watch;
use wire::to_coordinator::{IntervalReport, Trace};

use super::FromWorker;
use super::messages::{Notice, Order};
use crate::measure::{WorkerHealth, micros};
use crate::shard::ShardRunner;
use crate::time::{WallClock, lease_clock};

/// The worker's voice, and its clock of reports.
pub(super) struct Reporter {
    worker: usize,
    granted: host::Granted,
    notices: UnboundedSender<FromWorker>,
    /// Reports and traces that wait for the session, of all workers.
    backlog: Arc<AtomicU64>,
    /// Attempts that left later than their scenario allows.
    late: u64,
    cpu_reported: Duration,
    reports_dropped: u64,
    trace_dropped: u64,
    /// The run's time zero, moved by its pauses.
    start: Option<Instant>,
    paused_at: Option<Instant>,
    next: Option<Instant>,
    watch: Arc<Watch>,
    /// As far as the shards were told of standstills.
    watched: u64,
}

impl Reporter {
    /// On the worker's thread, whose processor time it tells.
    pub(super) fn new(
        worker: usize,
        granted: host::Granted,
        notices: UnboundedSender<FromWorker>,
        backlog: Arc<AtomicU64>,
    ) -> Self {
        let watch = Watch::of_this_process();
        Self {
            worker,
            granted,
            notices,
            backlog,
            late: 0,
            cpu_reported: host::thread_time(),
            reports_dropped: 0,
            trace_dropped: 0,
            start: None,
            paused_at: None,
            next: None,
            watched: watch.now(),
            watch,
        }
    }

    /// Notes what an order to a shard says of the run's clock.
    pub(super) fn follow(&mut self, order: &Order, now: Instant) {
        match order {
            Order::Start { at, paused, .. } => {
                // A pause that came and went while there was no shard here has moved the start.
                let at = lease_clock::monotonic(*at);
                (self.start, self.paused_at) = (Some(at), paused.map(lease_clock::monotonic));
                self.next.get_or_insert_with(|| after(at, now));
            }
            Order::Drain { .. } | Order::Release { .. } => {
                self.next.get_or_insert(now + INTERVAL);
            }
            Order::Pause { at } => {
                self.paused_at.get_or_insert_with(|| lease_clock::monotonic(*at));
            }
            // Each shard is told; the clock moves once.
            Order::Resume { paused, .. } if self.paused_at.take().is_some() => {
                self.start = self.start.map(|start| start + *paused);
            }
            _ => {}
        }
    }

    /// When the process has stood still since the last call, until when by the clock of the shards, and for how long.
    pub(super) fn standstills(&mut self) -> impl Iterator<Item = (Instant, Duration)> + use<> {
        let stood = self.watch.since(&mut self.watched).into_iter();
        stood.map(|stood| (lease_clock::monotonic(lease_clock::at(stood.until)), stood.lasted))
    }

    /// Counts attempts that left later than their scenario allows.
    pub(super) fn late(&mut self, attempts: u64) {
        self.late += attempts;
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.next.is_some_and(|at| at <= now)
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.next
    }

    /// The reports that were due are made.
    pub(super) fn made(&mut self, now: Instant) {
        self.next = self.next.map(|at| after(at, now));
    }

    /// Queues a report of what has happened since the last, and the traces that are complete.
    pub(super) fn report(&mut self, runner: &mut ShardRunner, now: Instant, is_last: bool) -> bool {
        let traces = if is_last { runner.take_last_traces() } else { runner.take_traces() };
        self.trace_dropped += runner.take_trace_dropped();
        let report = runner.report(now);
        self.send_traces(traces, runner.run_start());
        let Some(report) = report else { return false };
        say_failures(&report);
        let fits = self.has_room();
        if !fits && is_last {
            self.backlog.fetch_add(1, Ordering::Relaxed);
        }
        if fits || is_last {
            self.notify(Notice::Report(Box::new(report)));
        } else {
            runner.report_dropped(&report);
            self.reports_dropped += 1;
        }
        true
    }

    /// Queues how the worker is doing.
    pub(super) fn health<'a>(
        &mut self,
        now: Instant,
        shards: impl Iterator<Item = &'a ShardRunner>,
        sctp: sctp::Overview,
    ) {
        let cpu = host::thread_time();
        let until = self.paused_at.map_or(now, |paused| paused.min(now));
        let (ues, ue_octets) =
            shards.fold((0, 0), |(ues, octets), runner| (ues + runner.ues(), octets + runner.ue_octets()));
        let health = WorkerHealth {
            worker: self.worker,
            at_us: self.start.map(|start| micros(until.saturating_duration_since(start))).unwrap_or_default(),
            granted: self.granted,
            late: std::mem::take(&mut self.late),
            ues,
            ue_octets,
            cpu: cpu.saturating_sub(std::mem::replace(&mut self.cpu_reported, cpu)),
            reports_dropped: std::mem::take(&mut self.reports_dropped),
            trace_dropped: std::mem::take(&mut self.trace_dropped),
            sctp,
        };
        self.send(FromWorker::Health(Box::new(health)));
    }

    pub(super) fn notify(&self, notice: Notice) {
        self.send(FromWorker::Notice(notice));
    }

    pub(super) fn send(&self, what: FromWorker) {
        // The session is gone only when the agent ends.
        let _ = self.notices.send(what);
    }

    /// Their packets get the time of this host's own clock, so that they can be laid beside a capture.
    fn send_traces(&mut self, traces: Vec<Trace>, start: Option<Instant>) {
        let wall = (!traces.is_empty()).then(WallClock::read);
        for mut trace in traces {
            if let (Some(wall), Some(start)) = (wall, start) {
                for packet in &mut trace.packets {
                    let after = Duration::from_micros(packet.at_us.unsigned_abs());
                    let at =
                        if packet.at_us < 0 { start.checked_sub(after) } else { start.checked_add(after) };
                    packet.wall_us = at.map(|at| wall.at(at)).unwrap_or_default();
                }
            }
            if self.has_room() {
                self.notify(Notice::Trace(Box::new(trace)));
            } else {
                self.trace_dropped += trace.packets.len() as u64;
            }
        }
    }

    /// A session that is too slow costs reports, counted, never attempts.
    fn has_room(&self) -> bool {
        let fits = self.backlog.load(Ordering::Relaxed) < BACKLOG_LIMIT;
        if fits {
            self.backlog.fetch_add(1, Ordering::Relaxed);
        }
        fits
    }
}

/// The next whole interval after this one that is still to come.
fn after(at: Instant, now: Instant) -> Instant {
    let behind = now.saturating_duration_since(at).as_secs();
    at + INTERVAL * u32::try_from(behind + 1).unwrap_or(u32::MAX)
}

/// How often a shard reports.
const INTERVAL: Duration = Duration::from_secs(1);
/// Reports and traces that may wait for the session.
const BACKLOG_LIMIT: u64 = 16_384;

/// Each attempt that did not succeed, where its row is asked for and anybody listens.
fn say_failures(report: &IntervalReport) {
    if !tracing::enabled!(tracing::Level::DEBUG) {
        return;
    }
    for row in report.rows.iter().filter(|row| row.outcome != RowOutcome::Succeeded) {
        let ue = row.supi.as_ref().map(wire::pseudonyms::name);
        let procedure = Procedure::ALL.get(usize::from(row.procedure)).map(|procedure| procedure.name());
        let (shard, outcome, cause) = (report.shard, row.outcome.name(), &*row.cause);
        tracing::debug!(shard, ue, procedure, outcome, cause, "an attempt did not succeed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_due_at_whole_seconds_of_the_run_also_for_shards_that_come_late() {
        let start = Instant::now();
        let ms = Duration::from_millis;
        assert_eq!(after(start, start), start + ms(1000));
        assert_eq!(after(start + ms(300), start), start + ms(1300));
        assert_eq!(after(start, start + ms(5_400)), start + ms(6000));
    }
}
