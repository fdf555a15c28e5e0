//! A scenario without mistakes, for tests of what one change makes wrong.

/// The scenario with one thing in it replaced.
pub(crate) fn changed(replace: &str, with: &str) -> String {
    assert!(GOOD.contains(replace), "{replace:?} is not in the good scenario");
    GOOD.replacen(replace, with, 1)
}

pub(crate) const GOOD: &str = r#"name: good
subscribers:
  - plmn: 001/01
    imsi: "001010000000001"
    count: 10
    k: {derived-from: "465B5CE8B199B49FAA5F0A2EE238A6BC"}
    opc: "E8ED289DEBA952E4283B54E88E6183CA"
cells: {nodes: 2}
radio: urban
load:
  - procedure: registration
    arrivals: uniform
    phases:
      - {rate: 10/s, for: 10s}
      - {hold: 5s}
slos:
  - registration.success >= 99%
guardrails:
  - {abort-when: registration.success < 50%}
"#;
