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

/// Every scenario of the catalogue, the quickest first.
pub fn catalogue() -> &'static [CatalogueEntry] {
    &CATALOGUE
}

static CATALOGUE: [CatalogueEntry; 4] = [
    CatalogueEntry {
        name: "smoke",
        summary: "100 subscribers register within 2 seconds: does everything work together?",
        yaml: include_str!("../catalogue/smoke.yaml"),
    },
    CatalogueEntry {
        name: "attach-10k",
        summary: "10,000 subscribers register at 1,000/s over an urban radio network and stay attached.",
        yaml: include_str!("../catalogue/attach-10k.yaml"),
    },
    CatalogueEntry {
        name: "urban-macro",
        summary: "A dense city: a morning ramp, service requests, movement between tracking areas, for 30 seconds.",
        yaml: include_str!("../catalogue/urban-macro.yaml"),
    },
    CatalogueEntry {
        name: "rural-macro",
        summary: "Few, large and lossy cells: slow registration with retries and service requests, for 30 seconds.",
        yaml: include_str!("../catalogue/rural-macro.yaml"),
    },
];
