//! The agents and their leases: who is there, who runs which shard, and what each agent has cost.

use std::net::SocketAddr;

use wire::to_coordinator::{AgentHealth, Hello};

use crate::clock::ClockOffset;
use crate::histogram::{self, Histogram, Samples};
use crate::link::Outbox;
use crate::slo::float;
use crate::{AgentSummary, Percentiles};

/// One agent.
pub(crate) struct Agent {
    pub(crate) name: String,
    pub(crate) hello: Hello,
    pub(crate) peer: SocketAddr,
    /// None when it is lost or has left.
    pub(crate) outbox: Option<Outbox>,
    pub(crate) clock: ClockOffset,
    /// How it ended, when not well.
    pub(crate) lost: Option<String>,
    pub(crate) lateness: Histogram,
    pub(crate) attempts: u64,
    /// Its own clock when it last said that it lives, µs.
    pub(crate) asked_us: u64,
    /// Started in the last report of each shard, summed: attempts a second.
    pub(crate) recent: Vec<(u32, u64)>,
    health: AgentHealth,
}

impl Agent {
    pub(crate) fn new(name: String, hello: Hello, peer: SocketAddr, outbox: Outbox) -> Self {
        Self {
            name,
            asked_us: hello.agent_us,
            hello,
            peer,
            outbox: Some(outbox),
            clock: ClockOffset::default(),
            lost: None,
            lateness: histogram::empty(),
            attempts: 0,
            recent: Vec::new(),
            health: AgentHealth::default(),
        }
    }

    pub(crate) fn is_alive(&self) -> bool {
        self.outbox.is_some()
    }

    /// Keeps the largest of what it costs, and the latest of what it counts.
    pub(crate) fn add_health(&mut self, health: &AgentHealth, lateness: &Samples) {
        histogram::add(&mut self.lateness, lateness);
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
    }

    /// Reports that it had to drop: they are missing in the account.
    pub(crate) fn reports_dropped(&self) -> u64 {
        self.health.reports_dropped
    }

    pub(crate) fn trace_dropped(&self) -> u64 {
        self.health.trace_dropped
    }

    pub(crate) fn started(&mut self, shard: u32, started: u64) {
        self.attempts = self.attempts.saturating_add(started);
        self.recent.retain(|(other, _)| *other != shard);
        self.recent.push((shard, started));
    }

    pub(crate) fn summary(&self, shards: Vec<u32>, duration_s: f64) -> AgentSummary {
        let health = &self.health;
        AgentSummary {
            id: self.name.clone(),
            state: self.lost.as_ref().map_or_else(|| "finished".to_owned(), |why| format!("lost: {why}")),
            address: self.peer.to_string(),
            program: self.hello.program.clone(),
            workers: self.hello.workers,
            shards,
            attempts: self.attempts,
            lateness_us: Percentiles::of(&self.lateness),
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
            round_trip_us: self.clock.round_trip_us(),
            clock_offset_us: self.clock.offset_us(),
            reports_dropped: health.reports_dropped,
            trace_dropped: health.trace_dropped,
        }
    }
}

/// The lease of one shard.
#[derive(Clone, Debug, Default)]
pub(crate) struct ShardLease {
    /// Who holds it.
    pub(crate) agent: usize,
    /// Grows with each lease of this shard; 0 before the first.
    pub(crate) epoch: u64,
    pub(crate) ready: bool,
    /// The number of its last report, once the agent has said that there are no more.
    pub(crate) last_sequence: Option<u64>,
    /// Everything is merged, or lost.
    pub(crate) over: bool,
    /// How far its reports have come, µs since the start.
    pub(crate) reported_us: u64,
    /// Where each of its loads stands: where another agent would take it up.
    pub(crate) progress: Vec<u64>,
}

/// Which agent runs which shard: each shard goes to the agent with the most workers for each shard it has.
pub(crate) fn deal(workers: &[u32], shards: u32) -> Vec<usize> {
    let mut dealt = vec![0u64; workers.len()];
    let weight = |agent: usize| u64::from(workers.get(agent).copied().unwrap_or(1).max(1));
    let next = |dealt: &[u64]| {
        // The least (dealt + 1) / workers; compared crosswise, so without fractions.
        (0..workers.len()).min_by(|a, b| {
            let load =
                |agent: usize, other: usize| (dealt.get(agent).copied().unwrap_or(0) + 1) * weight(other);
            load(*a, *b).cmp(&load(*b, *a))
        })
    };
    let mut give = |_| {
        let agent = next(&dealt).unwrap_or_default();
        if let Some(count) = dealt.get_mut(agent) {
            *count += 1;
        }
        agent
    };
    (0..shards).map(&mut give).collect()
}

/// A name that no other agent has.
pub(crate) fn unique_name(wished: &str, taken: &[Agent]) -> String {
    let clean: String = wished.chars().filter(|c| !c.is_control()).take(64).collect();
    let base = if clean.trim().is_empty() { "agent".to_owned() } else { clean };
    let free = |name: &String| taken.iter().all(|agent| agent.name != *name);
    let numbered = (2..).map(|n: u32| format!("{base}-{n}"));
    std::iter::once(base.clone()).chain(numbered).find(free).unwrap_or(base)
}

#[cfg(test)]
mod tests {
    use super::deal;

    #[test]
    fn shards_are_dealt_in_proportion_to_workers() {
        let dealt = deal(&[1, 3], 8);
        assert_eq!(dealt.iter().filter(|agent| **agent == 0).count(), 2);
        assert_eq!(dealt.iter().filter(|agent| **agent == 1).count(), 6);
    }

    #[test]
    fn an_agent_without_workers_counts_as_one() {
        assert_eq!(deal(&[0, 0], 2), [0, 1]);
    }

    #[test]
    fn fewer_shards_than_agents_leave_some_idle() {
        assert_eq!(deal(&[2, 2, 2], 1), [0]);
    }
}
