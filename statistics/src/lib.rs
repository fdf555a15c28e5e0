//! The mathematics of runs: whether two differ, whether one drifts, and where a target's knee is. No clock, no file, no
//! global randomness: series in, judgements out, and a seed where something is drawn.

mod change_points;
pub mod compare;
mod distributions;
mod drift;
mod long_run;
mod random;
mod samples;
mod search;

pub use change_points::{ChangePoint, change_points};
pub use compare::{
    Comparison, Figure, Finding, Interval, Judgement, Percentile, RunSeries, Settings, Unit, compare,
};
pub use drift::{Trend, trend};
pub use long_run::{LongRun, long_run};
pub use random::Draws;
pub use samples::Samples;
pub use search::{Knee, ProbeOutcome, Probed, Search, SearchEnd, SearchSettings};
