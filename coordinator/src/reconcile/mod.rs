//! The two ledgers of a run at its end: the charging function's is brought into the folder and held against the usage.

mod charging_ledger;
mod ledgers;
mod network;

pub(crate) use charging_ledger::{Found, bring, waited_for};
pub use ledgers::carried;
pub(crate) use ledgers::{OfRun, Reconciled, reconcile};
pub(crate) use network::{Ledger, Network, timed};
pub use network::{NetworkClosed, NetworkEvent, NetworkServed, NetworkSide, SharedNetwork};
