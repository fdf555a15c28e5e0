//! One agent of the fleet: who it is, what it holds, and what it has cost.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use wire::to_coordinator::{AgentHealth, Hello, MachineReport, Standstill};

use super::record::{Fate, Joined};
use crate::histogram::{self, Histogram, Samples, percentiles};
use crate::time::ClockOffset;
use results::AgentSummary;
use results::units::float;

/// One agent, or a supervisor.
#[derive(Serialize, Deserialize)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) hello: Hello,
    pub(crate) peer: SocketAddr,
    /// Proves, when it comes back, that it is the same.
    pub(crate) token: [u8; 16],
    pub(crate) fate: Fate,
    /// The run's start by its own clock, µs, once it is told; negative where it came later.
    pub(crate) start_at_us: Option<i64>,
    /// How long the run's clock had stood still when it came, µs.
    pub(crate) stood_us: u64,
    /// How long the run's clock stood still as far as it knows, µs.
    pub(crate) paused_us: u64,
    /// How many of the lost shards it knows of.
    pub(crate) losses_told: usize,
    /// Its shards.
    pub(crate) held: BTreeSet<u32>,
    /// Every shard that it ever had.
    pub(crate) ran: BTreeSet<u32>,
    pub(crate) lateness: Histogram,
    /// When its process did not run.
    pub(crate) standstills: Vec<Standstill>,
    /// Reports that it had to drop, as those after them say.
    dropped: u64,
    pub(crate) attempts: u64,
    /// Started in the last report of each shard, summed: attempts a second.
    pub(crate) recent: Vec<(u32, u64)>,
    health: AgentHealth,
}

impl Member {
    pub(crate) fn new(joined: Joined) -> Self {
        let Joined { name, hello, peer, token } = joined;
        Self {
            name,
            hello,
            peer,
            token,
            fate: Fate::Present,
            start_at_us: None,
            stood_us: 0,
            paused_us: 0,
            losses_told: 0,
            held: BTreeSet::new(),
            ran: BTreeSet::new(),
            lateness: histogram::empty(),
            standstills: Vec::new(),
            dropped: 0,
            attempts: 0,
            recent: Vec::new(),
            health: AgentHealth::default(),
        }
    }

    /// Keeps the largest of what it costs, and the latest of what it counts.
    pub(crate) fn add_health(&mut self, health: &AgentHealth) {
        let kept = &mut self.health;
        kept.resident_octets = kept.resident_octets.max(health.resident_octets);
        if health.ues >= kept.ues {
            (kept.ues, kept.ue_octets) = (health.ues, health.ue_octets);
        }
        kept.cpu_us = kept.cpu_us.saturating_add(health.cpu_us);
        kept.unacknowledged = health.unacknowledged;
        kept.reports_dropped = kept.reports_dropped.max(health.reports_dropped);
        kept.trace_dropped = kept.trace_dropped.max(health.trace_dropped);
        kept.report_octets = kept.report_octets.max(health.report_octets);
        kept.spooled_octets = kept.spooled_octets.max(health.spooled_octets);
        if !health.machine.priority.is_empty() {
            kept.machine = bounded(&health.machine);
        }
    }

    /// Adds how late attempts left that it has reported.
    pub(crate) fn late(&mut self, samples: &Samples) {
        histogram::add(&mut self.lateness, samples);
    }

    /// Reports that it keeps because they are not acknowledged yet, as it said last.
    pub(crate) fn unacknowledged(&self) -> u64 {
        self.health.unacknowledged
    }

    /// Reports that it had to drop: they are missing in the account.
    pub(crate) fn reports_dropped(&self) -> u64 {
        self.dropped.max(self.health.reports_dropped)
    }

    /// Reports are missing before one that was merged.
    pub(crate) fn dropped(&mut self, reports: u64) {
        self.dropped = self.dropped.saturating_add(reports);
    }

    /// What its host gave it so far.
    pub(crate) fn machine(&self) -> &MachineReport {
        &self.health.machine
    }

    pub(crate) fn trace_dropped(&self) -> u64 {
        self.health.trace_dropped
    }

    pub(crate) fn started(&mut self, shard: u32, started: u64) {
        self.attempts = self.attempts.saturating_add(started);
        self.recent.retain(|(other, _)| *other != shard);
        self.recent.push((shard, started));
    }

    /// Worker threads, at least one.
    pub(crate) fn workers(&self) -> u64 {
        u64::from(self.hello.workers.max(1))
    }

    pub(crate) fn summary(&self, clock: &ClockOffset, duration_s: f64) -> AgentSummary {
        let health = &self.health;
        AgentSummary {
            id: self.name.clone(),
            state: self.state(),
            address: self.peer.to_string(),
            program: self.hello.program.clone(),
            workers: self.hello.workers,
            pool: self.hello.belongs.pool.clone(),
            labels: self.hello.belongs.labels.clone(),
            shards: self.ran.iter().copied().collect(),
            attempts: self.attempts,
            lateness_us: percentiles(&self.lateness),
            cpu_s: float(health.cpu_us) / 1e6,
            resident_octets: health.resident_octets,
            ues: health.ues,
            ue_octets: health.ue_octets,
            octets_per_ue: if health.ues == 0 { 0.0 } else { float(health.ue_octets) / float(health.ues) },
            report_octets: health.report_octets,
            report_octets_per_s: if duration_s > 0.0 {
                float(health.report_octets) / duration_s
            } else {
                0.0
            },
            round_trip_us: clock.round_trip_us(),
            // One host has one clock.
            clock_offset_us: clock.wall_offset_us().filter(|_| health.machine.host != host::identity().host),
            reports_dropped: self.reports_dropped(),
            stood_still_s: self.standstills.iter().map(|stood| float(stood.for_us) / 1e6).sum(),
            trace_dropped: health.trace_dropped,
            spooled_octets: health.spooled_octets,
        }
    }

    /// As the report shows it.
    pub(crate) fn state(&self) -> String {
        match &self.fate {
            Fate::Present => "finished".to_owned(),
            Fate::Draining(why) => format!("draining: {why}"),
            Fate::Left(why) => format!("left: {why}"),
            Fate::Lost(why) | Fate::Dead(why) => format!("lost: {why}"),
            Fate::Refused(why) => format!("refused: {why}"),
        }
    }
}

/// Its text is a peer's: only what is known is kept.
fn bounded(machine: &MachineReport) -> MachineReport {
    let known = ["none", "slice", "real-time"].contains(&machine.priority.as_str());
    let priority = if known { machine.priority.clone() } else { "none".to_owned() };
    MachineReport { priority, ..machine.clone() }
}

/// A name that no other agent has.
pub(crate) fn unique_name(wished: &str, taken: &[Member]) -> String {
    let clean: String = wished.chars().filter(|c| !c.is_control()).take(64).collect();
    let base = if clean.trim().is_empty() { "agent".to_owned() } else { clean };
    if !taken.iter().any(|member| member.name == base) {
        return base;
    }
    let taken: BTreeSet<&str> = taken.iter().map(|member| member.name.as_str()).collect();
    let mut numbered = (2..).map(|n: u32| format!("{base}-{n}"));
    numbered.find(|name| !taken.contains(name.as_str())).unwrap_or(base)
}
