//! Files that only their owner may read, and that are what they seem: never somebody else's, behind a link.
//!
//! Subscribers' keys and the key of a run stand in its folder. Whoever may write there once could lay a link in the place of a
//! file, and have us cut, overwrite or read another one.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;
use rustix::process::geteuid;

/// Makes a folder that only its owner can enter, whatever the umask; its parent is there.
///
/// # Errors
/// It cannot be made, or something of this name is there.
pub fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

/// The folder of this name; made where there is none.
///
/// # Errors
/// What is there is a link, no folder, or another user's.
pub fn have_folder(path: &Path) -> io::Result<()> {
    match make_folder(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let there = std::fs::symlink_metadata(path)?;
            match (there.is_dir(), there.uid() == geteuid().as_raw()) {
                (true, true) => Ok(()),
                (true, false) => Err(changed("it belongs to another user")),
                (false, _) => Err(changed("it is no folder")),
            }
        }
        made => made,
    }
}

/// What can be done about an error of the system, in words.
pub fn remedy(error: &io::Error) -> &'static str {
    use rustix::io::Errno;
    let raw = error.raw_os_error().map(Errno::from_raw_os_error);
    match raw {
        Some(Errno::MFILE) => "this process may open no more files: allow it more with `ulimit -n`",
        Some(Errno::NFILE) => "the system may open no more files: raise fs.file-max",
        Some(Errno::NOSPC) => "the disk is full: make room on it",
        Some(Errno::DQUOT) => "the disk quota is used up: make room",
        Some(Errno::FBIG) => "the file is as large as it may become (`ulimit -f`)",
        Some(Errno::ROFS) => "the file system is read-only",
        Some(Errno::ACCESS | Errno::PERM) => "this user may not write there: check the permissions",
        Some(Errno::NOTDIR) => "a part of its path is no folder",
        Some(Errno::NAMETOOLONG) => "the path is too long",
        _ => "check the space left and the permissions",
    }
}

/// A new file in the place of whatever has this name; what a link leads to stays as it is.
///
/// # Errors
/// What is there is a folder, or cannot be replaced.
pub fn create(path: &Path) -> io::Result<File> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new().read(true).write(true).create_new(true).mode(OURS).open(path)
}

/// A whole new file in the place of whatever has this name.
///
/// # Errors
/// As [`create`], or it cannot be written.
pub fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    io::Write::write_all(&mut create(path)?, content)
}

/// A file that is there, or a new one, to append to.
///
/// # Errors
/// What is there is not ours alone ([`is_ours`]), or it cannot be opened.
pub fn append(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    open(options.append(true).create(true).mode(OURS), path)
}

/// A file that is there, to be read and written.
///
/// # Errors
/// What is there is not ours alone ([`is_ours`]), or it cannot be opened.
pub fn open_existing(path: &Path) -> io::Result<File> {
    open(OpenOptions::new().read(true).write(true), path)
}

/// The content of a regular file, as long as it is when it is opened. A device, which has no end, is none, wherever a link
/// leads; a pipe is not waited for.
///
/// # Errors
/// It is not there, no regular file, longer than [`MOST_READ`] octets, or cannot be read.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let waits_for_nobody = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(waits_for_nobody).open(path)?;
    let there = file.metadata()?;
    if !there.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file, so it is not read"));
    }
    if there.len() > MOST_READ {
        let text = format!("it has {} octets, and at most {MOST_READ} are read", there.len());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    let mut content = Vec::new();
    file.take(there.len()).read_to_end(&mut content)?;
    Ok(content)
}

/// A regular file, to be read piece by piece, whosever it is; what is behind a link is not opened, and a pipe is not waited for.
///
/// # Errors
/// It is not there, a symbolic link, no regular file, or cannot be opened.
pub fn open_to_read(path: &Path) -> io::Result<File> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(no_link)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file, so it is not read"));
    }
    Ok(file)
}

