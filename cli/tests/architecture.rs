//! ARCHITECTURE.md and the glossary are true: the files and folders that they name are there.

use std::path::Path;

#[test]
fn every_file_that_the_architecture_names_exists() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    for document in ["ARCHITECTURE.md", "docs/glossary.md"] {
        let text = std::fs::read_to_string(root.join(document)).unwrap();
        let words = text.split(|c: char| c.is_whitespace() || "`()|,;:".contains(c));
        let named: Vec<&str> = words.filter(|word| word.contains("/src/")).collect();
        assert!(named.len() > 10, "{document} names {}", named.len());
        for name in named {
            assert!(root.join(name).exists(), "{document} names {name}, which is not there");
        }
    }
}
