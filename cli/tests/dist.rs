//! `make dist`: an archive with all that a user needs, the same each time.

#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};
use std::process::Command;

const PROGRAM: &str = env!("CARGO_BIN_EXE_roamstorm");

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Packs a program; the names of what was made.
fn pack(program: &Path, into: &Path) -> (PathBuf, PathBuf) {
    let script = root().join("scripts/dist");
    let packed =
        Command::new(script).arg(into).env("BINARY", program).env("ONLY", "archive").output().unwrap();
    assert!(packed.status.success(), "{}", String::from_utf8_lossy(&packed.stderr));
    let one = |ends: &str| {
        let made = std::fs::read_dir(into).unwrap().map(|entry| entry.unwrap().path());
        made.filter(|path| path.to_string_lossy().ends_with(ends)).collect::<Vec<_>>()
    };
    let (archives, sums) = (one(".tar.gz"), one("SHA256SUMS"));
    assert_eq!((archives.len(), sums.len()), (1, 1), "{archives:?}, {sums:?}");
    (archives[0].clone(), sums[0].clone())
}

fn output(command: &mut Command) -> String {
    let done = command.output().unwrap();
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

#[test]
fn archive_has_program_pages_completions_and_documents_and_is_the_same_each_time() {
    let folder = tempfile::tempdir().unwrap();
    // Symbols would be most of what is packed.
    let program = folder.path().join("program");
    output(Command::new("strip").arg("-o").arg(&program).arg(PROGRAM));
    let (archive, sums) = pack(&program, &folder.path().join("first"));
    let (again, _) = pack(&program, &folder.path().join("second"));
    assert_eq!(
        std::fs::read(&archive).unwrap(),
        std::fs::read(&again).unwrap(),
        "two archives of one program differ"
    );

    output(Command::new("sha256sum").arg("-c").arg(&sums).current_dir(archive.parent().unwrap()));
    output(Command::new("tar").arg("xzf").arg(&archive).arg("-C").arg(folder.path()));
    let name = archive.file_name().unwrap().to_string_lossy().into_owned();
    let tree = folder.path().join(name.trim_end_matches(".tar.gz"));
    let version = output(Command::new(tree.join("bin/roamstorm")).arg("--version"));
    assert_eq!(version, output(Command::new(PROGRAM).arg("--version")));
    let there = [
        "man/roamstorm.1",
        "man/roamstorm-run.1",
        "completions/roamstorm.bash",
        "completions/roamstorm.zsh",
        "completions/roamstorm.fish",
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
        "docs/scenarios.md",
    ];
    for path in there {
        assert!(std::fs::metadata(tree.join(path)).is_ok_and(|file| file.len() > 0), "{path} is missing");
    }
}
