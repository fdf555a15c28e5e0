//! Octets that others made, in files of hexadecimal digits. The first line of each names its source.

use std::path::Path;

/// The octets of a file.
pub fn vector(text: &str) -> Vec<u8> {
    hex::decode(body(text).lines().map(str::trim).collect::<String>()).expect("hexadecimal digits")
}

/// The octets of a line `name digits` of a file.
pub fn line_of_vector(text: &str, name: &str) -> Vec<u8> {
    let line = body(text).lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    hex::decode(line.unwrap_or_else(|| panic!("no {name}"))).expect("hexadecimal digits")
}

/// The octets of each `.hex` file of a folder, by name.
pub fn folder_of_vectors(folder: &Path) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "hex"));
    paths.sort();
    assert!(!paths.is_empty(), "{} holds no vector", folder.display());
    paths.iter().map(|path| vector(&std::fs::read_to_string(path).unwrap())).collect()
}

fn body(text: &str) -> &str {
    let (source, body) = text.split_once('\n').unwrap_or((text, ""));
    assert!(
        source.strip_prefix("# source: ").is_some_and(|source| !source.is_empty()),
        "a vector names its source: {source}"
    );
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_are_read_below_their_source() {
        assert_eq!(vector("# source: somebody\n0102\nff\n"), [1, 2, 255]);
        assert_eq!(line_of_vector("# source: somebody\nkey 01\nkeys 02\n", "keys"), [2]);
    }

    #[test]
    #[should_panic = "a vector names its source"]
    fn octets_of_nobody_are_refused() {
        vector("0102\nff\n");
    }
}
