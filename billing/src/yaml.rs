//! Files for people: tariff, rules, mapping. Errors name file, line and column.

use serde::de::DeserializeOwned;

/// Reads a file's text; the error begins with `file:line:column`.
pub(crate) fn read<T: DeserializeOwned>(text: &str, file: &str) -> Result<T, String> {
    if text.len() > LARGEST {
        return Err(format!("{file}: {} octets are too many: at most {LARGEST} are accepted", text.len()));
    }
    serde_saphyr::from_str(text).map_err(|error| {
        let place = error.location().map(|at| format!(":{}:{}", at.line(), at.column())).unwrap_or_default();
        let mut text = error.without_snippet().to_string();
        if let Some(at) = error.location() {
            // The place stands in front of the text already.
            text = text.replace(&format!(" at line {}, column {}", at.line(), at.column()), "");
        }
        format!("{file}{place}: {}", in_words(&text))
    })
}

/// What the YAML library says, in words of who wrote the file: what is wrong, and what would be accepted.
pub fn in_words(text: &str) -> String {
    if let Some(rest) = text.strip_prefix("duplicate mapping key: ") {
        let name = rest.split(", set ").next().unwrap_or(rest);
        return format!("`{name}` is there twice: one of the two has to go");
    }
    let known = WORDS.iter().find(|(said, _)| text.contains(said));
    known.map_or_else(|| text.to_owned(), |(_, words)| (*words).to_owned())
}

/// A part of what the library says, and what it means.
const WORDS: [(&str, &str); 14] = [
    ("breached: Documents", SEVERAL),
    ("multiple YAML documents", SEVERAL),
    ("breached: Depth", DEEP),
    ("recursion limit exceeded", DEEP),
    (
        "budget breached",
        "it is larger than any file of its kind: fewer values, or fewer aliases, are accepted",
    ),
    ("replay", "its aliases stand for more than is accepted: write the values out"),
    ("weak recursion types", "an alias stands for a value that it is itself a part of"),
    ("expected mapping start", "a mapping, such as `name: value`, is expected here"),
    ("expected sequence start", "a list, such as `[one, two]`, is expected here"),
    ("expected string scalar", "a text is expected here"),
    ("expected a single Unicode scalar value", "one character is expected here"),
    ("unexpected end of input", "it is empty, or ends too early"),
    (
        "did not match any variant of untagged enum",
        "it has none of the forms that are accepted here (docs/billing.md)",
    ),
    ("unsupported YAML major version", "YAML 1.2 is read, and the first line asks for another version"),
];
const SEVERAL: &str = "there are several YAML documents, and one is accepted: remove the lines `---` and what belongs to the others";
const DEEP: &str = "it is nested deeper than any file of its kind";

/// 1 MiB.
const LARGEST: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rules;

    #[test]
    fn errors_speak_of_the_file_not_of_the_library() {
        for (text, expected) in [
            ("volume: {}\n---\nb: 2\n", "several YAML documents"),
            ("lateness: 1s\nlateness: 2s\n", "`lateness` is there twice"),
            ("[1, 2, 3]", "a mapping"),
            ("volume: [1]", "a mapping"),
            ("lateness: [1]", "text"),
            ("volume: &a {absolute: *a}", "alias"),
            (&"[".repeat(100_000), "nested deeper"),
        ] {
            let error = read::<Rules>(text, "rules.yaml").unwrap_err();
            assert!(error.starts_with("rules.yaml:") && error.contains(expected), "{error}");
            for talk in
                ["budget", "DuplicateKeyPolicy", "Options", "untagged", "scalar", "variant", "Documents {"]
            {
                assert!(!error.contains(talk), "{talk}: {error}");
            }
        }
    }
}
