//! The difference between the two ledgers.

use std::collections::BTreeMap;

use billing::{Account, Difference, LossJudgement, LostUsage, Rules, RunWindow};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `summary.billing`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct BillingSummary {
    /// False: nothing is known about the money, and [`reason`](Self::reason) says why.
    pub reconciled: bool,
    /// Why there is nothing to tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why the sessions that agree prove nothing, where that is so: lost packets explain too much.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_provable: Option<String>,
    /// How the sessions came out.
    #[serde(flatten)]
    pub account: Account,
    /// Sessions that the charging function did wrong on purpose, by fault.
    pub faults_injected: BTreeMap<String, u64>,
    /// When the run was: what was charged and closed before it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<RunWindow>,
    /// Whether the charging ledger is known to have every session, also those that were open at the end: where it is not, such a
    /// session without a charge is `still-open`.
    pub ledger_complete: bool,
    /// When usage was lost with its agents, which explains what is missing of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lost_usage: Vec<LostUsage>,
    /// The sessions with most at stake.
    pub worst: Vec<Difference>,
    /// The first ones by subscriber and time: those that the verdict names.
    #[serde(skip)]
    pub named: Vec<Difference>,
}

impl BillingSummary {
    /// Nothing is known about the money.
    pub fn unknown(reason: &str) -> Self {
        Self { reason: Some(reason.to_owned()), ..Self::default() }
    }

    /// What an SLO on it is held against. Where nothing was used and nothing charged, or no session could be judged, nothing
    /// is proven; nor that sessions agree where lost packets explain too much.
    pub fn measured(&self) -> Option<u64> {
        // Sessions that agree but for a damaged column are no proof that they were charged rightly.
        let proves =
            self.account.judged() > 0 && self.account.damaged.is_empty() && self.not_provable.is_none();
        let proven = proves || self.account.unreconciled > 0;
        (self.reconciled && proven).then_some(self.account.unreconciled)
    }

    /// What lost packets explain, in a sentence; nothing where they explain nothing.
    pub fn explained_by_loss(&self) -> Option<String> {
        let octets = self.account.explained_by_loss();
        let sessions = self.account.explained_by_loss_sessions;
        let share = self.account.loss_share() * 100.0;
        (octets > 0).then(|| {
            format!("explained by loss: {octets} octets in {sessions} sessions, {share:.2} % of the traffic")
        })
    }

    /// Weighs what lost packets explain. The warning, where there is one.
    pub fn weigh_losses(&mut self, rules: &Rules) -> Option<String> {
        let explained = self.explained_by_loss()?;
        match rules.loss.judge(&self.account) {
            LossJudgement::Harmless => None,
            LossJudgement::Noticeable => {
                Some(format!("{explained}; more than {} of it is worth a look", rules.loss.warning))
            }
            LossJudgement::NotProvable => {
                let why = format!("{explained}; above {} nothing is proven of the rest", rules.loss.limit);
                self.not_provable = Some(why.clone());
                Some(format!("billing is not provable: {why}"))
            }
        }
    }

    /// The sessions that the verdict names, and how many more there are.
    pub fn reasons(&self) -> Vec<String> {
        let mut reasons: Vec<String> = self.named.iter().map(sentence).collect();
        let more = self.account.unreconciled.saturating_sub(reasons.len() as u64);
        if more > 0 && !reasons.is_empty() {
            reasons.push(format!("… and {more} more unreconciled sessions: see unreconciled.csv"));
        }
        reasons
    }

    pub fn add(&mut self, difference: &Difference) {
        if difference.cause.is_explained() {
            return;
        }
        if self.named.len() < MOST_NAMED {
            self.named.push(difference.clone());
        }
        // Few are kept, so this is cheap; of two that are equal the earlier one stays.
        let place = self.worst.partition_point(|kept| kept.at_stake >= difference.at_stake);
        if place < MOST_WORST {
            self.worst.insert(place, difference.clone());
            self.worst.truncate(MOST_WORST);
        }
    }
}

fn sentence(difference: &Difference) -> String {
    let Difference { supi, session, cause, .. } = difference;
    let charging = difference.charging_id.map_or_else(String::new, |id| format!(", charging id {id}"));
    format!("unreconciled: {supi} session {session}{charging}: {cause}")
}

/// Sessions that the verdict names.
const MOST_NAMED: usize = 20;
/// Sessions that the report shows with both sides.
const MOST_WORST: usize = 20;
