//! Whether the generator was in time, by an account of the schedules beside the campaigns': when each attempt was taken from them,
//! against when it was due.

use coordinator::core::Core;

use crate::truth::Made;

/// How late the attempts really left that merged reports tell of.
pub(crate) struct Generator {
    late_us: Vec<u64>,
    stood_still: bool,
    /// How late it may be.
    limits: scenarios::Generator,
}

impl Generator {
    pub(crate) fn of(made: &[&Made], limits: scenarios::Generator) -> Self {
        let due = made.iter().flat_map(|made| &made.due);
        Self {
            late_us: due.map(|(_, late_us)| *late_us).collect(),
            stood_still: made.iter().any(|made| made.stood_still),
            limits,
        }
    }

    /// Whether an agent stood still, and the run is valid as far as its generator goes.
    pub(crate) fn stood_still_within_limits(&self) -> bool {
        self.stood_still && !self.is_limited()
    }

    /// Attempts that left too late.
    pub(crate) fn late(&self) -> u64 {
        self.later_than(self.limits.late_us())
    }

    /// Whether more of them did than a valid run may have.
    pub(crate) fn is_limited(&self) -> bool {
        self.limited_at(self.limits.late_us())
    }

    /// A run is invalid for its generator if and only if it was late beyond the limits, whether because it stood still or not;
    /// and it is known how late every attempt left that is in the account.
    pub(crate) fn judged(&self, core: &Core) -> Vec<String> {
        let reasons = core.verdict().reasons;
        let told = |what: &str| reasons.iter().any(|reason| reason.contains(what));
        let mut violations = Vec::new();
        // Between them the resolution of a histogram decides.
        let late_us = self.limits.late_us();
        let sure = self.limited_at(late_us + RESOLUTION_US) == self.limited_at(late_us - RESOLUTION_US);
        if sure && told("generator limited") != self.is_limited() {
            violations.push(format!(
                "{} of {} attempts left late by the account of the schedules, and the run says {reasons:?}",
                self.late(),
                self.late_us.len()
            ));
        }
        // That an agent stood still is told with its cost, and is by itself no reason.
        let warned = !core.standstills().is_empty();
        if warned != self.stood_still || told("stood still") {
            violations.push(format!(
                "that agents stood still was told: {}, the run warns of it: {warned}, and says {reasons:?}",
                self.stood_still
            ));
        }
        if told("lateness covers") {
            violations.push(format!("lateness got lost: {reasons:?}"));
        }
        violations
    }

    fn limited_at(&self, late_us: u64) -> bool {
        self.limits.is_limited(self.later_than(late_us), self.late_us.len() as u64)
    }

    fn later_than(&self, late_us: u64) -> u64 {
        self.late_us.iter().filter(|late| **late > late_us).count() as u64
    }
}

/// Three digits, and clocks that are 500 millionths wrong.
const RESOLUTION_US: u64 = 100;
