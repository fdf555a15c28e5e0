//! What a run came to: its conditions, what they cover, whether the generator was the limit, and the verdict.

pub(crate) mod coverage;
mod expectations;
mod machine;
pub(crate) mod saturation;
mod slo;

pub(crate) use expectations::broken;
pub(crate) use machine::Machines;
pub(crate) use slo::{Guard, Measured};

/// Whether a scenario has a condition that could fail a run.
pub(crate) fn has_condition(scenario: &scenarios::Scenario) -> bool {
    !scenario.slos.is_empty() || !scenario.guardrails.is_empty() || !scenario.expect.never_succeeds.is_empty()
}

#[cfg(test)]
mod tests {
    use scenarios::Scenario;

    use super::*;

    #[test]
    fn slos_guardrails_and_expectations_are_conditions() {
        let scenario = |rest: &str| {
            let text = format!(
                "name: t\nsubscribers: [{{plmn: 001/01, imsi: \"001010000000001\", count: 9, k: \"465B5CE8B199B49FAA5F0A2EE238A6BC\", opc: \"E8ED289DEBA952E4283B54E88E6183CA\"}}]\nload: [{{procedure: registration, phases: [{{rate: 5/s, for: 1s}}]}}]\n{rest}"
            );
            Scenario::from_yaml(&text, "t.yaml").unwrap()
        };
        assert!(!has_condition(&scenario("")));
        assert!(has_condition(&scenario("slos: [registration.success >= 1%]\n")));
        assert!(has_condition(&scenario("guardrails: [{abort-when: registration.success < 1%, for: 1s}]\n")));
        assert!(has_condition(&scenario("expect: {never-succeeds: [registration]}\n")));
    }
}
