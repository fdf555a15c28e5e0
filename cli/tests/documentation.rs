//! The commands that README.md and docs/ show are run, block by block, as they stand there.
//!
//! A fenced block of `sh` whose commands cannot be run here has `<!-- not run: why -->` on a line before it, with the reason.
//! Blocks of one page share a folder; `roamstorm` is the built program. Of all blocks, also of those, a unit test of the
//! program's command line asks whether it takes their lines.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use support::have_the_machine_alone;

struct Block {
    line: usize,
    commands: String,
    not_run: Option<String>,
}

/// The shell blocks of a page.
fn blocks(text: &str) -> Vec<Block> {
    let (mut blocks, mut open, mut not_run) = (Vec::new(), None::<Block>, None);
    let mut indent = 0;
    for (number, line) in text.lines().enumerate() {
        let bare = line.trim_start();
        match (&mut open, bare) {
            (None, "```sh") => {
                let not_run = not_run.take();
                indent = line.len() - bare.len();
                open = Some(Block { line: number + 2, commands: String::new(), not_run });
            }
            (Some(_), "```") => blocks.extend(open.take()),
            // What stands further in than its block may be a file that is written.
            (Some(block), _) => block.commands += &format!("{}\n", line.get(indent..).unwrap_or_default()),
            (None, line) => {
                if let Some(why) =
                    line.strip_prefix("<!-- not run: ").and_then(|line| line.strip_suffix(" -->"))
                {
                    not_run = Some(why.to_owned());
                } else if !line.is_empty() {
                    not_run = None;
                }
            }
        }
    }
    blocks
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn pages() -> Vec<PathBuf> {
    let docs = std::fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut pages: Vec<PathBuf> = docs.filter(|path| path.extension().is_some_and(|is| is == "md")).collect();
    pages.push(root().join("README.md"));
    pages.sort();
    pages
}

/// Runs a block with bash, which ends at the first command that fails.
fn run(block: &Block, folder: &Path) -> Result<(), String> {
    let bin = folder.join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    let link = bin.join("roamstorm");
    if !link.exists() {
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_roamstorm"), link).unwrap();
    }
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    let mut bash = Command::new("bash");
    bash.args(["-euo", "pipefail", "-c", &block.commands]).current_dir(folder).env("PATH", path);
    let output = bash.stdin(std::process::Stdio::null()).output().unwrap();
    // A generator that others kept from the processors makes a run invalid (3), and no command wrong.
    match output.status.code() {
        Some(0 | 3) => Ok(()),
        code => Err(format!(
            "{code:?}\n{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )),
    }
}

#[test]
fn the_commands_of_the_documents_run_as_they_stand_there() {
    have_the_machine_alone();
    let (mut ran, mut reasons) = (0, Vec::new());
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        let folder = tempfile::tempdir().unwrap();
        // What the pages call their reader's own scenario.
        let smoke =
            Command::new(env!("CARGO_BIN_EXE_roamstorm")).args(["catalogue", "smoke"]).output().unwrap();
        std::fs::write(folder.path().join("mine.yaml"), smoke.stdout).unwrap();
        for block in blocks(&text) {
            let place = format!("{}:{}", page.file_name().unwrap().to_string_lossy(), block.line);
            match &block.not_run {
                Some(why) => reasons.push(format!("{place}: {why}")),
                None => {
                    run(&block, folder.path())
                        .unwrap_or_else(|error| panic!("{place}: {error}\n{}", block.commands));
                    ran += 1;
                }
            }
        }
    }
    assert!(ran >= 4, "{ran} blocks ran; not run are {reasons:#?}");
    assert!(reasons.iter().all(|reason| reason.len() > 25), "each says why: {reasons:#?}");
}

#[test]
fn blocks_are_found_with_their_reasons() {
    let text = "a\n\n<!-- not run: it needs a core -->\n\n```sh\nroamstorm run x\n```\ntext\n   ```sh\n   ls\n   ```\n";
    let found = blocks(text);
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].not_run.as_deref(), Some("it needs a core"));
    assert_eq!((found[1].not_run.is_none(), found[1].commands.as_str(), found[1].line), (true, "ls\n", 10));
    let folder = tempfile::tempdir().unwrap();
    let wrong = Block { line: 1, commands: "false\n".to_owned(), not_run: None };
    assert!(run(&wrong, folder.path()).is_err());
}
