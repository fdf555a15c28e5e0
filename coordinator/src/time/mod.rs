//! The clocks of a run: an agent's against ours, one that survives the process, and the wall's.

mod offset;
mod run_wall;
mod steady;
mod wall;

pub(crate) use offset::ClockOffset;
pub(crate) use run_wall::RunWall;
pub(crate) use steady::SteadyClock;
pub(crate) use wall::{compact, rfc3339, rfc3339_us, unix_us};
