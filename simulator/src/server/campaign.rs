//! When a campaign is over for the network: every gNB has gone, and none comes back.
//!
//! ```text
//! a gNB sets up ──► Serving ──► the last one goes ──► Alone ──► GRACE, or nothing is open ──► Over ──► a gNB sets up
//! ```
//! A simulator outlives the runs that are made against it. What a run leaves open is charged when it is over, so that its
//! ledger is complete before the next run, and whoever reads it knows.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::amf::RunId;
use crate::core::Core;

/// How far a campaign is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Campaign {
    /// A gNB is there.
    Serving,
    /// The last one has gone; one that takes its place may be on its way.
    Alone { since: Instant },
    /// Nothing is open.
    Over,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The ledger is not complete from now on.
    Began,
    /// What is open is to be closed; then the ledger is complete.
    Ended,
}

impl Campaign {
    /// `gnbs`: whether one is there; `owes`: whether something is to be charged still.
    pub(super) fn look(&mut self, now: Instant, gnbs: bool, owes: bool) -> Option<Step> {
        let before = *self;
        *self = match before {
            _ if gnbs => Self::Serving,
            Self::Over if !owes => Self::Over,
            Self::Serving | Self::Over if owes => Self::Alone { since: now },
            Self::Alone { since } if owes && now < since + GRACE => before,
            _ => Self::Over,
        };
        match (before, *self) {
            (Self::Over, Self::Serving | Self::Alone { .. }) => Some(Step::Began),
            (Self::Serving | Self::Alone { .. }, Self::Over) => Some(Step::Ended),
            _ => None,
        }
    }

    /// When it is to be looked at again though nothing happens.
    pub(super) fn deadline(self) -> Option<Instant> {
        match self {
            Self::Alone { since } => Some(since + GRACE),
            Self::Serving | Self::Over => None,
        }
    }
}

/// How far each of the runs is that are made at once.
#[derive(Default)]
pub(super) struct Campaigns {
    runs: BTreeMap<RunId, Campaign>,
    /// As it was when they were looked at.
    gnb_changes: u64,
    next_look: Option<Instant>,
}

impl Campaigns {
    /// What is to be done, for each run. Costs next to nothing while no gNB comes or goes, and none is waited for.
    pub(super) fn look(&mut self, now: Instant, core: &Core) -> Vec<(RunId, String, Step)> {
        let changes = core.amf.gnb_changes();
        if self.gnb_changes == changes && self.next_look.is_none_or(|at| now < at) {
            return Vec::new();
        }
        self.gnb_changes = changes;
        let mut steps = Vec::new();
        for (run, name) in core.amf.runs() {
            let campaign = self.runs.entry(run).or_insert(Campaign::Over);
            let gnbs = core.amf.has_gnbs_of(run);
            let step = campaign.look(now, gnbs, !gnbs && core.owes_records_of(run));
            steps.extend(step.map(|step| (run, name.to_owned(), step)));
        }
        for (run, ..) in steps.iter().filter(|(.., step)| *step == Step::Ended) {
            self.runs.remove(run);
        }
        let alone = self.runs.values().filter_map(|campaign| campaign.deadline()).min();
        self.next_look = alone.map(|at| at.min(now + LOOK));
        steps
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.next_look
    }
}

/// While a run's gNBs are away, so often it is looked whether it leaves anything open.
const LOOK: Duration = Duration::from_millis(200);
/// gNBs that move to another agent are away for a moment; an agent that is started again takes some seconds.
pub(super) const GRACE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_campaign_ends_when_the_gnbs_are_gone_and_stay_away() {
        let start = Instant::now();
        let mut campaign = Campaign::Over;
        assert_eq!(campaign.look(start, false, false), None);
        assert_eq!(campaign.look(start, true, false), Some(Step::Began));
        assert_eq!(campaign.look(start, true, true), None);
        assert_eq!(campaign.look(start, false, true), None);
        assert_eq!(campaign.deadline(), Some(start + GRACE));
        let soon = start + GRACE / 2;
        assert_eq!(campaign.look(soon, true, true), None, "a gNB has moved");
        assert_eq!(campaign.look(soon, false, true), None);
        assert_eq!(campaign.look(start + GRACE, false, true), None, "the grace begins anew");
        assert_eq!(campaign.look(soon + GRACE, false, true), Some(Step::Ended));
        assert_eq!(campaign.look(soon + GRACE, false, false), None);
    }

    #[test]
    fn a_campaign_that_leaves_nothing_open_ends_at_once() {
        let start = Instant::now();
        let mut campaign = Campaign::Serving;
        assert_eq!(campaign.look(start, false, false), Some(Step::Ended));
        assert_eq!(campaign.deadline(), None);
    }
}
