//! How the agent itself is doing: memory, processor time, and what limits have cost.

use std::time::Duration;

use sctp::Overview;
use wire::to_coordinator::AgentHealth;

use super::machine::Machine;
use super::recorder::micros;

/// One worker's part of an agent's health, for one interval.
pub(crate) struct WorkerHealth {
    pub(crate) worker: usize,
    pub(crate) at_us: u64,
    /// What the thread got of the scheduler.
    pub(crate) granted: host::Granted,
    /// Attempts that left later than their scenario allows.
    pub(crate) late: u64,
    pub(crate) ues: u64,
    pub(crate) ue_octets: u64,
    pub(crate) cpu: Duration,
    pub(crate) reports_dropped: u64,
    pub(crate) trace_dropped: u64,
    /// Its associations.
    pub(crate) sctp: Overview,
}

/// Adds the workers' parts up.
pub(crate) struct Collector {
    late: u64,
    machine: Machine,
    at_us: u64,
    ues: Vec<(u64, u64)>,
    sctp: Vec<Overview>,
    cpu: Duration,
    cpu_reported: Duration,
    reports_dropped: u64,
    trace_dropped: u64,
}

impl Collector {
    pub(crate) fn new(workers: usize) -> Self {
        Self {
            late: 0,
            machine: Machine::new(workers),
            at_us: 0,
            ues: vec![(0, 0); workers],
            sctp: vec![Overview::default(); workers],
            cpu: Duration::ZERO,
            cpu_reported: Duration::ZERO,
            reports_dropped: 0,
            trace_dropped: 0,
        }
    }

    pub(crate) fn add(&mut self, part: &WorkerHealth) {
        self.late += part.late;
        self.machine.granted(part.worker, part.granted);
        if let Some(ues) = self.ues.get_mut(part.worker) {
            *ues = (part.ues, part.ue_octets);
        }
        if let Some(sctp) = self.sctp.get_mut(part.worker) {
            *sctp = part.sctp;
        }
        self.at_us = self.at_us.max(part.at_us);
        self.cpu += part.cpu;
        self.reports_dropped += part.reports_dropped;
        self.trace_dropped += part.trace_dropped;
    }

    /// A run starts: what was before it says nothing of it.
    pub(crate) fn run_starts(&mut self) {
        self.machine.begin();
    }

    /// UEs that the workers hold.
    pub(crate) fn ues(&self) -> u64 {
        self.ues.iter().map(|(ues, _)| ues).sum()
    }

    /// Octets of their state.
    pub(crate) fn ue_octets(&self) -> u64 {
        self.ues.iter().map(|(_, octets)| octets).sum()
    }

    /// Processor time of the workers so far.
    pub(crate) fn cpu(&self) -> Duration {
        self.cpu
    }

    /// Reports and packets of traces that the workers had no room for so far.
    pub(crate) fn dropped(&self) -> (u64, u64) {
        (self.reports_dropped, self.trace_dropped)
    }

    /// Their associations.
    pub(crate) fn sctp(&self) -> Overview {
        let mut all = Overview::default();
        self.sctp.iter().for_each(|sctp| all.merge(*sctp));
        all
    }

    /// The agent's health since the last call; what is kept of reports is not the workers' to say.
    pub(crate) fn take(&mut self) -> AgentHealth {
        AgentHealth {
            at_us: self.at_us,
            resident_octets: host::resident_octets().unwrap_or_default(),
            ues: self.ues(),
            ue_octets: self.ue_octets(),
            cpu_us: micros(self.cpu.saturating_sub(std::mem::replace(&mut self.cpu_reported, self.cpu))),
            reports_dropped: self.reports_dropped,
            trace_dropped: self.trace_dropped,
            machine: self.machine.lap(std::mem::take(&mut self.late) > 0),
            ..AgentHealth::default()
        }
    }
}
