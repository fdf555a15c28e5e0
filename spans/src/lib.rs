//! Traces of runs for a collector: OpenTelemetry's protocol over HTTP (OTLP 1.x, binary).
//!
//! ```text
//! coordinator ──► Told ──► queue, bounded ──► spans ──► POST /v1/traces
//!  (rows of sampled attempts, takeovers, phases, the end)   a thread of its own
//! ```
//! A trace is a run: a span for the whole, below it one for each phase, takeover, move of a shard, for the reconciliation, and for the
//! attempts that are sampled or did not succeed. Nothing waits for a collector but the end of the program, a little.

mod exporter;
mod make;
mod queue;

pub use exporter::{Exporter, Sent, Settings};
