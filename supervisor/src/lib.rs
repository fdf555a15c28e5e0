//! A small process on each host that starts the agent, says at once when it has died, and tells it when it has to go.
//!
//! ```text
//! spot/ (IMDSv2) ─┐                     ┌─► order ──► the agent, a child process ──► its own QUIC connection
//! control (drain) ┼─► supervise ────────┤
//! SIGTERM, exit ──┘   (restarts, child) └─► line: Part::Supervisor, ChildExited ──► coordinator
//! ```

mod child;
pub mod control;
mod exit;
mod line;
mod order;
mod restarts;
pub mod spot;
mod supervise;

pub use exit::Exit;
pub use order::{Order, Orders};
pub use restarts::{Next, RestartPolicy, Restarts};
pub use supervise::{Supervised, SupervisorConfig, SupervisorError, supervise};

/// The exit code of a child that could not do its work now, and may later (EX_TEMPFAIL of sysexits.h).
pub const TRY_AGAIN: u8 = 75;
