//! Which radios scenarios can ask for. A technology that is built is added to [`BUILT`]; nothing else in this crate lists them.

use identity::Technology;

/// What is built, from the signalling to the simulator.
pub(crate) const BUILT: [Technology; 1] = [Technology::Nr];

/// Every technology that a scenario can name.
pub(crate) const ALL: [Technology; 3] = [Technology::Nr, Technology::Lte, Technology::Umts];

/// What its base stations are called.
pub(crate) const fn node(technology: Technology) -> &'static str {
    match technology {
        Technology::Nr => "gNB",
        Technology::Lte => "eNB",
        Technology::Umts => "RNC",
    }
}

/// What people call it.
const fn generation(technology: Technology) -> &'static str {
    match technology {
        Technology::Nr => "5G",
        Technology::Lte => "4G",
        Technology::Umts => "3G",
    }
}

/// The technology of a name, or of its generation.
pub(crate) fn named(name: &str) -> Option<Technology> {
    ALL.into_iter().find(|technology| technology.name() == name)
}

/// The technology that is known by this other name, for a suggestion.
pub(crate) fn meant_by(name: &str) -> Option<Technology> {
    ALL.into_iter().find(|technology| generation(*technology).eq_ignore_ascii_case(name))
}

/// Why a scenario cannot ask for it. `None`: it can.
pub(crate) fn refusal(technology: Technology) -> Option<String> {
    let stands: Vec<String> = BUILT
        .iter()
        .map(|built| format!("{built} ({}, with {}s)", generation(*built), node(*built)))
        .collect();
    (!BUILT.contains(&technology)).then(|| {
        format!(
            "{technology} ({}) is not built yet: there is nothing in agents and simulator that speaks it. What stands is {}",
            generation(technology),
            stands.join(" and ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_is_not_refused_and_what_is_not_says_what_stands() {
        for technology in ALL {
            assert_eq!(refusal(technology).is_none(), BUILT.contains(&technology), "{technology}");
            assert_eq!(named(technology.name()), Some(technology));
            assert_eq!(meant_by(generation(technology)), Some(technology));
        }
        let refused = refusal(Technology::Lte).unwrap();
        assert!(
            refused.starts_with("lte (4G) is not built yet") && refused.contains("nr (5G, with gNBs)"),
            "{refused}"
        );
    }
}
