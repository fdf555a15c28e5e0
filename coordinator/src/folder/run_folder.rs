//! The folder of a run: where its files are, and how they are written.

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use edges::files;

use crate::time::compact;
use results::FolderError;
use results::folder::write_whole;

/// The folder of one run: it exists, can be written to, and is its owner's alone, for the keys of subscribers are in it.
#[derive(Clone, Debug)]
pub struct RunFolder {
    pub(crate) path: PathBuf,
    pub(crate) run_id: String,
    reserve: Reserve,
}

impl RunFolder {
    /// Makes `<runs>/<run-id>`. A name of our own making gets a number when it is taken; a given one must be free.
    ///
    /// # Errors
    /// [`FolderError`]: it cannot be made.
    pub fn create(runs: &Path, run_id: Option<&str>, scenario: &str) -> Result<Self, FolderError> {
        std::fs::create_dir_all(runs).map_err(|source| FolderError::unwritable(runs, source))?;
        let safe = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' };
        let name: String = scenario.chars().map(safe).take(60).collect();
        let made = format!("{}-{name}", compact(SystemTime::now()));
        let mut names = (1..=MOST_TWINS).map(|n| if n == 1 { made.clone() } else { format!("{made}-{n}") });
        loop {
            let run_id = run_id.map_or_else(|| names.next().unwrap_or_else(|| made.clone()), str::to_owned);
            let path = runs.join(&run_id);
            match files::make_folder(&path) {
                Ok(()) => {
                    let reserve = Reserve::open(&path).map_err(|source| {
                        let _ = std::fs::remove_dir(&path);
                        FolderError::unwritable(&path, source)
                    })?;
                    return Ok(Self { path, run_id, reserve });
                }
                Err(error)
                    if error.kind() == io::ErrorKind::AlreadyExists
                        && names.len() > 0
                        && run_id.starts_with(&made) => {}
                Err(source) => return Err(FolderError::unwritable(&path, source)),
            }
        }
    }

    /// The folder of a run that was begun.
    ///
    /// # Errors
    /// [`FolderError`]: it is not there.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let path = path.canonicalize().map_err(|source| FolderError::unwritable(path, source))?;
        let run_id = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { path, run_id, reserve: Reserve::default() })
    }

    /// Lets nobody else in any more: a folder that somebody copied, or an earlier version made, may be open to all.
    pub(crate) fn close_to_others(&self) -> Result<(), FolderError> {
        let closed = std::fs::set_permissions(&self.path, Permissions::from_mode(0o700));
        closed.map_err(|source| FolderError::unwritable(&self.path, source))
    }

    /// Removes the folder, with all that is in it: the run could not begin.
    pub fn abandon(&self) {
        self.reserve.give_up();
        let removed = remove(&self.path);
        if let Err(error) = removed.or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        }) {
            tracing::warn!(%error, path = %self.path.display(), "the folder of a run that could not begin is left over");
        }
    }

    /// The run's name.
    pub fn run_id(&self) -> &str {
        &self.run_id
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A new file that grows during the run.
    pub(crate) fn appender(&self, name: &str) -> Result<Appender, FolderError> {
        let path = self.path.join(name);
        let file = files::append(&path).map_err(|source| FolderError::unwritable(&path, source))?;
        Ok(Appender { path, file })
    }

    /// A file that grows on after so many octets; what is behind them goes.
    pub(crate) fn appender_at(&self, name: &str, octets: u64) -> Result<Appender, FolderError> {
        let appender = self.appender(name)?;
        let cut = || {
            let length = appender.file.metadata()?.len();
            if length < octets {
                let text =
                    format!("{octets} octets were written, and {length} are there: the folder was changed");
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
            appender.file.set_len(octets)
        };
        cut().map_err(|source| FolderError::unwritable(&appender.path, source))?;
        Ok(appender)
    }

    /// Removes a file or a folder that a run makes anew; it need not be there.
    pub(crate) fn remove(&self, name: &str) -> Result<(), FolderError> {
        let path = self.path.join(name);
        let removed =
            if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        match removed {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(FolderError::unwritable(&path, source))
            }
            _ => Ok(()),
        }
    }

    /// Writes a whole file.
    ///
    /// # Errors
    /// [`FolderError`]: it cannot be written.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<(), FolderError> {
        write_whole(&self.path.join(name), content)
    }
}

/// The descriptors that it takes to remove the folder, which there may be none of when a run cannot begin.
#[derive(Clone, Debug, Default)]
struct Reserve(Arc<Mutex<Vec<File>>>);

impl Reserve {
    fn open(path: &Path) -> io::Result<Self> {
        // Of the folder, and of one in it.
        let files = [File::open(path)?, File::open(path)?];
        Ok(Self(Arc::new(Mutex::new(files.into()))))
    }

    fn give_up(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// A file that is only appended to. Every append goes to the system at once: nothing waits in this process.
pub(crate) struct Appender {
    path: PathBuf,
    file: File,
}

impl Appender {
    pub(crate) fn append(&mut self, octets: &[u8]) -> io::Result<()> {
        self.file
            .write_all(octets)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", self.path.display())))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Removes a folder, for which descriptors are needed. Other threads may have taken those that were kept for it, and give some back as
/// they end.
fn remove(path: &Path) -> io::Result<()> {
    for _ in 0..REMOVAL_TRIES {
        match std::fs::remove_dir_all(path) {
            Err(error) if is_out_of_descriptors(&error) => std::thread::sleep(BETWEEN_REMOVALS),
            done => return done,
        }
    }
    std::fs::remove_dir_all(path)
}

fn is_out_of_descriptors(error: &io::Error) -> bool {
    use rustix::io::Errno;
    matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE))
}

/// A second in all.
const REMOVAL_TRIES: u32 = 100;
const BETWEEN_REMOVALS: Duration = Duration::from_millis(10);
const MOST_TWINS: u16 = 1000;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn folder_and_files_are_their_owners_alone() {
        let runs = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(runs.path(), None, "t").unwrap();
        folder.appender("journal.ndjson").unwrap();
        folder.write("plan.json", b"{}").unwrap();
        let within = ["", "journal.ndjson", "plan.json"].map(|name| mode(&folder.path.join(name)));
        assert_eq!(within, [0o700, 0o600, 0o600]);
        std::fs::set_permissions(&folder.path, Permissions::from_mode(0o755)).unwrap();
        folder.close_to_others().unwrap();
        assert_eq!(mode(&folder.path), 0o700);
        folder.abandon();
        assert!(!folder.path.exists());
    }

    #[test]
    fn nothing_is_cut_or_written_through_a_link() {
        let runs = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(runs.path(), None, "t").unwrap();
        let victim = runs.path().join("victim");
        std::fs::write(&victim, "a whole file of somebody else").unwrap();
        for name in ["timeline.ndjson", "plan.json.part"] {
            symlink(&victim, folder.path.join(name)).unwrap();
        }
        let error = folder.appender_at("timeline.ndjson", 3).err().unwrap().to_string();
        assert!(error.contains("timeline.ndjson") && error.contains("symbolic link"), "{error}");
        folder.write("plan.json", b"{}").unwrap();
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "a whole file of somebody else");
    }
}
