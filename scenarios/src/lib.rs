//! The scenario language and the plan: YAML in, checked [`Scenario`], then a [`Plan`] of shards and schedules.
//!
//! Everything here is a pure function of the scenario text and the seed. The only I/O is [`Scenario::load`], which
//! reads the one file that it is told to.

mod catalogue;
mod cells;
mod curve;
mod error;
mod file;
mod load;
mod nas;
mod network;
mod plan;
mod radio;
mod random;
mod scenario;
mod schedule;
mod slo;
mod subscribers;
mod units;
mod yaml;

pub use catalogue::{CatalogueEntry, catalogue};
pub use cells::{Cells, Gnb};
pub use error::ScenarioError;
pub use file::json_schema;
pub use load::{Arrivals, Load, Phase, Procedure, Shape};
pub use nas::{Nas, Retry};
pub use network::{Congestion, Freeze, Network};
pub use plan::{Description, LoadDescription, Plan, Shard, ShardDescription};
pub use radio::{RadioProfile, radio_profiles};
pub use random::stream_seed;
pub use scenario::Scenario;
pub use schedule::{Due, Schedule};
pub use slo::{Comparison, Guardrail, Metric, MetricKind, Percentile, Slo};
pub use subscribers::{KeySource, Subscriber, SubscriberGroup, SuciScheme};
