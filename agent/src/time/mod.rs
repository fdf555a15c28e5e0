//! The clocks of an agent, and timers that a value keeps for its driver.

pub(crate) mod lease_clock;
mod schedule_clock;
mod timers;
mod wall_clock;

pub use schedule_clock::ScheduleClock;
pub(crate) use timers::Timers;
pub(crate) use wall_clock::WallClock;

/// Whole microseconds.
pub(crate) fn micros(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
