//! The words of docs/glossary.md: those that were replaced do not come back.

use std::fs;

use crate::exempt;
use crate::sources::{all, hold, root};

#[test]
fn replaced_words_are_no_names_any_more() {
    let glossary = fs::read_to_string(root().join("docs/glossary.md")).expect("there is a glossary");
    let replaced = replaced(&glossary);
    assert!(replaced.len() > 5, "docs/glossary.md lists no replaced words");
    let mut back = Vec::new();
    for source in all() {
        for (word, instead, places) in &replaced {
            if !places.iter().any(|place| source.path.starts_with(place)) {
                continue;
            }
            let code = source.text.lines().filter(|line| !line.trim_start().starts_with("//"));
            for line in code.filter(|line| names(line).any(|name| name.eq_ignore_ascii_case(word))) {
                let why = format!("`{word}` in `{}`: say {instead}", line.trim());
                back.push((format!("{}: {word}", source.path), why));
            }
        }
    }
    hold("One word for one idea, docs/glossary.md has it.", back, exempt::WORDS);
}

/// The rows of the table of replaced words: the word, what is said instead, and where.
fn replaced(glossary: &str) -> Vec<(&str, &str, Vec<&str>)> {
    let table = glossary.split("## Words that were replaced").nth(1).unwrap_or_default();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let rows = rows.filter_map(|row| {
        let [words, instead, places] = row.split(" | ").collect::<Vec<_>>().try_into().ok()?;
        Some((words, instead, places.split(", ").map(|place| place.trim_matches('`')).collect::<Vec<_>>()))
    });
    let rows = rows.filter(|(words, ..)| !matches!(*words, "replaced" | "---"));
    rows.flat_map(|(words, instead, places)| {
        words.split(", ").map(move |word| (word.trim_matches('`'), instead, places.clone()))
    })
    .collect()
}

/// The names in a line of code, and the words of which they are made.
fn names(line: &str) -> impl Iterator<Item = &str> {
    // What is said in quotes is no name.
    let outside = line.split('"').step_by(2);
    outside.flat_map(|code| {
        code.split(|c: char| !c.is_alphanumeric() && c != '_')
            .flat_map(|name| std::iter::once(name).chain(name.split('_')))
    })
}

#[test]
fn rows_and_names_are_read() {
    let glossary = "a\n## Words that were replaced\n\n| replaced | say | where |\n| --- | --- | --- |\n| `gate`, `knock` | admission | `wire/`, `cli/` |\n";
    let found = replaced(glossary);
    assert_eq!(found.iter().map(|row| row.0).collect::<Vec<_>>(), ["gate", "knock"]);
    assert_eq!((found[1].1, &found[1].2[..]), ("admission", &["wire/", "cli/"][..]));
    let all: Vec<&str> = names("let my_gate = \"the knock\";").collect();
    assert!(all.contains(&"gate") && all.contains(&"my_gate") && !all.contains(&"knock"));
}