/// The same of a text.
///
/// # Errors
/// As [`read`], or it is no UTF-8.
pub fn read_text(path: &Path) -> io::Result<String> {
    String::from_utf8(read(path)?).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Says whether what has this name is a regular file of this user with no other name, and neither a link nor a device.
///
/// # Errors
/// It is something else, or it is not there.
pub fn is_ours(path: &Path) -> io::Result<()> {
    check(&std::fs::symlink_metadata(path)?)
}

fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    // Not blocking: a pipe of this name is refused, not waited for.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let file = options.custom_flags(flags).open(path).map_err(no_link)?;
    check(&file.metadata()?)?;
    Ok(file)
}

fn no_link(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(raw) if raw == rustix::io::Errno::LOOP.raw_os_error() => changed("it is a symbolic link"),
        _ => error,
    }
}

fn check(metadata: &std::fs::Metadata) -> io::Result<()> {
    if metadata.is_symlink() {
        return Err(changed("it is a symbolic link"));
    }
    if !metadata.is_file() {
        return Err(changed("it is no regular file"));
    }
    if metadata.uid() != geteuid().as_raw() {
        return Err(changed("it belongs to another user"));
    }
    if metadata.nlink() != 1 {
        return Err(changed("it has another name elsewhere, too"));
    }
    Ok(())
}

fn changed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{what}: the folder was changed, so it is not used"))
}

/// A file of a run folder is not larger, and nothing else has to fit into memory with it.
pub const MOST_READ: u64 = 1 << 30;
/// Readable and writable for the owner alone.
const OURS: u32 = 0o600;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn what_is_made_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (within, file) = (folder.path().join("run"), folder.path().join("run/file"));
        make_folder(&within).unwrap();
        write(&file, b"1").unwrap();
        drop(append(&folder.path().join("run/other")).unwrap());
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&within), mode(&file), mode(&within.join("other"))), (0o700, 0o600, 0o600));
    }

    #[test]
    fn what_has_no_end_or_is_no_file_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link, pipe, huge) =
            <(_, _, _, _)>::from(["file", "link", "pipe", "huge"].map(|name| folder.path().join(name)));
        std::fs::write(&file, "text").unwrap();
        assert_eq!(read_text(&file).unwrap(), "text");
        assert_eq!(io::read_to_string(open_to_read(&file).unwrap()).unwrap(), "text");
        symlink("/dev/full", &link).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).unwrap();
        for other in [&link, &pipe] {
            let error = read(other).unwrap_err().to_string();
            assert!(error.contains("no regular file"), "{error}");
        }
        assert!(open_to_read(&pipe).unwrap_err().to_string().contains("no regular file"));
        symlink(&file, folder.path().join("to-file")).unwrap();
        let error = open_to_read(&folder.path().join("to-file")).unwrap_err().to_string();
        assert!(error.contains("symbolic link"), "{error}");
        File::create(&huge).unwrap().set_len(MOST_READ + 1).unwrap();
        let error = read(&huge).unwrap_err().to_string();
        assert!(error.contains("at most"), "{error}");
    }

    #[test]
    fn nothing_is_written_through_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let victim = folder.path().join("victim");
        std::fs::write(&victim, "precious").unwrap();
        let link = folder.path().join("link");
        symlink(&victim, &link).unwrap();
        let error = append(&link).unwrap_err().to_string();
        assert!(error.contains("symbolic link"), "{error}");
        assert!(is_ours(&link).is_err() && open_existing(&link).is_err());
        write(&link, b"new").unwrap();
        assert_eq!(
            (std::fs::read(&victim).unwrap(), std::fs::read(&link).unwrap()),
            (b"precious".to_vec(), b"new".to_vec())
        );

        let other_name = folder.path().join("other-name");
        std::fs::hard_link(&victim, &other_name).unwrap();
        let error = append(&other_name).unwrap_err().to_string();
        assert!(error.contains("another name"), "{error}");
        assert!(append(folder.path()).is_err());
        is_ours(&link).unwrap();
    }
}
