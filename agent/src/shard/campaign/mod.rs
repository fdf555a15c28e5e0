//! What a shard does of its campaign: attempts begin and end, and the shard itself comes, goes and ends.

mod abroad;
mod begin;
mod ending;
mod export;
mod giving_up;
mod report;
mod standing_still;
mod takeover;

pub(super) use abroad::Abroad;
pub(super) use ending::Ending;
pub(super) use export::{Arrived, AtRest};
pub(super) use standing_still::StoodStill;
