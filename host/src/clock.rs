//! Whether a time service keeps this machine's clock right (`adjtimex(2)`).

use std::time::Duration;

/// How the kernel sees its clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// A time service keeps it right.
    pub synchronised: bool,
    /// How wrong it may be, as that service says.
    pub error: Duration,
}

/// What the kernel says of its clock; `None` where it says nothing.
pub fn clock() -> Option<Clock> {
    // SAFETY: a `timex` of zeros is a valid one, and with no mode set the call only fills it in.
    #[allow(unsafe_code, reason = "neither std nor rustix tells whether a clock is synchronised")]
    let (state, timex) = unsafe {
        let mut timex: libc::timex = std::mem::zeroed();
        (libc::adjtimex(&raw mut timex), timex)
    };
    let error = Duration::from_micros(u64::try_from(timex.maxerror).unwrap_or_default());
    (state >= 0).then_some(Clock { synchronised: timex.status & libc::STA_UNSYNC == 0, error })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_tells_of_its_clock() {
        if let Some(clock) = clock() {
            assert!(clock.error < Duration::from_secs(3600 * 24 * 365), "{clock:?}");
        }
    }
}
