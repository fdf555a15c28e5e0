//! Colour, where a terminal wants it (no-color.org): only what a line begins with, so that nothing rests on it.

/// The line with its mark, or its verdict, in colour.
pub(crate) fn marks(line: &str) -> String {
    let indent = line.len() - line.trim_start_matches(' ').len();
    let (before, rest) = line.split_at(indent);
    let found = COLOURS.iter().find(|(mark, _)| rest.starts_with(mark));
    match found.and_then(|(mark, colour)| Some((mark, colour, rest.strip_prefix(mark)?))) {
        Some((mark, colour, after)) => format!("{before}\x1b[{colour}m{mark}\x1b[0m{after}"),
        None => line.to_owned(),
    }
}

/// Whether a terminal is one that takes colours, and its user wants them.
pub(crate) fn are_wanted(is_terminal: bool) -> bool {
    let is_capable = |term: std::ffi::OsString| !term.is_empty() && term != "dumb";
    is_terminal
        && std::env::var_os("TERM").is_some_and(is_capable)
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// What is good, bad, or to be looked at.
const COLOURS: [(&str, &str); 10] = [
    ("✓ ", "32"),
    ("✗ ", "31"),
    ("! ", "33"),
    ("PASS: ", "1;32"),
    ("FAIL: ", "1;31"),
    ("INVALID: ", "1;33"),
    ("WORSE: ", "1;31"),
    ("NOT WORSE: ", "1;32"),
    ("NOT JUDGED: ", "1;33"),
    ("a run can begin", "1;32"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_line_begins_with_has_a_colour() {
        assert_eq!(marks("  ✓ a ✗ b"), "  \x1b[32m✓ \x1b[0ma ✗ b");
        assert_eq!(marks("FAIL: smoke"), "\x1b[1;31mFAIL: \x1b[0msmoke");
        assert_eq!(marks("registration: 3 planned"), "registration: 3 planned");
        assert!(!are_wanted(false));
    }
}
