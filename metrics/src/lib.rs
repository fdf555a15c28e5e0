//! What is seen of a process from outside, while it works: Prometheus' formats at an address of its own, or pushed.
//!
//! ```text
//! coordinator, agent, simulator, supervisor ──► Source ──► Families ──► encode ──► /metrics
//!  (each tells what it does anyway)                                        └────► remote write
//! ```
//! Each source is told by what it is about, and asked when somebody looks; nothing waits for who looks.

mod agent;
mod distribution;
mod encode;
mod endpoint;
mod model;
mod process;
mod remote_write;
mod run;
mod simulator;
mod supervisor;

pub use agent::Agent;
pub use endpoint::{Endpoint, EndpointError, Source};
pub use model::{Families, Kind, Metric};
pub use process::Process;
pub use remote_write::{Labels, Push};
pub use run::Run;
pub use simulator::Core;
pub use supervisor::Supervisor;

/// Every metric, by what it is of.
pub fn tables() -> [(&'static str, &'static [&'static Metric]); 5] {
    [
        ("process", process::ALL),
        ("coordinator", run::ALL),
        ("agent", agent::ALL),
        ("simulator", simulator::ALL),
        ("supervisor", supervisor::ALL),
    ]
}
