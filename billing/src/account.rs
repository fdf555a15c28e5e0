use std::collections::BTreeMap;

use serde::Serialize;

/// How the sessions of a run came out: each is matched or unreconciled, and an unreconciled one has a cause.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Account {
    /// Sessions in either ledger.
    pub sessions: u64,
    /// Sessions whose two records agree.
    pub matched: u64,
    /// Sessions whose records don't agree, or of which one is missing or double.
    pub unreconciled: u64,
    /// The latter by cause.
    pub by_cause: BTreeMap<String, u64>,
}
