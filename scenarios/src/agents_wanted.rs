//! Which agents a run of a scenario asks for.

use identity::Membership;

/// Which agents a coordinator takes for a run, and how many it waits for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgentsWanted {
    /// They belong where this says; who asks for nothing takes all.
    pub like: Membership,
    /// So many are waited for, where the scenario says it.
    pub min: Option<u16>,
}
