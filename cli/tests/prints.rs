//! Nothing writes to standard error or standard output past the two places that survive their readers.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::{Path, PathBuf};

/// Whatever is linked into the program.
const CRATES: [&str; 14] = [
    "agent",
    "billing",
    "cli",
    "coordinator",
    "edges",
    "gtpu",
    "identity",
    "scenarios",
    "sctp",
    "signalling",
    "simulator",
    "statistics",
    "supervisor",
    "wire",
];
/// How one writes past them. In `cli` the macros of these names are ours.
const STRAY: [&str; 6] = ["eprintln!(", "println!(", "eprint!(", "print!(", "dbg!(", "io::stderr()"];
/// The two places, and one that writes subscribers by the million and looks after its own errors.
const ALLOWED: [&str; 3] = ["cli/src/stderr.rs", "cli/src/stdout.rs", "cli/src/commands/subscribers.rs"];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The lines of a source that print by themselves, without its tests.
fn stray(source: &str, ours: bool) -> Vec<(usize, String)> {
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    let prints = |line: &str| {
        let line = line.trim_start();
        let own = ours && !line.contains("std::") && !line.contains("eprint!(") && !line.contains("dbg!(");
        let is_stray = |text: &&str| line.contains(*text) && !(own && text.ends_with("!("));
        !line.starts_with("//") && STRAY.iter().any(is_stray)
    };
    let lines = code.lines().enumerate().filter(|(_, line)| prints(line));
    lines.map(|(number, line)| (number + 1, line.trim().to_owned())).collect()
}

#[test]
fn nothing_prints_past_the_places_that_survive_their_readers() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut found = Vec::new();
    CRATES.iter().for_each(|name| sources(&root.join(name).join("src"), &mut found));
    assert!(found.len() > 300, "{}", found.len());
    let mut all = Vec::new();
    for path in found {
        let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        let is_test = name.ends_with("tests.rs") || name.contains("/tests/");
        if is_test || ALLOWED.contains(&name.as_str()) {
            continue;
        }
        let source = std::fs::read_to_string(&path).unwrap();
        for (line, text) in stray(&source, name.starts_with("cli/")) {
            all.push(format!("{name}:{line}: {text}"));
        }
    }
    assert!(
        all.is_empty(),
        "use the macros of cli/src/stderr.rs and stdout.rs, or tracing:\n{}",
        all.join("\n")
    );
}

#[test]
fn a_stray_print_is_found() {
    assert_eq!(stray("fn f() {\n    eprintln!(\"x\");\n}", false), [(2, "eprintln!(\"x\");".to_owned())]);
    assert_eq!(stray("fn f() {\n    eprintln!(\"x\");\n}", true), []);
    assert_eq!(stray("let _ = std::io::stderr().write_all(b\"\");", true).len(), 1);
    assert_eq!(stray("// println!(\"x\")\n#[cfg(test)]\nmod tests { println!() }", false), []);
}
