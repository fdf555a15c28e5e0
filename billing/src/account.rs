use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Currency, Damage, Money};

/// How the sessions of a run came out: each is matched, unreconciled or explained, and the latter two have a cause.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Account {
    /// Sessions in either ledger.
    pub sessions: u64,
    /// Sessions whose two records agree.
    pub matched: u64,
    /// Sessions whose records don't agree, or of which one is missing or double.
    pub unreconciled: u64,
    /// Sessions whose usage is not known to its end, by cause: neither matched nor unreconciled.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub explained: BTreeMap<String, u64>,
    /// The unreconciled ones by cause.
    pub by_cause: BTreeMap<String, u64>,
    /// Of the tariff; `None` without one.
    pub currency: Option<Currency>,
    /// All that was charged.
    #[serde(rename = "charged_micros")]
    pub charged: Money,
    /// All that should have been charged, as far as the tariff tells.
    #[serde(rename = "expected_micros")]
    pub expected: Money,
    /// What the unreconciled sessions may cost: amounts to be paid back and to be asked for, without their sign.
    #[serde(rename = "at_stake_micros")]
    pub at_stake: Money,
    /// The same by cause.
    #[serde(rename = "at_stake_by_cause_micros")]
    pub at_stake_by_cause: BTreeMap<String, Money>,
    /// Octets that UEs sent.
    pub used_uplink: u64,
    /// Octets that UEs received.
    pub used_downlink: u64,
    /// Octets from UEs that were charged.
    pub charged_uplink: u64,
    /// Octets to UEs that were charged.
    pub charged_downlink: u64,
    /// Sessions whose two sides agree but for octets that packets which went missing explain.
    pub explained_by_loss_sessions: u64,
    /// Those octets from UEs: sent, and not charged.
    pub explained_by_loss_uplink: u64,
    /// Those octets to UEs: charged, and not received.
    pub explained_by_loss_downlink: u64,
    /// Records of usage.
    pub usage_records: u64,
    /// Records of charging.
    pub charging_records: u64,
    /// Records of usage that were delivered again, and counted once.
    pub redelivered: u64,
    /// Charged sessions without octets and amount that nobody had: matched.
    pub unused: u64,
    /// Charged sessions that were closed before the run began: out of scope, and in no other figure.
    #[serde(skip_serializing_if = "is_zero")]
    pub before_run: u64,
    /// Charged sessions that began after the run had ended: likewise.
    #[serde(skip_serializing_if = "is_zero")]
    pub after_run: u64,
    /// Charged sessions of subscribers that the run does not have: likewise.
    #[serde(skip_serializing_if = "is_zero")]
    pub other_subscribers: u64,
    /// Columns that are damaged as a whole.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub damaged: Vec<Damage>,
    /// Lines of the usage ledger that could not be read.
    pub rejected_usage: u64,
    /// Lines of the charging ledger that could not be read.
    pub rejected_charging: u64,
    /// The first of those, as `file:line: reason`.
    pub problems: Vec<String>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Account {
    /// Sessions of which it is known whether both sides agree.
    pub fn judged(&self) -> u64 {
        self.matched.saturating_add(self.unreconciled)
    }

    /// What was left out or not judged, a sentence each; nothing where all was judged.
    pub fn not_judged(&self) -> Vec<String> {
        let mut all: Vec<String> = self.damaged.iter().map(ToString::to_string).collect();
        if self.before_run > 0 {
            all.push(format!("{} sessions of before this run, left out", self.before_run));
        }
        if self.after_run > 0 {
            all.push(format!("{} sessions of after this run, left out", self.after_run));
        }
        if self.other_subscribers > 0 {
            all.push(format!(
                "{} sessions of subscribers that this run does not have, left out",
                self.other_subscribers
            ));
        }
        for (cause, count) in &self.explained {
            let why = match cause.as_str() {
                "agent-lost" => "their usage was lost with its agent; what was charged is rightly rated",
                "still-open" => "they were open when the run ended, and are not charged to their end yet",
                "column-damaged" => "they agree once the damaged column is put right",
                "not-read" => "lines that are theirs, or may be, could not be read",
                _ => "not judged",
            };
            all.push(format!("{count} sessions are not judged ({cause}): {why}"));
        }
        all
    }

    /// Octets that only lost packets explain, of both directions.
    pub fn explained_by_loss(&self) -> u64 {
        self.explained_by_loss_uplink.saturating_add(self.explained_by_loss_downlink)
    }

    /// The part of all octets that only lost packets explain, from 0 to 1.
    pub fn loss_share(&self) -> f64 {
        let uplink = self.used_uplink.max(self.charged_uplink);
        let all = uplink.saturating_add(self.used_downlink.max(self.charged_downlink));
        if all == 0 { 0.0 } else { self.explained_by_loss() as f64 / all as f64 }
    }
}
