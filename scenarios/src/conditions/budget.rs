//! The safety budget: how much may be impaired, and when nothing may be.

use std::time::Duration;

use super::{Conditions, Window};

/// The first thing that breaks the safety budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Breach {
    /// An impairment is active in a maintenance window.
    Maintenance {
        /// Which impairment.
        impairment: usize,
        /// Its window.
        window: Window,
        /// Which maintenance window.
        maintenance: usize,
    },
    /// With this window there is too much impairment in an hour.
    Budget {
        /// Which impairment.
        impairment: usize,
        /// Its window.
        window: Window,
        /// In the hour that ends with the window.
        used: Duration,
    },
}

impl Conditions {
    /// The most impairment that any hour of a run has, which ends then. Where several impairments are active at once,
    /// the time counts once.
    pub fn busiest_hour(&self, end: Duration) -> Duration {
        let union = Union::of(self.windows(end).into_iter().map(|(_, window)| window));
        union.spans.iter().map(|(_, to)| union.in_the_hour_before(*to)).max().unwrap_or_default()
    }

    /// Every window of every impairment before `end`, cut off there, with the number of its impairment; by their ends.
    pub fn windows(&self, end: Duration) -> Vec<(usize, Window)> {
        let impairments = self.impairments.iter().enumerate();
        let mut windows: Vec<(usize, Window)> = impairments
            .flat_map(|(number, impairment)| impairment.windows(end).map(move |window| (number, window)))
            .map(|(number, Window { at, for_ })| (number, Window { at, for_: for_.min(end - at) }))
            .take(MOST_WINDOWS)
            .collect();
        windows.sort_by_key(|(number, window)| (window.at + window.for_, *number));
        windows
    }

    /// What breaks the budget first, whether or not somebody allowed it.
    pub(crate) fn breach(&self, end: Duration) -> Option<Breach> {
        let windows = self.windows(end);
        let overlap = |window: &Window| {
            self.maintenance.iter().position(|maintenance| {
                window.at < maintenance.at.saturating_add(maintenance.for_)
                    && maintenance.at < window.at + window.for_
            })
        };
        let in_maintenance = windows.iter().find_map(|&(impairment, window)| {
            let maintenance = overlap(&window)?;
            Some(Breach::Maintenance { impairment, window, maintenance })
        });
        // The impairment of the hour before an instant grows while something is active, so it is highest at an end.
        let union = Union::of(windows.iter().map(|(_, window)| *window));
        let too_much = || {
            windows.iter().find_map(|&(impairment, window)| {
                let used = union.in_the_hour_before(window.at + window.for_);
                (used > MOST_IMPAIRED).then_some(Breach::Budget { impairment, window, used })
            })
        };
        in_maintenance.or_else(too_much)
    }

    /// The impairment that begins so often that the windows are more than can be looked at.
    pub(crate) fn too_many_windows(&self, end: Duration) -> Option<usize> {
        let mut left = MOST_WINDOWS;
        self.impairments.iter().position(|impairment| {
            let windows = impairment.windows(end).take(left + 1).count();
            let fits = left.checked_sub(windows);
            left = fits.unwrap_or_default();
            fits.is_none()
        })
    }
}

/// Time that is covered by windows, without overlaps, in order.
struct Union {
    /// From and to.
    spans: Vec<(Duration, Duration)>,
    /// What the spans before each one cover together.
    before: Vec<Duration>,
}

impl Union {
    fn of(windows: impl Iterator<Item = Window>) -> Self {
        let mut sorted: Vec<(Duration, Duration)> =
            windows.map(|window| (window.at, window.at + window.for_)).collect();
        sorted.sort_unstable();
        let mut spans: Vec<(Duration, Duration)> = Vec::new();
        for (from, to) in sorted {
            match spans.last_mut() {
                Some((_, last)) if from <= *last => *last = to.max(*last),
                _ => spans.push((from, to)),
            }
        }
        let mut sum = Duration::ZERO;
        let before = spans
            .iter()
            .map(|(from, to)| {
                let so_far = sum;
                sum += *to - *from;
                so_far
            })
            .collect();
        Self { spans, before }
    }

    /// What is covered from the start of the run to this instant.
    fn until(&self, instant: Duration) -> Duration {
        let Some(last) = self.spans.partition_point(|(from, _)| *from < instant).checked_sub(1) else {
            return Duration::ZERO;
        };
        let (from, to) = self.spans[last];
        self.before[last] + (to.min(instant) - from)
    }

    fn in_the_hour_before(&self, instant: Duration) -> Duration {
        self.until(instant) - self.until(instant.saturating_sub(HOUR))
    }
}

/// In any hour, of the specification.
pub(crate) const MOST_IMPAIRED: Duration = Duration::from_secs(600);
/// More windows are not looked at, and refused.
pub(crate) const MOST_WINDOWS: usize = 100_000;
const HOUR: Duration = Duration::from_secs(3600);
