//! Which place in the queue for a processor a thread asks for, and which it gets.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::sched::{self, Standing};
use crate::watch;

/// What threads that have to be on time ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Priority {
    /// The best that this process may have.
    Auto,
    /// To go before everything that is not real-time; an error where this process may not.
    RealTime,
    /// Short slices of a fair share.
    Slice,
    /// Nothing.
    #[default]
    None,
}

/// What a thread got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Granted {
    /// An ordinary share in ordinary slices.
    #[default]
    Ordinary,
    /// An ordinary share in short slices: it runs sooner after it wakes.
    Slice,
    /// Before everything that is not real-time.
    RealTime,
}

/// What the thread is for. Of several that are real-time, one that generates load goes before one that is its target:
/// starts must be on time, and a late answer is measured as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Starts attempts.
    Generator,
    /// Answers them.
    Target,
}

/// A place in the queue was asked for by name and is not to be had.
#[derive(Debug, thiserror::Error)]
#[error(
    "--priority real-time: this process may not take it ({source}); give it CAP_SYS_NICE (as root, or \
     AmbientCapabilities= of its systemd unit) or a limit (`ulimit -r 3`, LimitRTPRIO=3), or ask for --priority auto"
)]
pub struct PriorityError {
    source: std::io::Error,
}

/// A thread's place, held until it is dropped, which its own thread does at its end.
#[derive(Debug)]
pub struct Held {
    granted: Granted,
    watched: Option<i32>,
}

/// Asks for the calling thread's place. What cannot be had is not an error: [`check`] says so before anything begins.
pub fn take(priority: Priority, role: Role) -> Held {
    let thread = sched::own_thread();
    let found = sched::standing(thread);
    // Who started this program with a priority of his own (chrt, nice) knows why.
    let own = match found {
        Ok(Standing::RealTime { .. }) => Some(Granted::RealTime),
        Ok(Standing::Other) => Some(Granted::Ordinary),
        Ok(Standing::Fair { .. }) => None,
        // A system without these calls has nothing to give.
        Err(_) => Some(Granted::Ordinary),
    };
    if let Some(granted) = own {
        return Held { granted, watched: None };
    }
    if matches!(priority, Priority::Auto | Priority::RealTime) && real_time(thread, role).is_ok() {
        watch::over(thread, role);
        return Held { granted: Granted::RealTime, watched: Some(thread) };
    }
    if priority == Priority::None {
        return Held { granted: Granted::Ordinary, watched: None };
    }
    Held { granted: short_slice(thread), watched: None }
}

/// What a thread of this process would get; tried on one that does nothing else.
///
/// # Errors
/// Real-time priority was asked for by name, and this process may not take it.
pub fn check(priority: Priority) -> Result<Granted, PriorityError> {
    let tried = std::thread::spawn(move || {
        if priority == Priority::RealTime
            && !matches!(sched::standing(sched::own_thread()), Ok(Standing::RealTime { .. }))
        {
            real_time(sched::own_thread(), Role::Generator).map_err(|source| PriorityError { source })?;
        }
        Ok(take(priority, Role::Generator).granted())
    });
    tried.join().unwrap_or(Ok(Granted::Ordinary))
}

impl Held {
    /// What the thread got.
    pub fn granted(&self) -> Granted {
        self.granted
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(thread) = self.watched {
            watch::no_more(thread);
        }
    }
}

/// The role's priority, or the next lower one that the limit (`RLIMIT_RTPRIO`) allows.
pub(crate) fn real_time(thread: i32, role: Role) -> std::io::Result<()> {
    let wanted = match role {
        Role::Generator => 2,
        Role::Target => 1,
    };
    sched::make_real_time(thread, wanted).or_else(|_| sched::make_real_time(thread, 1))
}

/// The shortest slice that the system gives; what it then is.
pub(crate) fn short_slice(thread: i32) -> Granted {
    let asked = sched::make_fair(thread, SLICE);
    match asked.and_then(|()| sched::standing(thread)) {
        Ok(Standing::Fair { slice }) if slice == SLICE => Granted::Slice,
        _ => Granted::Ordinary,
    }
}

impl Priority {
    /// As it is written on the command line.
    pub const NAMES: [&str; 4] = ["auto", "real-time", "slice", "none"];
}

impl FromStr for Priority {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "real-time" => Ok(Self::RealTime),
            "slice" => Ok(Self::Slice),
            "none" => Ok(Self::None),
            _ => Err(format!("expected one of {}", Self::NAMES.join(", "))),
        }
    }
}

impl Granted {
    /// As `summary.json` has it: `real-time`, `slice` or `none`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ordinary => "none",
            Self::Slice => "slice",
            Self::RealTime => "real-time",
        }
    }
}

impl fmt::Display for Granted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The shortest that Linux allows.
const SLICE: Duration = Duration::from_micros(100);

#[cfg(test)]
mod tests {
    use oracles::skipped;

    use super::*;

    fn standing() -> Standing {
        sched::standing(sched::own_thread()).unwrap()
    }

    /// On a thread of its own, whose place nobody else has.
    fn apart(test: impl FnOnce() + Send + 'static) {
        std::thread::spawn(test).join().unwrap();
    }

    #[test]
    fn short_slice_needs_no_privilege_and_says_whether_the_system_knows_it() {
        apart(|| {
            let held = take(Priority::Slice, Role::Generator);
            let Standing::Fair { slice } = standing() else { panic!("{:?}", standing()) };
            assert_eq!(held.granted() == Granted::Slice, slice == SLICE, "{slice:?}");
        });
    }

    #[test]
    fn nothing_is_asked_for_where_nothing_is_wanted() {
        apart(|| {
            let before = standing();
            assert_eq!(take(Priority::None, Role::Target).granted(), Granted::Ordinary);
            assert_eq!(standing(), before);
        });
    }

    #[test]
    fn real_time_is_what_it_says_or_an_error_with_what_to_do() {
        match check(Priority::RealTime) {
            Ok(granted) => {
                assert_eq!(granted, Granted::RealTime);
                apart(|| {
                    let held = take(Priority::Auto, Role::Generator);
                    assert_eq!(held.granted(), Granted::RealTime);
                    assert!(matches!(standing(), Standing::RealTime { priority: 1..=2 }), "{:?}", standing());
                    // What it starts does not have it.
                    apart(|| assert!(matches!(standing(), Standing::Fair { .. })));
                });
            }
            Err(error) => {
                let text = error.to_string();
                assert!(text.contains("CAP_SYS_NICE") && text.contains("--priority auto"), "{text}");
                assert_ne!(check(Priority::Auto).unwrap(), Granted::RealTime);
            }
        }
    }

    #[test]
    fn a_priority_that_somebody_else_gave_is_left_alone() {
        apart(|| {
            if let Err(error) = sched::make_real_time(sched::own_thread(), 1) {
                skipped("real-time", error);
                return;
            }
            let before = standing();
            assert_eq!(take(Priority::Slice, Role::Target).granted(), Granted::RealTime);
            assert_eq!(standing(), before);
        });
    }

    #[test]
    fn names_are_read_and_others_refused() {
        for name in Priority::NAMES {
            assert!(name.parse::<Priority>().is_ok(), "{name}");
        }
        assert!("high".parse::<Priority>().unwrap_err().contains("auto, real-time"));
    }
}
