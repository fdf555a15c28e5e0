//! The scenario language and the plan: YAML in, checked [`Scenario`], then a [`Plan`] of shards and schedules.
//!
//! Everything here is a pure function of the scenario text and the seed. The only I/O is [`Scenario::load`], which
//! reads the one file that it is told to.

mod agents_wanted;
mod catalogue;
mod cells;
mod charging;
mod conditions;
mod curve;
mod difference;
mod draft;
mod error;
mod expect;
mod file;
mod generator;
mod home_network;
mod import;
mod load;
mod mobility;
mod nas;
mod network;
mod old_words;
mod plan;
mod probe;
mod radio;
mod random;
mod scenario;
mod schedule;
mod search;
mod sessions;
mod slo;
mod stretch;
mod subscribers;
mod technology;
mod units;
mod warnings;
mod yaml;

pub use agents_wanted::AgentsWanted;
pub use catalogue::{CatalogueEntry, catalogue};
pub use cells::{CellGroup, Cells, Node, Overload, RadioNetwork};
pub use charging::{Charging, ChargingFaults, tariffs};
pub use conditions::{Conditions, Impairment, ImpairmentKind, Override, Window};
pub use difference::differing_fields;
pub use draft::{Draft, DraftGroup, DraftNetwork, DraftSession, Kind};
pub use error::ScenarioError;
pub use expect::Expectation;
pub use file::{is_name, json_schema};
pub use generator::{FEWEST_LATE, Generator};
pub use home_network::HomeAnswer;
pub use identity::Procedure;
pub use import::{Imported, Program, import};
pub use load::{Arrivals, Load, Phase, Repeat, RepeatEnds, Shape};
pub use mobility::{Mobility, Path, SimSwap};
pub use nas::{Nas, Nas5g, Retry};
pub use network::{Breakout, Congestion, Core5g, Freeze, HandoverPolicy, Network, PolicyControl, Roaming};
pub use old_words::OldWords;
pub use plan::{Description, LoadDescription, Memory, Plan, Shard, ShardDescription};
pub use radio::{RadioProfile, radio_profiles};
pub use random::stream_seed;
pub use scenario::Scenario;
pub use schedule::{Due, Schedule};
pub use search::CapacitySearch;
pub use sessions::{Burst, Flow, SessionTemplate, traffic_profiles};
pub use slo::{
    Comparison, Guardrail, Limits, MOST_PARTS, Metric, MetricKind, Part, Percentile, SelfStarted, Slo,
    Subject,
};
pub use stretch::parse_duration;
pub use subscribers::{KeySource, OperatorKey, Subscriber, SubscriberGroup, SuciScheme, opc_of};
pub use units::{hint, nearest};
