//! The Rust sources of the workspace.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// One file.
pub(crate) struct Source {
    /// Its path from the root of the workspace.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Source {
    /// What is not behind `#[cfg(test)] mod tests`, which stands last.
    pub(crate) fn code(&self) -> &str {
        self.text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or(&self.text)
    }

    /// The crate, and the path within its `src`; nothing for tests and benches, and for files that only tests include.
    pub(crate) fn within(&self) -> Option<(&str, &str)> {
        let (name, rest) = self.path.split_once("/src/")?;
        let is_test = rest.ends_with("tests.rs") || rest.contains("/tests/");
        (!is_test).then_some((name, rest))
    }
}

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is in the workspace").to_owned()
}

/// Every source that somebody edits.
pub(crate) fn all() -> Vec<Source> {
    let mut found = Vec::new();
    walk(&root(), &mut found);
    found.sort_by(|one, other| one.path.cmp(&other.path));
    assert!(found.len() > 300, "{} sources: this is not the workspace", found.len());
    found
}

fn walk(folder: &Path, found: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).expect("a folder of the workspace").flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        if path.is_dir() {
            if !matches!(name.as_ref(), "target" | "generated" | "runs") && !name.starts_with('.') {
                walk(&path, found);
            }
        } else if name.ends_with(".rs") {
            let text = fs::read_to_string(&path).expect("a source is text");
            let path = path.strip_prefix(root()).expect("it is below the root");
            found.push(Source { path: path.to_string_lossy().into_owned(), text });
        }
    }
}

/// Fails with what is wrong beyond the exempt, and with what is exempt without need.
pub(crate) fn hold(rule: &str, wrong: Vec<(String, String)>, exempt: &[(&str, &str)]) {
    if let Err(why) = held(rule, &wrong, exempt) {
        panic!("{why}");
    }
}

fn held(rule: &str, wrong: &[(String, String)], exempt: &[(&str, &str)]) -> Result<(), String> {
    let names: BTreeSet<&str> = wrong.iter().map(|(name, _)| name.as_str()).collect();
    let known: BTreeSet<&str> = exempt.iter().map(|(name, _)| *name).collect();
    let new = wrong.iter().filter(|(name, _)| !known.contains(name.as_str()));
    let new: Vec<String> = new.map(|(name, why)| format!("  {name}: {why}")).collect();
    let old: Vec<String> = known.difference(&names).map(|name| format!("  {name}")).collect();
    if !new.is_empty() {
        return Err(format!("{rule}\nNot so:\n{}", new.join("\n")));
    }
    if !old.is_empty() {
        let old = old.join("\n");
        return Err(format!("exempt from this rule without need, to be taken off exempt.rs: {rule}\n{old}"));
    }
    Ok(())
}

#[test]
fn what_is_exempt_without_need_is_refused() {
    let wrong = |names: &[&str]| -> Vec<(String, String)> {
        names.iter().map(|name| ((*name).to_owned(), "long".to_owned())).collect()
    };
    let exempt = [("a", "because")];
    assert!(held("Short.", &wrong(&["a"]), &exempt).is_ok());
    assert!(held("Short.", &wrong(&["a", "b"]), &exempt).unwrap_err().contains("Not so:\n  b: long"));
    assert!(held("Short.", &[], &exempt).unwrap_err().contains("without need"));
}
