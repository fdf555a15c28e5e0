//! The files of a run folder: which there are, and how they are read.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use edges::files::open_to_read;
use ring::digest::{Context, Digest, SHA256};

use crate::classes::{Class, Fate, fate};
use crate::manifest::is_inside;

/// What is in a run folder.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// What goes up, in the order of the paths.
    pub(crate) files: Vec<FoundFile>,
    /// What does not and should perhaps, each with why.
    pub(crate) left_out: Vec<String>,
}

/// A file that goes up.
#[derive(Clone, Debug)]
pub(crate) struct FoundFile {
    /// In the folder.
    pub(crate) path: String,
    /// In the file system.
    pub(crate) on_disk: PathBuf,
    pub(crate) class: Class,
}

impl Found {
    /// Looks through a folder and the folders in it. What is behind a link is not followed.
    pub(crate) fn look(folder: &Path) -> io::Result<Self> {
        let mut found = Self::default();
        found.look_into(folder, "", 0)?;
        found.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }

    fn look_into(&mut self, folder: &Path, within: &str, depth: usize) -> io::Result<()> {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let shown = format!("{within}{}", name.to_string_lossy());
            let path = name.to_str().map(|name| format!("{within}{name}")).filter(|path| is_inside(path));
            let Some(path) = path else {
                self.leave_out(&shown, "its name cannot be a key");
                continue;
            };
            let kind = entry.file_type()?;
            match fate(&path) {
                Some(Fate::Stays) => {}
                _ if kind.is_symlink() => self.leave_out(&shown, "it is a symbolic link"),
                _ if kind.is_dir() && depth < DEEPEST => {
                    self.look_into(&entry.path(), &format!("{path}/"), depth + 1)?;
                }
                _ if kind.is_dir() => self.leave_out(&shown, "it is too deep in the folder"),
                _ if !kind.is_file() => self.leave_out(&shown, "it is no regular file"),
                _ if self.files.len() >= MOST_FILES => {
                    return Err(io::Error::other(format!("there are more than {MOST_FILES} files in it")));
                }
                Some(Fate::Kept(class)) => self.files.push(FoundFile { path, on_disk: entry.path(), class }),
                // Somebody put it there: it stands beside the report.
                None => self.files.push(FoundFile { path, on_disk: entry.path(), class: Class::Reports }),
            }
        }
        Ok(())
    }

    fn leave_out(&mut self, path: &str, why: &str) {
        let path = edges::text::line(path, 200);
        self.left_out.push(format!("{path}: {why}"));
    }
}

/// The length and the SHA-256 of a file.
pub(crate) fn hash(path: &Path) -> io::Result<(u64, Digest)> {
    let mut file = open_to_read(path)?;
    let (mut context, mut octets) = (Context::new(&SHA256), 0u64);
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok((octets, context.finish()));
        }
        octets += read as u64;
        context.update(buffer.get(..read).unwrap_or_default());
    }
}

/// The next so many octets of a file, or what there is of them, into a vector that has room for them.
pub(crate) fn read_part(file: &mut File, length: usize, mut part: Vec<u8>) -> io::Result<Vec<u8>> {
    file.take(length as u64).read_to_end(&mut part)?;
    Ok(part)
}

/// A search has probes, and a probe has traces.
const DEEPEST: usize = 3;
/// The manifest names them all.
pub(crate) const MOST_FILES: usize = 50_000;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn files_go_up_and_links_and_working_files_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        std::fs::create_dir_all(at("traces/a/b/c/d")).unwrap();
        for path in
            ["usage.csv", "control.json", "journal.sqlite-wal", "notes.txt", "traces/x.pcapng", "odd\nname"]
        {
            std::fs::write(at(path), "text").unwrap();
        }
        symlink("/etc/passwd", at("charging.csv")).unwrap();
        symlink("/etc", at("etc")).unwrap();
        let found = Found::look(folder.path()).unwrap();
        let files: Vec<_> = found.files.iter().map(|file| (file.path.as_str(), file.class)).collect();
        let expected = [
            ("notes.txt", Class::Reports),
            ("traces/x.pcapng", Class::Traces),
            ("usage.csv", Class::Billing),
        ];
        assert_eq!(files, expected);
        let left = found.left_out.join("\n");
        assert_eq!(found.left_out.len(), 4, "{left}");
        assert!(
            left.contains("charging.csv: it is a symbolic link") && left.contains("etc: it is"),
            "{left}"
        );
        assert!(
            left.contains("cannot be a key") && left.contains("too deep") && !left.contains("odd\n"),
            "{left}"
        );
    }

    #[test]
    fn a_file_is_hashed_and_read_in_parts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc");
        std::fs::write(&path, "abc").unwrap();
        let (octets, digest) = hash(&path).unwrap();
        // FIPS 180-2, appendix B.1.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!((octets, hex::encode(digest.as_ref()).as_str()), (3, expected));
        let mut file = open_to_read(&path).unwrap();
        for expected in ["ab", "c", ""] {
            assert_eq!(read_part(&mut file, 2, Vec::new()).unwrap(), expected.as_bytes());
        }
    }
}
