use anyhow::Error;
use host::{Granted, Priority};

/// The place in the queue for a processor that the threads ask for which have to be on time.
#[derive(clap::Args)]
pub(crate) struct Place {
    /// How the workers, and the simulator, share processors with other processes: real-time goes before them all (needs
    /// CAP_SYS_NICE or LimitRTPRIO), slice asks for short slices (Linux 6.12), auto takes the best that is allowed, none asks
    /// for nothing.
    #[arg(long, value_name = "auto|real-time|slice|none", default_value = "auto")]
    pub(crate) priority: Priority,
}

impl Place {
    /// The place that a thread would get. Refuses what was asked for by name and cannot be had, before anything begins.
    pub(crate) fn check(&self) -> Result<Granted, Error> {
        let granted = host::check(self.priority)?;
        tracing::debug!(wanted = ?self.priority, %granted, "place in the queue for a processor");
        Ok(granted)
    }
}
