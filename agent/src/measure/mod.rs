//! What an agent counts and measures: attempts, histograms, traces, its own health and its machine.

mod attempt_rows;
mod health;
mod interval_histogram;
mod machine;
mod parts;
mod recorder;
mod tracer;

pub(crate) use attempt_rows::AttemptRows;
pub(crate) use health::{Collector, WorkerHealth};
pub(crate) use parts::{Begun, PartSet, Parts, Place};
pub(crate) use recorder::{Recorder, micros};
pub(crate) use tracer::{Comment, Packet, Tracer};
