//! What a scenario expects that would otherwise fail its run.

use crate::Subject;

/// What is expected of a run, beyond its SLOs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expectation {
    /// What is attempted and never succeeds: a test of refusals. A single success is then what fails the run.
    pub never_succeeds: Vec<Subject>,
}
