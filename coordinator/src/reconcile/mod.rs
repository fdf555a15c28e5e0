//! The two ledgers of a run at its end: the charging function's is brought into the folder and held against the usage.

mod charging_ledger;
mod ledgers;
mod network;

pub use ledgers::{BillingSummary, carried};
pub(crate) use network::Network;
pub use network::{NetworkClosed, NetworkEvent, NetworkEvents, NetworkSide, SharedNetwork, TimedEvent};
