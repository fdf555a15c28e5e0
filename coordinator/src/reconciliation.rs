//! Usage against charging at the end of a run: `summary.billing`, `unreconciled.csv`, and what the verdict says of it.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use crate::network::Ledger;
use crate::run::Run;

/// `summary.billing`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BillingSummary {
    /// False: nothing is known about the money, and [`reason`](Self::reason) says why.
    pub reconciled: bool,
    /// Why there is nothing to tell, or why the figures are not the whole truth.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Sessions in either ledger.
    pub sessions: u64,
    /// Sessions whose records agree.
    pub matched: u64,
    /// Sessions whose records don't.
    pub unreconciled: u64,
    /// The latter by root cause.
    pub by_cause: BTreeMap<String, u64>,
    /// What was charged, by currency.
    pub charged: BTreeMap<String, String>,
    /// How much of it is wrong, by cause and currency.
    pub at_stake: BTreeMap<String, BTreeMap<String, String>>,
    /// Usage records, all in usage.csv.
    pub usage_records: u64,
    /// Charging records.
    pub charging_records: u64,
    /// Lines of either ledger that could not be understood.
    pub bad_lines: u64,
    /// Sessions that the charging function did wrong on purpose, by fault.
    pub faults_injected: BTreeMap<String, u64>,
    /// The worst sessions, with both sides.
    pub worst: Vec<UnreconciledSession>,
}

/// One session whose records don't agree.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct UnreconciledSession {
    /// The subscriber.
    pub supi: String,
    /// The UE's number of the session.
    pub session: u8,
    /// The charging identifier, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub charging_id: Option<u32>,
    /// The root cause.
    pub cause: String,
    /// What is wrong, in a sentence.
    pub details: String,
    /// How much is wrong, a decimal number.
    pub at_stake: String,
    /// In which currency.
    pub currency: String,
    /// What the UE side knows of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Side>,
    /// What the network side charged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub charging: Option<Side>,
}

/// One side's records of one session, summed up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Side {
    /// How many records.
    pub records: u64,
    /// The serving networks, in order.
    pub serving: String,
    /// The data network.
    pub dnn: String,
    /// UNIX time in µs.
    pub from_us: u64,
    /// UNIX time in µs.
    pub to_us: u64,
    /// Octets from the UE.
    pub uplink: u64,
    /// Octets to the UE.
    pub downlink: u64,
    /// What was charged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<String>,
}

impl UnreconciledSession {
    /// As the verdict names it.
    pub(crate) fn sentence(&self) -> String {
        let charging = self.charging_id.map_or_else(String::new, |id| format!(", charging id {id}"));
        format!("unreconciled: {} session {}{charging}: {}", self.supi, self.session, self.cause)
    }
}

impl BillingSummary {
    /// Nothing is known about the money.
    fn unknown(reason: &str) -> Self {
        Self { reason: Some(reason.to_owned()), ..Self::default() }
    }

    /// What an SLO on it is held against. Where nothing was used and nothing charged, nothing is proven.
    pub(crate) fn measured(&self) -> Option<u64> {
        (self.reconciled && self.sessions > 0).then_some(self.unreconciled)
    }

    /// The sessions that the verdict names, and how many more there are.
    pub(crate) fn reasons(&self) -> Vec<String> {
        let mut reasons: Vec<String> =
            self.worst.iter().take(MOST_NAMED).map(UnreconciledSession::sentence).collect();
        let more = self.unreconciled.saturating_sub(reasons.len() as u64);
        if more > 0 && !reasons.is_empty() {
            reasons.push(format!("… and {more} more unreconciled sessions: see unreconciled.csv"));
        }
        reasons
    }
}

impl Run {
    /// Holds the two ledgers of the run folder against each other.
    pub(crate) fn reconcile(&mut self) -> BillingSummary {
        let usage_records = self.evidence.usage_records;
        let billing = match self.network.ledger.clone() {
            Ledger::None => BillingSummary::unknown("no charging ledger"),
            Ledger::Unusable(why) => {
                self.invalidate(format!("the charging ledger cannot be used: {why}"));
                BillingSummary::unknown("the charging ledger cannot be used")
            }
            Ledger::Here(charging) => {
                match reconcile(self.files.usage.path(), &charging, &self.folder.path) {
                    Ok(billing) => billing,
                    Err(error) => {
                        self.invalidate(format!("billing could not be reconciled: {error}"));
                        BillingSummary::unknown(&error)
                    }
                }
            }
        };
        if billing.bad_lines > 0 {
            self.warn(format!("{} lines of the ledgers could not be understood", billing.bad_lines));
        }
        if !billing.reconciled && usage_records > 0 {
            let why = billing.reason.clone().unwrap_or_default();
            self.warn(format!("billing: {usage_records} usage records are not reconciled: {why}"));
        }
        BillingSummary { usage_records, faults_injected: self.network.charging_faults.clone(), ..billing }
    }
}

fn reconcile(_usage: &Path, _charging: &Path, _folder: &Path) -> Result<BillingSummary, String> {
    Err("reconciliation is not there yet".to_owned())
}

/// Sessions that the verdict names.
const MOST_NAMED: usize = 20;
