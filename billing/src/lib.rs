//! Usage against charging: what the UE side knows it used, and what the network side charged for. Pure: no runtime.

mod account;
mod charging_name;
pub mod csv;
mod money;
mod rating;
mod reconcile;
mod record;
mod rules;
mod tariff;
mod time;
mod yaml;

pub use account::Account;
pub use charging_name::ChargingName;
pub use money::{Currency, Money};
pub use rating::{Charge, Meter, Part, RatingError};
pub use reconcile::{
    Carried, Cause, Damage, Difference, Losses, LostUsage, ReconcileError, Reconciler, RunWindow, Settings,
    Side, Traffic, UnreconciledWriter, reconcile_files, reconcile_files_to,
};
pub use record::{ChargingId, ChargingRecord, Closing, Octets, UsageRecord};
pub use rules::{
    DurationTolerance, LossJudgement, LossRules, RatedPer, RatingRules, Ratio, Rules, VolumeTolerance,
};
pub use tariff::{Hours, NoRate, Rate, Rounding, Scope, Tariff, TariffError, Unit, Zone};
pub use yaml::in_words as yaml_in_words;
