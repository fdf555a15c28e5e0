//! Names of agents in certificates: each is one agent's, or a revocation by name would hit others.

/// Whether this may name an agent: letters, digits, `-`, `_` and `.`, 63 at most, no dot first.
pub fn is_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !text.is_empty() && text.len() <= LONGEST && !text.starts_with(['.', '-']) && text.chars().all(fits)
}

/// The name as near to the wish as a name may be: a host may be called anything.
pub fn fit(wish: &str) -> String {
    let fits = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' };
    let name: String = wish.chars().take(LONGEST).map(fits).collect();
    let name = name.trim_start_matches(['.', '-']);
    if name.is_empty() { "agent".to_owned() } else { name.to_owned() }
}

/// The wish itself where nobody has it, else with the first number that makes it free; nothing where all are taken.
pub fn free(wish: &str, is_taken: &mut impl FnMut(&str) -> bool) -> Option<String> {
    if !is_taken(wish) {
        return Some(wish.to_owned());
    }
    let stem = wish.get(..wish.len().min(LONGEST - SUFFIX)).unwrap_or(wish);
    (2..=MOST_ALIKE).map(|number| format!("{stem}-{number}")).find(|name| !is_taken(name))
}

/// Whether a part of the folder has this name: it would be meant by who revokes it.
pub fn is_reserved(name: &str) -> bool {
    matches!(name, "agent" | "authority" | "coordinator" | "enrolment" | "check")
}

const LONGEST: usize = 63;
const SUFFIX: usize = 5;
/// Agents that wish for the same name.
const MOST_ALIKE: u32 = 9_999;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_name_gets_a_number() {
        let taken = ["web", "web-2"];
        assert_eq!(free("web", &mut |name| taken.contains(&name)).as_deref(), Some("web-3"));
        assert_eq!(free("db", &mut |name| taken.contains(&name)).as_deref(), Some("db"));
        assert_eq!(free("web", &mut |_| true), None);
        let long = "x".repeat(63);
        let next = free(&long, &mut |name| name == long).unwrap();
        assert!(is_name(&next) && next.ends_with("-2"), "{next}");
    }

    #[test]
    fn names_are_those_that_a_folder_may_have() {
        for name in ["spot-1", "ip-10-0-0-7.eu.internal", "i-0123"] {
            assert!(is_name(name), "{name}");
        }
        for wrong in ["", ".", "../x", "a/b", "a b", "-x", "é", &"x".repeat(64)] {
            assert!(!is_name(wrong), "{wrong}");
            assert!(is_name(&fit(wrong)), "{wrong}");
        }
    }
}
