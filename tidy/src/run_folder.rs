//! For how long each file of a run folder is kept stands in one table, artifacts/src/classes.rs.

use std::collections::BTreeSet;
use std::fs;

use crate::sources::{all, root};

/// Who writes files of a run folder.
const WRITERS: &[&str] = &["agent", "billing", "coordinator", "report", "results", "simulator"];
/// How names of such files end.
const ENDS: &[&str] = &[
    "csv", "hlog", "html", "json", "ndjson", "part", "pcapng", "spool", "sqlite", "txt", "xml", "yaml", "zst",
];
/// Names in the sources that are of no file of a run folder.
const OTHERS: &[(&str, &str)] = &[("compare.html", "a page that a test writes beside the runs")];

#[test]
fn every_file_that_a_run_folder_may_have_is_in_the_table_of_how_long_it_is_kept() {
    let classes = fs::read_to_string(root().join("artifacts/src/classes.rs")).expect("there is a table");
    let table = patterns(&classes);
    assert!(table.len() > 15, "{table:?}");
    let mut named = BTreeSet::new();
    for source in all() {
        if source.within().is_some_and(|(of, _)| WRITERS.contains(&of)) {
            named.extend(file_names(source.code()).map(|name| (name, source.path.clone())));
        }
    }
    assert!(named.len() > 15, "{named:?}");
    // In which folder of it a file is, its name in the sources often does not say.
    let last = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let is_known = |name: &str| {
        let name = last(name);
        table.iter().any(|pattern| fits(&last(pattern), &name))
            || OTHERS.iter().any(|(other, _)| *other == name)
    };
    let missing: Vec<_> = named.iter().filter(|(name, _)| !is_known(name)).collect();
    assert!(
        missing.is_empty(),
        "artifacts/src/classes.rs does not say for how long these are kept, nor that they stay: {missing:#?}"
    );
}

/// The patterns of the table.
fn patterns(source: &str) -> Vec<&str> {
    let table = source.split_once("pub const TABLE").and_then(|(_, rest)| rest.split_once("];"));
    let rows =
        table.map_or("", |(table, _)| table).lines().filter_map(|line| line.trim().strip_prefix("(\""));
    rows.filter_map(|row| row.split('"').next()).collect()
}

/// Texts in quotes that are names of files; what is filled in becomes one letter.
fn file_names(code: &str) -> impl Iterator<Item = String> {
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.flat_map(|line| line.split('"').skip(1).step_by(2)).filter_map(|text| {
        let (mut name, mut rest) = (String::new(), text);
        while let Some((before, filled)) = rest.split_once('{') {
            name = name + before + "x";
            rest = filled.split_once('}').map_or("", |(_, after)| after);
        }
        name += rest;
        let (stem, ends) = name.rsplit_once('.')?;
        let is_name = ENDS.contains(&ends)
            && !stem.is_empty()
            && stem.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/'));
        is_name.then_some(name)
    })
}

fn fits(pattern: &str, path: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == path,
        Some((before, after)) => path.strip_prefix(before).is_some_and(|rest| rest.ends_with(after)),
    }
}

#[test]
fn names_and_patterns_are_read() {
    let source =
        "pub const TABLE: &[(&str, Fate)] = &[\n    (\"usage.csv\", x),\n    (\"traces/*.pcapng\", x),\n];";
    assert_eq!(patterns(source), ["usage.csv", "traces/*.pcapng"]);
    let code = "folder.write(\"usage.csv\", b\"a\"); // \"x.csv\"\n// \"y.csv\"\nlet a = format!(\"{stem}-{}.pcapng\", n); say(\"see usage.csv.\");";
    let names: Vec<String> = file_names(code).collect();
    assert_eq!(names, ["usage.csv", "x.csv", "x-x.pcapng"]);
    assert!(fits("traces/*.pcapng", "traces/x-x.pcapng") && !fits("usage.csv", "usage.csv2"));
}
