//! What the machine gives to our threads: a place in the queue for its processors, and how full those are and by whom.
//!
//! A start is on time only when its thread is let run when it wakes. On a machine that others use too, that is the
//! scheduler's choice: [`take`] asks it for the best that this process may have. What came of it, and what the processors
//! did meanwhile ([`Meter`]), is told in the report, so that its advice follows from what happened.

mod clock;
mod identity;
mod priority;
mod process;
mod processors;
mod queueing;
mod sched;
mod watch;

pub use clock::{Clock, clock};
pub use identity::{Identity, identity};
pub use priority::{Granted, Held, Priority, PriorityError, Role, check, take};
pub use process::{process_time, resident_octets, start_ticks, thread_time};
pub use processors::{Meter, Spent};
pub use queueing::Queueing;
pub use watch::set_back;
