//! The folder of a run: where its files are, how they are written, and the report that is drawn from them.

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use edges::{files, text};
use serde_json::Value;

use crate::time::compact;
use crate::{CoordinatorError, report};

/// The folder of one run: it exists, can be written to, and is its owner's alone, for the keys of subscribers are in it.
#[derive(Clone, Debug)]
pub struct RunFolder {
    pub(crate) path: PathBuf,
    pub(crate) run_id: String,
}

impl RunFolder {
    /// Makes `<runs>/<run-id>`. A name of our own making gets a number when it is taken; a given one must be free.
    ///
    /// # Errors
    /// [`CoordinatorError::Folder`]: it cannot be made.
    pub fn create(runs: &Path, run_id: Option<&str>, scenario: &str) -> Result<Self, CoordinatorError> {
        std::fs::create_dir_all(runs).map_err(|source| CoordinatorError::folder(runs, source))?;
        let safe = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' };
        let name: String = scenario.chars().map(safe).take(60).collect();
        let made = format!("{}-{name}", compact(SystemTime::now()));
        let mut names = (1..=MOST_TWINS).map(|n| if n == 1 { made.clone() } else { format!("{made}-{n}") });
        loop {
            let run_id = run_id.map_or_else(|| names.next().unwrap_or_else(|| made.clone()), str::to_owned);
            let path = runs.join(&run_id);
            match files::make_folder(&path) {
                Ok(()) => return Ok(Self { path, run_id }),
                Err(error)
                    if error.kind() == io::ErrorKind::AlreadyExists
                        && names.len() > 0
                        && run_id.starts_with(&made) => {}
                Err(source) => return Err(CoordinatorError::folder(&path, source)),
            }
        }
    }

