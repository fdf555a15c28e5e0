//! The scenarios that come with the program.

/// A scenario of the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CatalogueEntry {
    /// What `roamstorm run` is given.
    pub name: &'static str,
    /// One line about it: the description, as the file has it.
    pub summary: &'static str,
    /// The text of the file.
    pub yaml: &'static str,
}

/// Every scenario of the catalogue.
pub fn catalogue() -> &'static [CatalogueEntry] {
    &CATALOGUE
}

static CATALOGUE: [CatalogueEntry; 14] = [
    CatalogueEntry {
        name: "smoke",
        summary: "100 subscribers, each through a whole life in seconds: register, session, traffic, handover, deregister.",
        yaml: include_str!("../catalogue/smoke.yaml"),
    },
    CatalogueEntry {
        name: "attach-10k",
        summary: "10,000 subscribers register at 1,000/s over an urban radio network and stay attached.",
        yaml: include_str!("../catalogue/attach-10k.yaml"),
    },
    CatalogueEntry {
        name: "campaign-10k",
        summary: "10,000 subscribers attach at 1,000/s, half of them open sessions, and 2,000 handovers a minute move them.",
        yaml: include_str!("../catalogue/campaign-10k.yaml"),
    },
    CatalogueEntry {
        name: "urban-macro",
        summary: "A dense city at moderate load: a morning ramp, sessions, handovers over both interfaces, short bursts.",
        yaml: include_str!("../catalogue/urban-macro.yaml"),
    },
    CatalogueEntry {
        name: "rural-macro",
        summary: "Few, large and lossy cells with high latency: slow registration, sessions, and handovers that take their time.",
        yaml: include_str!("../catalogue/rural-macro.yaml"),
    },
    CatalogueEntry {
        name: "cross-border",
        summary: "Over borders and back: one neighbour with local breakout and other DNNs, one home-routed, at roaming prices.",
        yaml: include_str!("../catalogue/cross-border.yaml"),
    },
    CatalogueEntry {
        name: "congestion-storm",
        summary: "More registrations than cells and core take, over a radio that loses messages: refusals, waiting, back-off.",
        yaml: include_str!("../catalogue/congestion-storm.yaml"),
    },
    CatalogueEntry {
        name: "billing-retry",
        summary: "Online charging whose records are written in part and completed by a retry: everything must still reconcile.",
        yaml: include_str!("../catalogue/billing-retry.yaml"),
    },
    CatalogueEntry {
        name: "multi-operator-handover",
        summary: "Handovers between three operators that don't agree: refused ones must leave the UE, and its bill, where they were.",
        yaml: include_str!("../catalogue/multi-operator-handover.yaml"),
    },
    CatalogueEntry {
        name: "sim-swap",
        summary: "Registered subscribers get another SIM and register again: what the network detects, and what it costs.",
        yaml: include_str!("../catalogue/sim-swap.yaml"),
    },
    CatalogueEntry {
        name: "signalling-storm",
        summary: "Most of the phones register again and again, while the others' requests must still be served.",
        yaml: include_str!("../catalogue/signalling-storm.yaml"),
    },
    CatalogueEntry {
        name: "degraded-policy",
        summary: "Policy control answers late, not at all, or with a refusal: sessions must come up all the same, or fail cleanly.",
        yaml: include_str!("../catalogue/degraded-policy.yaml"),
    },
    CatalogueEntry {
        name: "rrc-oscillation",
        summary: "UEs with sessions fall idle and come back every second, with paging in between: no octet may be charged twice.",
        yaml: include_str!("../catalogue/rrc-oscillation.yaml"),
    },
    CatalogueEntry {
        name: "capacity",
        summary: "The highest rate of registrations at which p99 stays below 300 ms and 99.5 % succeed.",
        yaml: include_str!("../catalogue/capacity.yaml"),
    },
];
