//! What a shard does of its campaign: attempts begin and end, and the shard itself comes, goes and ends.

mod abroad;
mod begin;
mod ending;
mod handing_over;
mod standing_still;
mod taking_up;

pub(super) use abroad::Abroad;
pub(super) use ending::Ending;
pub(super) use handing_over::{Arrived, AtRest};
pub(super) use standing_still::StoodStill;