    /// The folder of a run that was begun.
    ///
    /// # Errors
    /// [`CoordinatorError::Folder`]: it is not there.
    pub fn open(path: &Path) -> Result<Self, CoordinatorError> {
        let path = path.canonicalize().map_err(|source| CoordinatorError::folder(path, source))?;
        let run_id = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { path, run_id })
    }

    /// Lets nobody else in any more: a folder that somebody copied, or an earlier version made, may be open to all.
    pub(crate) fn close_to_others(&self) -> Result<(), CoordinatorError> {
        let closed = std::fs::set_permissions(&self.path, Permissions::from_mode(0o700));
        closed.map_err(|source| CoordinatorError::folder(&self.path, source))
    }

    /// Removes the folder, with all that is in it: the run could not begin.
    pub fn abandon(&self) {
        let removed = std::fs::remove_dir_all(&self.path);
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
    pub(crate) fn appender(&self, name: &str) -> Result<Appender, CoordinatorError> {
        let path = self.path.join(name);
        let file = files::append(&path).map_err(|source| CoordinatorError::folder(&path, source))?;
        Ok(Appender { path, file })
    }

    /// A file that grows on after so many octets; what is behind them goes.
    pub(crate) fn appender_at(&self, name: &str, octets: u64) -> Result<Appender, CoordinatorError> {
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
        cut().map_err(|source| CoordinatorError::folder(&appender.path, source))?;
        Ok(appender)
    }

    /// Removes a file or a folder that a run makes anew; it need not be there.
    pub(crate) fn remove(&self, name: &str) -> Result<(), CoordinatorError> {
        let path = self.path.join(name);
        let removed =
            if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        match removed {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(CoordinatorError::folder(&path, source))
            }
            _ => Ok(()),
        }
    }

    /// Writes a whole file.
    pub(crate) fn write(&self, name: &str, content: &[u8]) -> Result<(), CoordinatorError> {
        write_whole(&self.path.join(name), content)
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

/// Draws `report.html` of a run folder from its `summary.json` and `timeline.ndjson`, that of a capacity search from the
/// former alone, and returns its path.
///
/// # Errors
/// A file cannot be read or written, or holds something else than a run writes.
pub fn render_report(folder: &Path) -> Result<PathBuf, CoordinatorError> {
    let summary_path = folder.join("summary.json");
    let summary = parse(&summary_path, 1, &read(&summary_path)?)?;
    let path = folder.join("report.html");
    if summary.get("probes").is_some_and(Value::is_array) {
        write_whole(&path, report::render_search(&summary).as_bytes())?;
        return Ok(path);
    }
    let timeline = lines_of(&folder.join("timeline.ndjson"))?;
    let ladders = ladders(&folder.join("ladders.ndjson"))?;
    write_whole(&path, report::render(&summary, &timeline, &ladders).as_bytes())?;
    Ok(path)
}

/// Writes `summary.json` and `report.html` of a capacity search, and returns the path of the latter.
///
/// # Errors
/// [`CoordinatorError::Folder`]: they cannot be written.
pub fn write_search(folder: &RunFolder, summary: &Value) -> Result<PathBuf, CoordinatorError> {
    folder.write("summary.json", format!("{summary:#}\n").as_bytes())?;
    let page = folder.path.join("report.html");
    write_whole(&page, report::render_search(summary).as_bytes())?;
    Ok(page)
}

/// None in a folder of before there were any.
fn ladders(path: &Path) -> Result<Vec<Value>, CoordinatorError> {
    if path.exists() { lines_of(path) } else { Ok(Vec::new()) }
}

/// The values of a file that has one in each line.
pub(crate) fn lines_of(path: &Path) -> Result<Vec<Value>, CoordinatorError> {
    let content = read(path)?;
    let lines = content.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines.map(|(number, line)| parse(path, number + 1, line)).collect()
}

pub(crate) fn read(path: &Path) -> Result<String, CoordinatorError> {
    std::fs::read_to_string(path)
        .map_err(|source| CoordinatorError::Unreadable { path: path.to_owned(), source })
}

/// What a file of a run folder says, with every text in it fit to be shown: somebody may have changed the file.
pub(crate) fn parse(path: &Path, first_line: usize, content: &str) -> Result<Value, CoordinatorError> {
    let mut value = serde_json::from_str(content).map_err(|source| {
        let line = first_line + source.line().saturating_sub(1);
        CoordinatorError::Content { path: path.to_owned(), line, source }
    })?;
    make_fit(&mut value);
    Ok(value)
}

fn make_fit(value: &mut Value) {
    match value {
        Value::String(said) => text::make_line(said, LONGEST_TEXT),
        Value::Array(values) => values.iter_mut().for_each(make_fit),
        Value::Object(fields) => {
            if fields.keys().any(|name| name.chars().any(text::is_unfit)) {
                let all = std::mem::take(fields).into_iter();
                *fields =
                    all.map(|(name, value)| (text::line(&name, LONGEST_TEXT).into_owned(), value)).collect();
            }
            fields.values_mut().for_each(make_fit);
        }
        _ => {}
    }
}

/// Under another name first, so that nobody ever sees half of it.
pub(crate) fn write_whole(path: &Path, content: &[u8]) -> Result<(), CoordinatorError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    let part = PathBuf::from(name);
    let written = files::create(&part).and_then(|mut file: File| {
        file.write_all(content)?;
        file.sync_all()
            .or_else(|error| if error.kind() == io::ErrorKind::InvalidInput { Ok(()) } else { Err(error) })
    });
    written.and_then(|()| std::fs::rename(&part, path)).map_err(|source| {
        // What is left of it must not be taken for the file.
        let _ = std::fs::remove_file(&part);
        CoordinatorError::folder(path, source)
    })
}

const MOST_TWINS: u16 = 1000;
/// Characters of one text of a report; beyond them it is cut.
const LONGEST_TEXT: usize = 20_000;

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

    #[test]
    fn texts_of_a_changed_file_are_fit_to_be_shown() {
        let changed = r#"{"a\u001b": ["x\u009b2J\nPASS"]}"#;
        let value = parse(Path::new("summary.json"), 1, changed).unwrap();
        assert_eq!(value.to_string(), "{\"a\u{fffd}\":[\"x\u{fffd}2J PASS\"]}");
    }
}
