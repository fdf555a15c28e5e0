//! Usage against charging at the end of a run: `summary.billing`, `unreconciled.csv`, and what the verdict says of it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use billing::csv::Mappings;
use billing::{
    Account, Carried, Difference, LossJudgement, Losses, LostUsage, ReconcileError, Rules, RunWindow,
    Settings, Tariff, reconcile_files_to,
};
use identity::Dnn;
use scenarios::{Plan, Scenario};
use serde::Serialize;

use super::network::Ledger;
use crate::driver::Run;

/// `summary.billing`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
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
    named: Vec<Difference>,
}

impl BillingSummary {
    /// Nothing is known about the money.
    fn unknown(reason: &str) -> Self {
        Self { reason: Some(reason.to_owned()), ..Self::default() }
    }

    /// What an SLO on it is held against. Where nothing was used and nothing charged, or no session could be judged, nothing
    /// is proven; nor that sessions agree where lost packets explain too much.
    pub(crate) fn measured(&self) -> Option<u64> {
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
    fn weigh_losses(&mut self, rules: &Rules) -> Option<String> {
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

    fn add(&mut self, difference: &Difference) {
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

impl Run {
    /// Holds the two ledgers of the run folder against each other.
    pub(crate) fn reconcile(&mut self) -> BillingSummary {
        let scenario = std::sync::Arc::clone(self.core.plan().scenario());
        let charging = &scenario.charging;
        let mut billing = match self.network.ledger.clone() {
            Ledger::None => BillingSummary::unknown("no charging ledger"),
            Ledger::Unusable(why) => {
                self.core.invalidate(format!("the charging ledger cannot be used: {why}"));
                BillingSummary::unknown(&why)
            }
            Ledger::Here { path, complete } => {
                let about = OfRun {
                    plan: self.core.plan(),
                    lost_usage: self.lost_usage(),
                    window: self.window(),
                    ledger_complete: complete,
                };
                match ledgers(self.files.usage.path(), &path, &charging.tariff, about, &self.folder.path) {
                    Ok(billing) => billing,
                    // A ledger that nobody can read accuses nobody.
                    Err(error @ ReconcileError::NothingRead { .. }) => {
                        BillingSummary::unknown(&error.to_string())
                    }
                    Err(error) => {
                        self.core.invalidate(format!("billing could not be reconciled: {error}"));
                        BillingSummary::unknown(&error.to_string())
                    }
                }
            }
        };
        let merged = self.core.state().evidence.usage_records;
        let (read, bad) = (billing.account.usage_records, billing.account.rejected_usage);
        if billing.reconciled && (read != merged || bad > 0) {
            self.core.invalidate(format!("usage.csv holds {read} records, but {merged} were merged"));
        }
        let bad = billing.account.rejected_charging;
        if bad > 0 {
            self.core.warn(format!(
                "{bad} lines of charging.csv could not be read: charging.rejected.csv has them"
            ));
        }
        if billing.reconciled && billing.account.sessions > 0 && billing.measured().is_none() {
            billing.reason = Some(format!("nothing is proven: {}", billing.account.not_judged().join("; ")));
        }
        billing.account.not_judged().into_iter().for_each(|line| self.core.warn(format!("billing: {line}")));
        if let (Some(why), true, false) = (&billing.reason, merged > 0, billing.reconciled) {
            let text = format!("billing is not reconciled: {why}; {merged} usage records are in usage.csv");
            self.core.warn(text);
            billing.account.usage_records = merged;
        }
        if let Some(warning) = billing.weigh_losses(&Rules::default()) {
            self.core.warn(warning);
        }
        billing.faults_injected.clone_from(&self.network.charging_faults);
        billing
    }

    /// From the start of the run to its end, by the wall clock.
    fn window(&self) -> Option<RunWindow> {
        let state = self.core.state();
        let from_us = state.start_wall_us?;
        let to_us = from_us.saturating_add(state.evidence.last_us).saturating_add(state.paused_us);
        Some(RunWindow { from_us, to_us })
    }

    /// The gaps of the run by the wall clock.
    fn lost_usage(&self) -> Vec<LostUsage> {
        let state = self.core.state();
        let start_us = state.start_wall_us.unwrap_or_default();
        let gaps = self.core.gaps().iter().map(|gap| LostUsage {
            shard: gap.shard,
            from_us: start_us.saturating_add(gap.from_us),
            // While the run's clock stood still the wall clock went on; whether before the gap or after it is not known here.
            to_us: start_us.saturating_add(gap.to_us).saturating_add(state.paused_us),
        });
        gaps.collect()
    }
}

/// What is known of a run beside its ledgers.
struct OfRun<'a> {
    plan: &'a Plan,
    lost_usage: Vec<LostUsage>,
    window: Option<RunWindow>,
    ledger_complete: bool,
}

fn ledgers(
    usage: &Path,
    charging: &Path,
    tariff: &Tariff,
    OfRun { plan, lost_usage, window, ledger_complete }: OfRun<'_>,
    folder: &Path,
) -> Result<BillingSummary, ReconcileError> {
    let mut billing =
        BillingSummary { reconciled: true, window, ledger_complete, ..BillingSummary::default() };
    let shard_of = |supi| plan.shard_of_subscriber(supi);
    let traffic = |dnn: &Dnn, length_us| carried(plan.scenario(), dnn, length_us);
    let losses = Losses { gaps: &lost_usage, shard_of: Some(&shard_of), traffic: Some(&traffic) };
    let rules = Rules::default();
    // What does not fit into memory waits beside the ledgers: where there was room for them.
    let settings = Settings {
        folder: Some(folder.to_owned()),
        losses,
        window,
        complete: ledger_complete,
        ..Settings::new(Some(tariff), &rules)
    };
    let mut show = |difference: &Difference| billing.add(difference);
    let account = reconcile_files_to(usage, charging, &Mappings::default(), settings, folder, &mut show);
    billing.account = account?;
    billing.lost_usage = lost_usage;
    Ok(billing)
}

/// What a session to a data network can have carried in so long a time: by the scenario's traffic, of several templates the
/// larger. `None` where some template says nothing of what comes down.
pub fn carried(scenario: &Scenario, dnn: &Dnn, length_us: u64) -> Option<Carried> {
    let length = Duration::from_micros(length_us).saturating_add(BEYOND);
    let templates = scenario.sessions.iter().filter(|template| template.dnn == *dnn);
    let of_each = templates.map(|template| {
        Some(Carried {
            downlink: template.downlink.most_octets(length)?,
            largest_downlink: template.downlink.largest().into(),
            largest_uplink: template.uplink.largest().into(),
        })
    });
    of_each.reduce(|one, other| {
        let (one, other) = (one?, other?);
        Some(Carried {
            downlink: one.downlink.max(other.downlink),
            largest_downlink: one.largest_downlink.max(other.largest_downlink),
            largest_uplink: one.largest_uplink.max(other.largest_uplink),
        })
    })?
}

/// The network's side of a session begins and ends by so much beside the UE's, with some answers of the gateway.
const BEYOND: Duration = Duration::from_secs(2);
/// Sessions that the verdict names.
const MOST_NAMED: usize = 20;
/// Sessions that the report shows with both sides.
const MOST_WORST: usize = 20;
