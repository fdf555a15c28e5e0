//! What agents report: counted once, stored before it is acknowledged.

use serde_json::json;
use wire::to_agent::ToAgent;
use wire::to_coordinator::{AgentHealth, IntervalReport, Trace};

use super::{CLOCK_TOLERANCE_US, Run};
use crate::histogram::{self, decode_v2};
use crate::merge::{Checked, Reception};

impl Run {
    pub(crate) fn report(&mut self, agent: usize, report: IntervalReport) {
        let (shard, epoch, sequence) = (report.shard, report.epoch, report.sequence);
        let holds = self.shards.get(shard as usize).is_some_and(|lease| lease.agent == agent);
        if !holds || report.run != self.folder.run_id || self.start.is_none() {
            self.decide(
                "refused a report",
                json!({"shard": shard, "epoch": epoch, "sequence": sequence, "reason": "no such lease"}),
            );
            self.reports.old_epoch += 1;
            return;
        }
        self.merge.not_after(self.run_us().saturating_add(CLOCK_TOLERANCE_US));
        match self.merge.receive(report) {
            Ok(Reception::Next(ready)) => ready.iter().for_each(|checked| self.count(agent, checked)),
            Ok(Reception::Duplicate) => {
                self.reports.duplicates += 1;
                self.send(agent, ToAgent::Ack { shard, epoch, sequence });
            }
            Ok(Reception::Held | Reception::TooFarAhead) => {
                self.reports.out_of_order += 1;
                let next = self.merge.next(shard);
                self.decide(
                    "a report waits for one before it",
                    json!({"shard": shard, "sequence": sequence, "missing": next}),
                );
            }
            Ok(Reception::OldEpoch { current }) => {
                self.reports.old_epoch += 1;
                self.decide(
                    "refused a report of an old lease",
                    json!({"shard": shard, "epoch": epoch, "current": current, "sequence": sequence}),
                );
            }
            Err(fault) => self.distrust(agent, &format!("sent a report that cannot be true: {fault}")),
        }
    }

    /// Stored, added, acknowledged: in this order.
    pub(crate) fn count(&mut self, agent: usize, checked: &Checked) {
        let report = &checked.report;
        if let Err(error) = self.files.report_log.append(report) {
            return self.folder_failure(&error.to_string());
        }
        if let Err(error) = self.files.usage.append(&report.usage) {
            return self.folder_failure(&error.to_string());
        }
        self.evidence.add(checked);
        self.timeline.add(checked);
        self.reports.merged += 1;
        let started = report.procedures.iter().fold(0u64, |sum, p| sum.saturating_add(p.started));
        if let Some(agent) = self.agents.get_mut(agent) {
            agent.started(report.shard, started);
        }
        if let Some(lease) = self.shards.get_mut(report.shard as usize) {
            lease.reported_us = report.to_us;
            lease.progress.clone_from(&report.progress);
        }
        self.send(
            agent,
            ToAgent::Ack { shard: report.shard, epoch: report.epoch, sequence: report.sequence },
        );
        self.end_shard(report.shard);
    }

    /// A shard is over when its agent says so and every report up to the last is merged.
    pub(crate) fn end_shard(&mut self, shard: u32) {
        let next = self.merge.next(shard);
        let Some(lease) = self.shards.get_mut(shard as usize) else { return };
        let Some(last) = lease.last_sequence else { return };
        if !lease.over && (next > last || (last == 0 && next == 0)) {
            lease.over = true;
            self.decide("shard is over", json!({"shard": shard, "reports": next}));
        }
    }

    pub(crate) fn health(&mut self, agent: usize, health: &AgentHealth) {
        let lateness = match decode_v2(&health.lateness_v2) {
            Ok(lateness) if health.at_us <= self.run_us().saturating_add(CLOCK_TOLERANCE_US) => lateness,
            Ok(_) => return self.distrust(agent, "sent its health of the future"),
            Err(fault) => {
                return self.distrust(agent, &format!("sent lateness that cannot be true: {fault}"));
            }
        };
        if self.start.is_some() {
            histogram::add(&mut self.evidence.lateness, &lateness);
            self.timeline.add_lateness(health.at_us, &lateness);
        }
        let Some(known) = self.agents.get_mut(agent) else { return };
        let dropped = known.reports_dropped();
        known.add_health(health, &lateness);
        if known.reports_dropped() > dropped {
            let text = format!(
                "agent {} dropped {} reports: its buffer was full",
                known.name,
                known.reports_dropped()
            );
            self.warn(text);
        }
    }

    pub(crate) fn trace(&mut self, agent: usize, trace: &Trace) {
        if self.shards.get(trace.shard as usize).is_none_or(|lease| lease.agent != agent) {
            return;
        }
        self.files.ladders.add(trace);
        if let Some(traces) = &mut self.files.traces
            && let Err(error) = traces.add(trace)
        {
            self.folder_failure(&format!("{}: {error}", self.folder.path.join("traces").display()));
        }
    }
}
