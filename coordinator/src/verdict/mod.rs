//! What a run came to: its conditions, what they cover, whether the generator was the limit, and the verdict.

pub(crate) mod coverage;
mod expectations;
pub(crate) mod generator;
mod judgement;
mod machine;
mod slo;

pub use coverage::Coverage;
pub(crate) use expectations::broken;
pub use judgement::{Status, Verdict};
pub(crate) use machine::Machines;
pub(crate) use slo::{Guard, Measured};
