//! Usage against charging at the end of a run: `summary.billing`, `unreconciled.csv`, and what the verdict says of it.

use std::path::Path;
use std::time::Duration;

use billing::csv::Mappings;
use billing::{
    Carried, Difference, Losses, LostUsage, ReconcileError, Rules, RunWindow, Settings, reconcile_files_to,
};
use identity::Dnn;
use results::BillingSummary;
use scenarios::{Plan, Scenario};

use super::network::Ledger;

/// What is known of a run beside its ledgers.
pub(crate) struct OfRun<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) lost_usage: Vec<LostUsage>,
    pub(crate) window: Option<RunWindow>,
    /// Usage records that were merged.
    pub(crate) merged: u64,
    pub(crate) usage: &'a Path,
    pub(crate) folder: &'a Path,
}

/// The billing of a run, what makes the run invalid, and what the operator should know.
#[derive(Default)]
pub(crate) struct Reconciled {
    pub(crate) billing: BillingSummary,
    pub(crate) invalid: Vec<String>,
    pub(crate) warnings: Vec<String>,
}

/// Holds the two ledgers of the run folder against each other.
pub(crate) fn reconcile(ledger: &Ledger, run: OfRun<'_>) -> Reconciled {
    let merged = run.merged;
    let mut found = Reconciled::default();
    found.billing = match ledger {
        Ledger::None => BillingSummary::unknown("no charging ledger"),
        Ledger::Unusable(why) => {
            found.invalid.push(format!("the charging ledger cannot be used: {why}"));
            BillingSummary::unknown(why)
        }
        Ledger::Here { path, complete } => match ledgers(path, *complete, run) {
            Ok(billing) => billing,
            // A ledger that nobody can read accuses nobody.
            Err(error @ ReconcileError::NothingRead { .. }) => BillingSummary::unknown(&error.to_string()),
            Err(error) => {
                found.invalid.push(format!("billing could not be reconciled: {error}"));
                BillingSummary::unknown(&error.to_string())
            }
        },
    };
    let billing = &mut found.billing;
    let (read, bad) = (billing.account.usage_records, billing.account.rejected_usage);
    if billing.reconciled && (read != merged || bad > 0) {
        found.invalid.push(format!("usage.csv holds {read} records, but {merged} were merged"));
    }
    let bad = billing.account.rejected_charging;
    if bad > 0 {
        found
            .warnings
            .push(format!("{bad} lines of charging.csv could not be read: charging.rejected.csv has them"));
    }
    if billing.reconciled && billing.account.sessions > 0 && billing.measured().is_none() {
        billing.reason = Some(format!("nothing is proven: {}", billing.account.not_judged().join("; ")));
    }
    found.warnings.extend(billing.account.not_judged().into_iter().map(|line| format!("billing: {line}")));
    if let (Some(why), true, false) = (&billing.reason, merged > 0, billing.reconciled) {
        found
            .warnings
            .push(format!("billing is not reconciled: {why}; {merged} usage records are in usage.csv"));
        billing.account.usage_records = merged;
    }
    found.warnings.extend(billing.weigh_losses(&Rules::default()));
    found
}

fn ledgers(
    charging: &Path,
    ledger_complete: bool,
    OfRun { plan, lost_usage, window, usage, folder, .. }: OfRun<'_>,
) -> Result<BillingSummary, ReconcileError> {
    let tariff = &plan.scenario().charging.tariff;
    let mut billing =
        BillingSummary { reconciled: true, window, ledger_complete, ..BillingSummary::default() };
    let shard_of = |supi| plan.shard_of_subscriber(supi);
    let traffic = |dnn: &Dnn, length_us| carried(plan.scenario(), dnn, length_us);
    let has = |supi| plan.scenario().find_subscriber(supi).is_some();
    let losses =
        Losses { gaps: &lost_usage, shard_of: Some(&shard_of), has: Some(&has), traffic: Some(&traffic) };
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
            uplink: template.uplink.most_octets(length).unwrap_or(0),
            largest_downlink: template.downlink.largest().into(),
            largest_uplink: template.uplink.largest().into(),
        })
    });
    of_each.reduce(|one, other| {
        let (one, other) = (one?, other?);
        Some(Carried {
            downlink: one.downlink.max(other.downlink),
            uplink: one.uplink.max(other.uplink),
            largest_downlink: one.largest_downlink.max(other.largest_downlink),
            largest_uplink: one.largest_uplink.max(other.largest_uplink),
        })
    })?
}

/// The network's side of a session begins and ends by so much beside the UE's, with some answers of the gateway.
const BEYOND: Duration = Duration::from_secs(2);
