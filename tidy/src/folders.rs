//! Imports between the folders of a crate go down its list.

use std::fs;

use crate::exempt;
use crate::sources::{all, hold, root};

/// Crates whose `lib.rs` lists their folders, from the top down.
const LISTED: &[&str] = &["agent", "coordinator", "signalling", "simulator"];

#[test]
fn imports_between_folders_go_down_the_list_of_lib_rs() {
    let mut up = Vec::new();
    for name in LISTED {
        let lib = fs::read_to_string(root().join(name).join("src/lib.rs")).expect("a crate has a lib.rs");
        let order = listed(&lib);
        assert!(order.len() > 3, "{name}/src/lib.rs lists no folders");
        for source in all() {
            let Some((of, path)) = source.within().filter(|(of, _)| of == name) else { continue };
            let Some((folder, _)) = path.split_once('/') else { continue };
            let Some(place) = order.iter().position(|known| *known == folder) else {
                up.push((source.path.clone(), format!("{of}/src/lib.rs does not list {folder}/")));
                continue;
            };
            for used in imported(source.code()) {
                if order.iter().position(|known| *known == used).is_some_and(|other| other < place) {
                    up.push((source.path.clone(), format!("imports {used}/, which is above {folder}/")));
                }
            }
        }
    }
    hold("A folder knows those below it in the list of its lib.rs, and none above.", up, exempt::FOLDERS);
}

#[test]
fn nothing_is_imported_from_the_re_exports_of_its_own_crate() {
    let mut around = Vec::new();
    for source in all() {
        let Some((of, path)) = source.within() else { continue };
        if !LISTED.contains(&of) || path == "lib.rs" {
            continue;
        }
        let through = |code: &&str| {
            code.match_indices("crate::").any(|(place, word)| {
                code[place + word.len()..]
                    .starts_with(|first: char| first == '{' || first.is_ascii_uppercase())
            })
        };
        let lines = source.code().lines().map(str::trim_start).filter(|line| !line.starts_with("//"));
        around.extend(lines.filter(through).map(|line| (source.path.clone(), line.to_owned())));
    }
    hold("A thing is imported from where it is.", around, &[]);
}

/// Lines such as `//! core/  decides` of the list.
fn listed(lib: &str) -> Vec<&str> {
    let lines = lib.lines().filter_map(|line| line.strip_prefix("//! "));
    let first = lines.filter_map(|line| line.split_whitespace().next());
    first.filter_map(|word| word.strip_suffix('/')).collect()
}

/// The folders that are named after `crate::`.
fn imported(code: &str) -> impl Iterator<Item = &str> {
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.flat_map(|line| {
        line.match_indices("crate::").filter_map(|(place, word)| {
            let rest = &line[place + word.len()..];
            rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().filter(|name| !name.is_empty())
        })
    })
}

#[test]
fn folders_and_imports_are_read() {
    assert_eq!(
        listed("//! A crate.\n//!\n//! a/  one\n//! b/c/ two\n//! d/ three\nmod a;"),
        ["a", "b/c", "d"]
    );
    let code =
        "use crate::merge::Totals;\n// crate::report\nlet a = crate::core::Core::new(crate::time::now());";
    assert_eq!(imported(code).collect::<Vec<_>>(), ["merge", "core", "time"]);
}
