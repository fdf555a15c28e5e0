//! The files of a run folder, as whoever has to do with one reads and writes them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use edges::{files, text};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::call_flow::CallFlow;
use crate::interval::Interval;
use crate::search::SearchSummary;
use crate::stops::{self, Stop};
use crate::summary::{FORM, Summary};

/// A file of a run folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The run folder, or a file of it, cannot be used.
    #[error("{path}: {source}; a run needs a folder that it can write to: {remedy}, or choose another with --out", path = .path.display(), remedy = files::remedy(.source))]
    Unwritable {
        /// What could not be read or written.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// A file of a run folder cannot be read.
    #[error("{path}: {source}; the folder of a run that has ended is expected, such as runs/20261124-101500-smoke", path = .path.display())]
    Unreadable {
        /// What could not be read.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// A run folder holds something else than a run.
    #[error("{path}, line {line}: {source}; expected what a run writes", path = .path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// The line that is wrong, from 1.
        line: usize,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// A run folder is of a later program.
    #[error("{path} is of form {form}, and this program reads forms up to {FORM}: a newer roamstorm wrote the folder, and reads it", path = .path.display())]
    Newer {
        /// The file that says so.
        path: PathBuf,
        /// Its form.
        form: u64,
    },
}

impl FolderError {
    /// The file at `path` cannot be written.
    pub fn unwritable(path: &Path, source: io::Error) -> Self {
        Self::Unwritable { path: path.to_owned(), source }
    }
}

/// What a folder is of.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// A run that has ended.
    Run(Box<Summary>),
    /// A capacity search, whose probes are runs in folders of their own.
    Search(Box<SearchSummary>),
}

/// `summary.json` of a folder, of a run or of a capacity search. What a folder of an earlier program lacks has its default.
///
/// # Errors
/// It cannot be read, is of a later form, or holds something else than a run writes.
pub fn outcome(folder: &Path) -> Result<Outcome, FolderError> {
    let path = folder.join("summary.json");
    let content = read(&path)?;
    let value = parse(&path, 1, &content)?;
    let form = value.get("form").and_then(Value::as_u64).unwrap_or_default();
    if form > u64::from(FORM) {
        return Err(FolderError::Newer { path, form });
    }
    Ok(if value.get("probes").is_some() {
        Outcome::Search(Box::new(typed(&path, 1, &content, value)?))
    } else {
        Outcome::Run(Box::new(typed(&path, 1, &content, value)?))
    })
}

/// `summary.json` of the folder of a run, read as [`outcome`] is.
///
/// # Errors
/// As [`outcome`]; and the folder is that of a search.
pub fn summary(folder: &Path) -> Result<Summary, FolderError> {
    match outcome(folder)? {
        Outcome::Run(summary) => Ok(*summary),
        Outcome::Search(_) => Err(FolderError::Unreadable {
            path: folder.to_owned(),
            source: io::Error::new(io::ErrorKind::InvalidData, "it is of a capacity search"),
        }),
    }
}

/// `timeline.ndjson` of a folder.
///
/// # Errors
/// It cannot be read, or a line of it holds something else than a run writes.
pub fn timeline(folder: &Path) -> Result<Vec<Interval>, FolderError> {
    lines_of(&folder.join("timeline.ndjson"))
}

/// `ladders.ndjson` of a folder; none in a folder of before there were any.
///
/// # Errors
/// It cannot be read, or a line of it holds something else than a run writes.
pub fn call_flows(folder: &Path) -> Result<Vec<CallFlow>, FolderError> {
    let path = folder.join("ladders.ndjson");
    if path.exists() { lines_of(&path) } else { Ok(Vec::new()) }
}

/// When the run stood still, or its coordinator was started again, as `journal.ndjson` of a folder tells; nothing where there is no
/// such file, or where a line of it says something else.
pub fn stops(folder: &Path) -> Vec<Stop> {
    let content = files::read_text(&folder.join("journal.ndjson")).unwrap_or_default();
    stops::of(content.lines().filter_map(|line| serde_json::from_str(line).ok()))
}

/// What `plan.json` of a folder plans, by procedure.
///
/// # Errors
/// It cannot be read, or holds something else than a run writes.
pub fn planned(folder: &Path) -> Result<BTreeMap<String, u64>, FolderError> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Plan {
        planned: BTreeMap<String, u64>,
    }
    let path = folder.join("plan.json");
    let content = read(&path)?;
    let plan: Plan = typed(&path, 1, &content, parse(&path, 1, &content)?)?;
    Ok(plan.planned)
}

/// The values of a file that has one in each line.
fn lines_of<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, FolderError> {
    let content = read(path)?;
    let lines = content.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines.map(|(number, line)| typed(path, number + 1, line, parse(path, number + 1, line)?)).collect()
}

/// The value as what it should be. What is `null` counts as missing: that is how a figure is written that is no number.
fn typed<T: DeserializeOwned>(
    path: &Path,
    first_line: usize,
    content: &str,
    mut value: Value,
) -> Result<T, FolderError> {
    without_nulls(&mut value);
    T::deserialize(value).map_err(|error| {
        // A value does not know where it stood; its text does.
        let source = serde_json::from_str::<T>(content).err().unwrap_or(error);
        let line = first_line + source.line().saturating_sub(1);
        FolderError::Content { path: path.to_owned(), line, source }
    })
}

fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(without_nulls);
        }
        Value::Array(values) => values.iter_mut().for_each(without_nulls),
        _ => {}
    }
}

