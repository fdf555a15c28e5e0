//! Fields of a type, and over how many files its `impl` blocks are spread.

use std::collections::{BTreeMap, BTreeSet};

use crate::exempt;
use crate::sources::{all, hold};

const MOST_FIELDS: usize = 25;
const MOST_FILES: usize = 4;

#[test]
fn structs_have_at_most_25_fields() {
    let mut large = Vec::new();
    for source in all() {
        for (name, fields) in structs(&source.text) {
            if fields > MOST_FIELDS {
                large.push((format!("{}: {name}", source.path), format!("{fields} fields")));
            }
        }
    }
    hold("A struct has at most 25 fields: more are several ideas.", large, exempt::STRUCTS);
}

#[test]
fn a_type_is_in_one_room() {
    let mut places: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for source in all() {
        let Some((of, _)) = source.within() else { continue };
        for name in implemented(source.code()) {
            places.entry(format!("{of}: {name}")).or_default().insert(source.path.clone());
        }
    }
    let spread = places.into_iter().filter(|(_, files)| files.len() > MOST_FILES);
    let spread = spread.map(|(name, files)| (name, format!("`impl` in {} files", files.len()))).collect();
    hold("The methods of a type stand in at most 4 files: split types, not files.", spread, exempt::TYPES);
}

/// Each struct with named fields, and how many it has.
fn structs(text: &str) -> Vec<(&str, usize)> {
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let code = line.trim_start();
        let indent = line.len() - code.len();
        let words =
            code.strip_prefix("pub").map_or(code, |rest| rest.split_once(' ').map_or(rest, |(_, rest)| rest));
        let Some(rest) = words.strip_prefix("struct ").filter(|rest| rest.ends_with('{')) else { continue };
        let name = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or(rest);
        let within = lines.by_ref().take_while(|line| !(line.len() == indent + 1 && line.ends_with('}')));
        let is_field = |line: &&str| {
            let field = line.trim_start();
            line.len() - field.len() == indent + 4 && !field.starts_with(['/', '#', '}', ')', '>'])
        };
        found.push((name, within.filter(is_field).count()));
    }
    found
}

/// The types that have methods of their own here.
fn implemented(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| {
        let rest = line.strip_prefix("impl")?;
        // Without the parameters of the block.
        let rest = if rest.starts_with('<') { after_parameters(rest) } else { rest };
        let is_trait = rest.contains(" for ");
        let name = rest.trim_start().split(|c: char| !c.is_alphanumeric() && c != '_').next()?;
        (!is_trait && !name.is_empty()).then_some(name)
    })
}

fn after_parameters(text: &str) -> &str {
    let mut depth = 0_usize;
    for (place, letter) in text.char_indices() {
        match letter {
            '<' => depth += 1,
            '>' if depth == 1 => return &text[place + 1..],
            '>' => depth -= 1,
            _ => {}
        }
    }
    text
}

#[test]
fn fields_and_methods_are_counted() {
    let text = "pub(crate) struct A<T> {\n    /// One.\n    pub b: T,\n    #[serde(skip)]\n    c: BTreeMap<\n        u8,\n        u8,\n    >,\n}\n\nimpl<T: Into<u8>> A<T> {\n}\n\nimpl Drop for A {\n}\n\nimpl B {\n}\n";
    assert_eq!(structs(text), [("A", 2)]);
    assert_eq!(implemented(text).collect::<Vec<_>>(), ["A", "B"]);
}
