//! What can be seen of a run from outside, figures that only grow included: for metrics.

use std::collections::BTreeMap;
use std::sync::Arc;

use results::{Progress, ReportCounts, RunCounts, Summary, UserPlaneSummary};

use super::record::Fate;
use super::state::Stage;
use super::{Core, is_supervisor};
use crate::histogram::Histogram;
use crate::merge::ProcedureFigures;

/// A run at one moment, as far as its reports have come. At its end it is what `summary.json` says.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// What a live view shows.
    pub progress: Progress,
    /// What is played.
    pub scenario: String,
    /// By procedure: what became of its attempts, and how long they took, since the start.
    pub procedures: BTreeMap<String, ProcedureFigures>,
    /// How late the attempts of all procedures left, µs.
    pub lateness: Histogram,
    /// What is counted of the run as a whole.
    pub counts: RunCounts,
    /// What the user plane carried.
    pub user_plane: UserPlaneSummary,
    /// Messages that were not expected or not understood, by kind.
    pub unexpected: BTreeMap<String, u64>,
    /// What became of the reports that came.
    pub reports: ReportCounts,
    /// Agents by state (`present`, `draining`, `left`, `lost`, `refused`) and pool.
    pub agents: BTreeMap<(&'static str, String), u64>,
    /// Supervisors that watch over agents.
    pub supervisors: u64,
    /// Shards by stage: `vacant`, `preparing`, `ready`, `releasing`, `over`.
    pub shards: BTreeMap<&'static str, u64>,
    /// Leases that were given out; the first one of each shard included.
    pub leases: u64,
    /// Shards that were lost, or whose reports have holes.
    pub gaps: u64,
    /// Attempts that were lost with agents.
    pub lost_attempts: u64,
    /// Shards that were handed over from one agent to another.
    pub moves: u64,
    /// Reports that agents keep because they are not acknowledged yet, as they said last.
    pub reports_waiting: u64,
    /// Reports that agents had no room for.
    pub reports_dropped: u64,
    /// The verdict and the account, when the run is over.
    pub summary: Option<Arc<Summary>>,
}

impl Core {
    /// The run as it can be seen from outside.
    pub fn observed(&self) -> Observed {
        let (state, totals) = (self.state(), &self.state().totals);
        let members = || state.agents.iter().filter(|member| !is_supervisor(member));
        let mut agents: BTreeMap<_, u64> =
            AGENT_STATES.iter().map(|state| ((*state, String::new()), 0)).collect();
        members().for_each(|member| {
            let of = (state_of(&member.fate), member.hello.belongs.pool.clone());
            *agents.entry(of).or_default() += 1;
        });
        let mut shards: BTreeMap<_, u64> = SHARD_STAGES.iter().map(|stage| (*stage, 0)).collect();
        state.shards.iter().for_each(|shard| *shards.entry(stage_of(shard.stage)).or_default() += 1);
        let sum = |of: &dyn Fn(&super::Member) -> u64| members().map(of).fold(0, u64::saturating_add);
        Observed {
            progress: self.progress(),
            scenario: self.plan().scenario().name.clone(),
            procedures: self.figures().clone(),
            lateness: totals.lateness.clone(),
            counts: totals.counts,
            user_plane: totals.user_plane,
            unexpected: totals.unexpected.clone(),
            reports: self.report_counts(),
            supervisors: state.agents.iter().filter(|member| is_supervisor(member)).count() as u64,
            agents,
            shards,
            leases: state.shards.iter().map(|shard| shard.epoch).fold(0, u64::saturating_add),
            gaps: (state.gaps.len() as u64).saturating_add(state.gaps_left_out),
            lost_attempts: self
                .figures()
                .values()
                .map(|figures| figures.counts.lost())
                .fold(0, u64::saturating_add),
            moves: (state.moves.len() as u64).saturating_add(state.moves_left_out),
            reports_waiting: sum(&super::Member::unacknowledged),
            reports_dropped: sum(&super::Member::reports_dropped),
            summary: None,
        }
    }
}

/// Every state of an agent, in the order of its life.
const AGENT_STATES: &[&str] = &["present", "draining", "left", "lost", "refused"];
/// Every stage of a shard, in the order of its life.
const SHARD_STAGES: &[&str] = &["vacant", "preparing", "ready", "releasing", "over"];

fn state_of(fate: &Fate) -> &'static str {
    match fate {
        Fate::Present => "present",
        Fate::Draining(_) => "draining",
        Fate::Left(_) => "left",
        Fate::Lost(_) | Fate::Dead(_) => "lost",
        Fate::Refused(_) => "refused",
    }
}

fn stage_of(stage: Stage) -> &'static str {
    match stage {
        Stage::Vacant => "vacant",
        Stage::Preparing => "preparing",
        Stage::Ready => "ready",
        Stage::Releasing => "releasing",
        Stage::Over => "over",
    }
}
