//! What the report and the live view show of a fleet.

use std::time::Duration;

use super::{Core, is_supervisor};
use crate::time::ClockOffset;
use crate::verdict::Machines;
use results::{AgentProgress, AgentSummary};
use results::{RecoverySummary, ReportCounts, SupervisorSummary};

impl Core {
    /// Every agent, in the order in which they came.
    pub(crate) fn agent_summaries(&self, duration_s: f64) -> Vec<AgentSummary> {
        let unknown = ClockOffset::default();
        let members = self.state.agents.iter().enumerate().filter(|(_, member)| !is_supervisor(member));
        members
            .map(|(agent, member)| {
                let clock = self.presence.get(agent).map_or(&unknown, |presence| &presence.clock);
                member.summary(clock, duration_s)
            })
            .collect()
    }

    /// The hosts of the agents; `embedded`: the target runs beside them.
    pub(crate) fn machines(&self, embedded: bool) -> Machines {
        let members = self.state.agents.iter().filter(|member| !is_supervisor(member));
        Machines::of(members.map(|member| (member.name.as_str(), member.machine())), embedded)
    }

    /// Who watches over agents.
    pub(crate) fn supervisors(&self) -> Vec<SupervisorSummary> {
        let members = self.state.agents.iter().filter(|member| is_supervisor(member));
        members
            .map(|member| SupervisorSummary { name: member.name.clone(), address: member.peer.to_string() })
            .collect()
    }

    /// What takeovers made agents do.
    pub(crate) fn recovery(&self) -> RecoverySummary {
        let recovery = self.state.totals.recovery;
        RecoverySummary {
            registrations: recovery.registrations,
            sessions: recovery.sessions,
            succeeded: recovery.succeeded,
            failed: recovery.failed,
        }
    }

    /// What became of the reports that came.
    pub(crate) fn report_counts(&self) -> ReportCounts {
        ReportCounts {
            merged: self.state.merged,
            duplicates: self.counts.duplicates,
            old_epoch: self.counts.old_epoch,
            out_of_order: self.counts.out_of_order,
            late: self.state.timeline.late(),
        }
    }

    pub(crate) fn agents_progress(&self) -> Vec<AgentProgress> {
        let members =
            self.state.agents.iter().zip(&self.presence).filter(|(member, _)| !is_supervisor(member));
        members
            .map(|(member, presence)| AgentProgress {
                name: member.name.clone(),
                shards: member.held.len(),
                rate_per_s: member.recent.iter().fold(0, |sum, (_, started)| sum.saturating_add(*started)),
                alive: presence.link.is_some(),
            })
            .collect()
    }

    pub(crate) fn agents_wanted(&self) -> usize {
        self.settings.agents_wanted
    }

    /// How long the run has lasted, without its pauses.
    pub(crate) fn elapsed(&self) -> Duration {
        Duration::from_micros(self.run_us())
    }
}
