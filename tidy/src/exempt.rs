//! What does not keep to a rule yet, each with its reason. The lists only shrink.

pub(crate) const FILES: &[(&str, &str)] = &[
    ("coordinator/tests/core/fleet.rs", "stories of one subject"),
    ("signalling/tests/amf/mod.rs", "the AMF of the tests"),
    ("wire/src/to_coordinator.rs", "every message to the coordinator, and nothing else"),
];

pub(crate) const FUNCTIONS: &[(&str, &str)] = &[
    ("agent/src/fleet/holder/mod.rs: handle_message", "a row for each message"),
    ("agent/src/ran/node.rs: carry_out_one", "a row for each action"),
    ("agent/src/worker/accounts.rs: report_if_due", "the fields of one report"),
    ("benches/src/bin/fleet.rs: main", "the stages of one benchmark"),
    ("billing/tests/history/mod.rs: into", "a row for each fault"),
    ("cli/src/outcome.rs: print", "the lines of one page"),
    ("coordinator/src/core/state.rs: apply", "a row for each record"),
    ("coordinator/tests/fleet/agent.rs: play_joined", "a row for each message"),
    ("criticality/src/ngap/answer.rs: unsuccessful", "a row for each procedure"),
    ("signalling/tests/any_input.rs: every_attempt_ends_exactly_once", "one property"),
    ("signalling/tests/pycrate.rs: ngap_pdus", "a row for each message"),
    ("wire/tests/golden.rs: every_to_coordinator", "a row for each message"),
];

pub(crate) const STRUCTS: &[(&str, &str)] = &[
    (
        "agent/tests/roaming/world/mod.rs: World",
        "the world of the roaming tests: shards, core, network and what they count",
    ),
    ("billing/src/account.rs: Account", "keys of summary.json"),
    ("coordinator/src/core/mod.rs: Core", "a run is one value: what decides sees all of it"),
    ("coordinator/src/core/state.rs: State", "what a restart must find again is one value"),
    ("results/src/summary.rs: Summary", "keys of summary.json"),
    ("simulator/src/upf/counters.rs: UpfCounters", "counts, a line each"),
    ("simulator/tests/amf/ue.rs: TestUe", "the UE of the tests"),
    ("wire/src/to_coordinator.rs: IntervalReport", "the fields of one message"),
];

pub(crate) const TYPES: &[(&str, &str)] = &[
    ("coordinator: Core", "a run is one value; a file for each of its subjects"),
    ("scenarios: Scenario", "what a scenario says of each subject stands with the subject"),
];

pub(crate) const FOLDERS: &[(&str, &str)] = &[];
pub(crate) const PURITY: &[(&str, &str)] = &[];
pub(crate) const WORDS: &[(&str, &str)] = &[];
