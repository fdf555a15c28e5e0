//! Subjects of commits.

use std::process::Command;

use oracles::skipped;

use crate::sources::root;

const LONGEST: usize = 72;

/// Commits since this rule: those after the one that brought it.
#[test]
fn subjects_of_commits_have_at_most_72_characters() {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").arg("-C").arg(root()).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let brought = git(&["log", "--diff-filter=A", "--format=%H", "--", "tidy/src/commits.rs"]);
    let Some(rule) = brought.as_deref().and_then(|found| found.lines().last()) else {
        skipped("git-history", "this is no git repository, or its history does not reach back to the rule");
        return;
    };
    let since = git(&["log", "--no-merges", "--format=%h %s", &format!("{rule}..HEAD")]).unwrap_or_default();
    let is_long =
        |line: &&str| line.split_once(' ').is_some_and(|(_, subject)| subject.chars().count() > LONGEST);
    let long: Vec<&str> = since.lines().filter(is_long).collect();
    assert!(
        long.is_empty(),
        "the subject of a commit has at most {LONGEST} characters:\n{}",
        long.join("\n")
    );
}
