//! What ARCHITECTURE.md and the glossary name is there.

use std::fs;

use crate::sources::root;

#[test]
fn files_and_folders_that_architecture_md_names_exist() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("there is an ARCHITECTURE.md");
    let named = named(&text);
    assert!(named.len() > 40, "{named:?}");
    let missing: Vec<&String> = named.iter().filter(|path| !root().join(path).exists()).collect();
    assert!(missing.is_empty(), "ARCHITECTURE.md names what is not there: {missing:?}");
}

#[test]
fn sources_that_the_glossary_names_exist() {
    let text = fs::read_to_string(root().join("docs/glossary.md")).expect("there is a glossary");
    let sources: Vec<String> = named(&text).into_iter().filter(|path| path.contains("/src/")).collect();
    assert!(sources.len() > 10, "{sources:?}");
    let missing: Vec<&String> = sources.iter().filter(|path| !root().join(path).exists()).collect();
    assert!(missing.is_empty(), "docs/glossary.md names what is not there: {missing:?}");
}

#[test]
fn every_crate_is_in_the_table_of_architecture_md() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("there is an ARCHITECTURE.md");
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("there is a manifest");
    let members = manifest.split_once("members = [").and_then(|(_, rest)| rest.split_once(']'));
    let members: Vec<&str> = members.map_or("", |(list, _)| list).split('"').skip(1).step_by(2).collect();
    assert!(members.len() > 10, "{members:?}");
    let missing: Vec<_> = members.iter().filter(|name| !text.contains(&format!("| `{name}/` |"))).collect();
    assert!(missing.is_empty(), "ARCHITECTURE.md lacks rows: {missing:?}");
}

/// What stands in backticks, or in a block of text, and is a path: it has a slash and no blank, and is no URL or command. In a
/// path such as `a/{b,c}.rs` each is meant.
fn named(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let words = text.split(|c: char| c.is_whitespace() || matches!(c, '`' | '(' | ')' | '|'));
    for word in words {
        let word = word.trim_end_matches(['.', ',', ':', ';']);
        let is_path = word.contains('/')
            && word.ends_with('/') | word.ends_with(".rs") | word.ends_with(".md")
            && !word.contains("//")
            && word.starts_with(|first: char| first.is_ascii_lowercase());
        if is_path {
            found.extend(each(word));
        }
    }
    found
}

fn each(path: &str) -> Vec<String> {
    let Some((before, rest)) = path.split_once('{') else { return vec![path.to_owned()] };
    let Some((names, after)) = rest.split_once('}') else { return vec![path.to_owned()] };
    names.split(',').map(|name| format!("{before}{name}{after}")).collect()
}

#[test]
fn paths_are_found_in_prose() {
    let text = "In `wire/src/lease.rs`, [ADR](docs/adr/0001-workspace.md) and `a/{b,c}.rs`; not https://x/y/ or `cargo run`.";
    assert_eq!(named(text), ["wire/src/lease.rs", "docs/adr/0001-workspace.md", "a/b.rs", "a/c.rs"]);
}
