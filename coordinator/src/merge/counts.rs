//! What agents count beside procedures, as the sums of a run hold it.

use results::{RunCounts, UserPlaneSummary};
use wire::to_coordinator::{IntervalReport, UserPlaneInterval};

macro_rules! of_user_plane {
    ($($(#[doc = $doc:literal])+ $key:ident: $unit:ident $($title:literal)?;)+) => {
        /// What one interval counts of the user plane. A count that the table of measurements lacks does not compile.
        pub(crate) fn of_user_plane(interval: &UserPlaneInterval) -> UserPlaneSummary {
            let UserPlaneInterval { $($key),+ } = *interval;
            UserPlaneSummary { $($key),+ }
        }
    };
}
results::user_plane_table!(of_user_plane);

macro_rules! of_run {
    ($($(#[doc = $doc:literal])+ $key:ident: $unit:ident $($title:literal)?;)+) => {
        /// What one interval counts of the run as a whole.
        pub(crate) fn of_run(report: &IntervalReport) -> RunCounts {
            RunCounts { $($key: report.$key),+ }
        }
    };
}
results::run_table!(of_run);
