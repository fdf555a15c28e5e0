//! What agents report: counted once, and acknowledged when it is durable.

use serde_json::json;
use wire::bounds::OTHER;
use wire::to_agent::ToAgent;
use wire::to_coordinator::{AgentHealth, IntervalReport, Trace};

use super::run_clock::drift_us;
use super::{Core, Record, Stage};
use crate::merge::{Checked, Reception};

impl Core {
    pub(super) fn report(&mut self, agent: usize, report: IntervalReport) {
        let (shard, epoch, sequence) = (report.shard, report.epoch, report.sequence);
        let Some(state) = self.state.shards.get(shard as usize) else {
            return self.distrust(agent, &format!("reported shard {shard}, which does not exist"));
        };
        if report.run != self.state.run || epoch < state.epoch || state.epoch == 0 {
            return self.refuse(agent, &report, "no such lease");
        }
        if state.holder != Some(agent) {
            if state.holder.is_some() && epoch == state.epoch {
                return self.distrust(agent, &format!("reported shard {shard}, which is another's"));
            }
            return self.refuse(agent, &report, "the shard was given up");
        }
        if self.start.is_none() && (report.to_us > 0 || !report.procedures.is_empty()) {
            return self.refuse(agent, &report, "the run has not begun");
        }
        if let Some(fault) = self.impossible_progress(&report) {
            return self.distrust(agent, &format!("sent a report that cannot be true: {fault}"));
        }
        self.state.merge.not_after(self.latest_us());
        match self.state.merge.receive(report) {
            Ok(Reception::Next(ready)) => ready.into_iter().for_each(|checked| self.merged(agent, checked)),
            Ok(Reception::Duplicate) => {
                self.counts.duplicates += 1;
                self.send(agent, ToAgent::Ack { shard, epoch, sequence });
            }
            Ok(Reception::Held) => {
                self.counts.out_of_order += 1;
                let next = self.state.merge.next(shard);
                self.decide(
                    "a report waits for one before it",
                    json!({"shard": shard, "sequence": sequence, "missing": next}),
                );
            }
            Ok(Reception::TooFarAhead) => {
                self.counts.out_of_order += 1;
                let next = self.state.merge.next(shard);
                self.distrust(
                    agent,
                    &format!("skipped reports of shard {shard}: {next} is missing, {sequence} came"),
                );
            }
            Ok(Reception::OldEpoch { .. }) => unreachable!("older epochs are refused above"),
            Err(fault) => self.distrust(agent, &format!("sent a report that cannot be true: {fault}")),
        }
    }

    /// A report of a lease that has ended: its sender is told, and forgets it.
    fn refuse(&mut self, agent: usize, report: &IntervalReport, reason: &str) {
        let IntervalReport { shard, epoch, sequence, .. } = *report;
        self.counts.old_epoch += 1;
        self.decide(
            "refused a report",
            json!({"shard": shard, "epoch": epoch, "sequence": sequence, "agent": self.name(agent), "reason": reason}),
        );
        self.send(agent, ToAgent::Revoke { shard, epoch });
    }

    /// Attempts that the schedules don't have, or that were un-started.
    fn impossible_progress(&self, report: &IntervalReport) -> Option<String> {
        let state = self.state.shards.get(report.shard as usize)?;
        if report.sequence < self.state.merge.next(report.shard) {
            return None;
        }
        let loads = self.plan.scenario().load.len();
        let known = state.progress.iter().copied().chain(std::iter::repeat(0));
        if report.progress.len() != loads {
            return Some(format!("progress of {} loads, where the plan has {loads}", report.progress.len()));
        }
        let planned = self.planned_of.get(report.shard as usize)?;
        let wrong =
            report.progress.iter().zip(planned).zip(known).find(|((n, most), least)| n > most || *n < least);
        wrong.map(|((n, most), least)| format!("progress {n}, where {least} to {most} are possible"))
    }

    /// No interval ends later, µs since the run's start.
    fn latest_us(&self) -> u64 {
        if self.start_is_unsure() {
            let longest = self.plan.duration() + self.plan.scenario().drain + self.settings.lease * 2;
            return super::micros(longest).saturating_mul(2).saturating_add(self.state.paused_us);
        }
        let now_us = self.run_us();
        // Who was away during a pause went on.
        let ahead = self.state.paused_us.saturating_add(
            self.paused.map_or(0, |at| super::micros(self.now.saturating_duration_since(at))),
        );
        now_us.saturating_add(drift_us(now_us)).saturating_add(ahead).saturating_add(CLOCK_TOLERANCE_US)
    }

    /// Added, made durable, acknowledged: the driver sends nothing before it has committed.
    fn merged(&mut self, agent: usize, checked: Checked) {
        let (shard, epoch, sequence) = (checked.report.shard, checked.report.epoch, checked.report.sequence);
        // What `apply` does with the record: it has only to be checked once.
        self.state.count(&checked);
        let folded = self.state.totals.procedures.iter().find(|(_, figures)| figures.counts.is_folded());
        if let Some((procedure, _)) = folded {
            let text = format!(
                "{procedure} ended for more different causes than are kept apart: the rest is counted as `{OTHER}`"
            );
            self.warn(text);
        }
        self.out.records.push(Record::Report(Box::new(checked.report)));
        self.send(agent, ToAgent::Ack { shard, epoch, sequence });
        if self.state.shards[shard as usize].stage == Stage::Ready {
            // It has begun, and does not need its last holder's UEs again.
            self.relay.drop(shard);
        }
        self.over_or_vacant(shard);
    }

    pub(super) fn finished(&mut self, agent: usize, shard: u32, epoch: u64, last_sequence: u64) {
        if self.holds(agent, shard, epoch) {
            self.record(Record::Finished { shard, last_sequence });
            self.decide("shard says it is finished", json!({"shard": shard, "last_sequence": last_sequence}));
            self.over_or_vacant(shard);
        }
    }

    fn over_or_vacant(&mut self, shard: u32) {
        if self.state.shards[shard as usize].is_over() {
            let next = self.state.merge.next(shard);
            self.cursors.remove(&shard);
            self.relay.drop(shard);
            self.decide("shard is over", json!({"shard": shard, "reports": next}));
        } else {
            self.vacate_when_merged(shard);
        }
    }

    pub(super) fn health(&mut self, agent: usize, health: Box<AgentHealth>) {
        if health.at_us > self.latest_us() {
            return self.distrust(agent, "sent its health of the future");
        }
        if health.machine.wall_us > 0
            && let Some(presence) = self.presence.get_mut(agent)
        {
            presence.clock.add_wall(health.machine.wall_us, crate::time::unix_us(self.wall));
        }
        let before = self.state.agents[agent].reports_dropped();
        self.record(Record::Health { agent, health });
        let dropped = self.state.agents[agent].reports_dropped();
        if dropped > before {
            let name = self.name(agent);
            self.warn(format!("agent {name} dropped {dropped} reports: its buffer was full"));
        }
    }

    pub(super) fn trace(&mut self, agent: usize, trace: Trace) {
        if self.state.shards.get(trace.shard as usize).is_some_and(|shard| shard.holder == Some(agent)) {
            self.out.traces.push(trace);
        }
    }
}

/// An interval may end this much in the future by the agent's clock.
const CLOCK_TOLERANCE_US: u64 = 5_000_000;
