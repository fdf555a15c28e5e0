//! What agents count of the user plane, as the sums of a run hold it.

use results::UserPlaneSummary;
use wire::to_coordinator::UserPlaneInterval;

macro_rules! from_wire {
    ($($(#[doc = $doc:literal])+ $key:ident: $unit:ident $($title:literal)?;)+) => {
        /// What one interval counts. A count that the table of measurements lacks does not compile.
        pub(crate) fn counted(interval: &UserPlaneInterval) -> UserPlaneSummary {
            let UserPlaneInterval { $($key),+ } = *interval;
            UserPlaneSummary { $($key),+ }
        }
    };
}
results::user_plane_table!(from_wire);
