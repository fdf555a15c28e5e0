//! Usage against charging: what the UE side knows it used, and what the network side charged for. Pure: no runtime.

mod account;
mod money;
mod record;
mod tariff;

pub use account::Account;
pub use money::{Currency, Money};
pub use record::{ChargingId, ChargingRecord, Closing, Octets, UsageRecord};
pub use tariff::{Hours, Rate, Rounding, Scope, Tariff, Unit};