/// A whole file as text.
///
/// # Errors
/// [`FolderError::Unreadable`].
pub fn read(path: &Path) -> Result<String, FolderError> {
    files::read_text(path).map_err(|source| FolderError::Unreadable { path: path.to_owned(), source })
}

/// A whole file.
///
/// # Errors
/// [`FolderError::Unreadable`].
pub fn read_octets(path: &Path) -> Result<Vec<u8>, FolderError> {
    files::read(path).map_err(|source| FolderError::Unreadable { path: path.to_owned(), source })
}

/// What a file of a run folder says, with every text in it fit to be shown: somebody may have changed the file.
///
/// # Errors
/// [`FolderError::Content`]: it is no JSON.
fn parse(path: &Path, first_line: usize, content: &str) -> Result<Value, FolderError> {
    let mut value = serde_json::from_str(content).map_err(|source| {
        let line = first_line + source.line().saturating_sub(1);
        FolderError::Content { path: path.to_owned(), line, source }
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

/// Writes a whole file: under another name first, so that nobody ever sees half of it.
///
/// # Errors
/// [`FolderError::Unwritable`].
pub fn write_whole(path: &Path, content: &[u8]) -> Result<(), FolderError> {
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
        FolderError::unwritable(path, source)
    })
}

/// Characters of one text of a report; beyond them it is cut.
const LONGEST_TEXT: usize = 20_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_with(name: &str, content: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(name), content).unwrap();
        folder
    }

    #[test]
    fn time_line_of_an_earlier_form_is_read() {
        // Earlier versions wrote sums where causes stand now, and the other way round.
        let early = folder_with(
            "timeline.ndjson",
            r#"{"at_s": 3, "procedures": {"registration": {"failed": 3, "abandoned": 0, "timed_out": {"T3510": 2, "T3511": 1}}}, "later": 7}"#,
        );
        let intervals = timeline(early.path()).unwrap();
        let figures = &intervals[0].procedures["registration"];
        assert_eq!(
            (
                intervals[0].at_s,
                figures.failed.values().sum::<u64>(),
                figures.abandoned.len(),
                figures.timed_out
            ),
            (3, 3, 0, 3)
        );
    }

    #[test]
    fn journal_tells_when_the_run_stood_still() {
        let journal = r#"{"at": "x", "decision": "paused the run", "at_us": 5000000, "run_us": 5000100}
{"decision": "resumed the run", "paused_us": 7000000, "run_us": 5000000}
no json
{"decision": "the coordinator was started again", "run_us": 9000000, "agents": 2}
{"decision": "paused the run", "at_us": 9500000, "run_us": null}"#;
        let folder = folder_with("journal.ndjson", journal);
        let told: Vec<_> =
            stops(folder.path()).iter().map(|stop| (stop.kind, stop.at_us, stop.for_us)).collect();
        let (paused, restarted) = (crate::StopKind::Paused, crate::StopKind::CoordinatorRestarted);
        assert_eq!(told, [(paused, 5_000_000, 7_000_000), (restarted, 9_000_000, 0)]);
    }

    #[test]
    fn figure_that_is_no_number_counts_as_missing() {
        let folder = folder_with("summary.json", r#"{"duration_s": null, "seed": 7}"#);
        let summary = summary(folder.path()).unwrap();
        assert_eq!((summary.duration_s, summary.seed, summary.form), (0.0, 7, 0));
    }

    #[test]
    fn broken_folder_is_refused_with_the_line_that_is_wrong() {
        let broken = folder_with("summary.json", "{\n  \"run_id\": \"a\",\n  \"seed\": \"seven\"\n}");
        let told = summary(broken.path()).unwrap_err().to_string();
        assert!(told.contains("summary.json, line 3: ") && told.contains("\"seven\""), "{told}");
        let broken = folder_with("timeline.ndjson", "{\"at_s\": 1}\n{\"at_s\": 2, \"agents\": \"three\"}\n");
        let told = timeline(broken.path()).unwrap_err().to_string();
        assert!(told.contains("timeline.ndjson, line 2: "), "{told}");
    }

    #[test]
    fn folder_of_a_later_form_is_refused_whatever_else_it_holds() {
        for of in ["run_id", "probes"] {
            let newer = folder_with("summary.json", &format!("{{\"form\": 99, \"{of}\": 3}}"));
            let told = outcome(newer.path()).unwrap_err().to_string();
            assert!(told.contains("is of form 99") && told.contains("a newer roamstorm"), "{told}");
        }
    }

    #[test]
    fn search_is_told_from_a_run() {
        let search = folder_with(
            "summary.json",
            r#"{"probes": [{"folder": "probe-01", "rate_per_s": 10.0, "outcome": "held"}]}"#,
        );
        let Outcome::Search(read) = outcome(search.path()).unwrap() else { panic!("it is a search") };
        assert_eq!(read.probes[0].folder, "probe-01");
        assert!(summary(search.path()).unwrap_err().to_string().contains("it is of a capacity search"));
    }

    #[test]
    fn texts_of_a_changed_file_are_fit_to_be_shown() {
        let changed = r#"{"a\u001b": ["x\u009b2J\nPASS"]}"#;
        let value = parse(Path::new("summary.json"), 1, changed).unwrap();
        assert_eq!(value.to_string(), "{\"a\u{fffd}\":[\"x\u{fffd}2J PASS\"]}");
    }
}
