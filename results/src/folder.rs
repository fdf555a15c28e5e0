//! The files of a run folder, as whoever has to do with one reads and writes them.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use edges::{files, text};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::interval::Interval;
use crate::summary::Summary;

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
}

impl FolderError {
    /// The file at `path` cannot be written.
    pub fn unwritable(path: &Path, source: io::Error) -> Self {
        Self::Unwritable { path: path.to_owned(), source }
    }
}

/// The values of a file that has one in each line.
///
/// # Errors
/// The file cannot be read, or a line of it is no JSON.
pub fn lines_of(path: &Path) -> Result<Vec<Value>, FolderError> {
    let content = read(path)?;
    let lines = content.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines.map(|(number, line)| parse(path, number + 1, line)).collect()
}

/// `summary.json` of a folder. What this version does not understand in one of another version, or in a changed one, counts as
/// missing.
///
/// # Errors
/// It cannot be read, or is no JSON.
pub fn summary(folder: &Path) -> Result<Summary, FolderError> {
    let path = folder.join("summary.json");
    Ok(understood(parse(&path, 1, &read(&path)?)?))
}

/// `timeline.ndjson` of a folder, read as [`summary`] is.
///
/// # Errors
/// It cannot be read, or a line of it is no JSON.
pub fn timeline(folder: &Path) -> Result<Vec<Interval>, FolderError> {
    Ok(lines_of(&folder.join("timeline.ndjson"))?.into_iter().map(understood).collect())
}

/// The fields that are understood; the others have their defaults.
fn understood<T: DeserializeOwned + Default>(value: Value) -> T {
    if let Ok(whole) = T::deserialize(&value) {
        return whole;
    }
    let Value::Object(fields) = value else { return T::default() };
    let alone = |name: &String, value: &Value| {
        let field = Value::Object(Map::from_iter([(name.clone(), value.clone())]));
        T::deserialize(&field).is_ok()
    };
    let known: Map<String, Value> = fields.into_iter().filter(|(name, value)| alone(name, value)).collect();
    T::deserialize(&Value::Object(known)).unwrap_or_default()
}

/// A whole file as text.
///
/// # Errors
/// [`FolderError::Unreadable`].
pub fn read(path: &Path) -> Result<String, FolderError> {
    std::fs::read_to_string(path).map_err(|source| FolderError::Unreadable { path: path.to_owned(), source })
}

/// What a file of a run folder says, with every text in it fit to be shown: somebody may have changed the file.
///
/// # Errors
/// [`FolderError::Content`]: it is no JSON.
pub fn parse(path: &Path, first_line: usize, content: &str) -> Result<Value, FolderError> {
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

    #[test]
    fn what_is_not_understood_counts_as_missing() {
        let of = |text: &str| understood::<Interval>(serde_json::from_str(text).unwrap());
        let odd = of(r#"{"at_s": 3, "agents": "three", "sessions": 7}"#);
        assert_eq!((odd.at_s, odd.agents, odd.sessions), (3, 0, 7));
        assert_eq!(of("[]"), Interval::default());
        // As versions before this one wrote them.
        let early = of(
            r#"{"procedures": {"registration": {"failed": 3, "abandoned": 0, "timed_out": {"T3510": 2, "T3511": 1}}}}"#,
        );
        let figures = &early.procedures["registration"];
        assert_eq!(
            (figures.failed.values().sum::<u64>(), figures.abandoned.len(), figures.timed_out),
            (3, 0, 3)
        );
    }

    #[test]
    fn texts_of_a_changed_file_are_fit_to_be_shown() {
        let changed = r#"{"a\u001b": ["x\u009b2J\nPASS"]}"#;
        let value = parse(Path::new("summary.json"), 1, changed).unwrap();
        assert_eq!(value.to_string(), "{\"a\u{fffd}\":[\"x\u{fffd}2J PASS\"]}");
    }
}
