//! What is counted of a run as a whole.

use crate::measurements::counts;

macro_rules! define {
    ($($row:tt)+) => {
        counts! {
            /// What agents count of a run as a whole. They are keys of `summary.json` by themselves; the fields are the rows of
            /// [`crate::run_table`].
            RunCounts: $($row)+
        }
    };
}
crate::run_table!(define);
