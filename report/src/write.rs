//! `report.html` of a run folder, drawn from its files.

use std::path::{Path, PathBuf};

use results::FolderError;
use results::folder::{lines_of, parse, read, write_whole};
use serde_json::Value;

use crate::{capacity, render};

/// Draws `report.html` of a run folder from its `summary.json` and `timeline.ndjson`, that of a capacity search from the
/// former alone, and returns its path.
///
/// # Errors
/// A file cannot be read or written, or holds something else than a run writes.
pub fn render_report(folder: &Path) -> Result<PathBuf, FolderError> {
    let summary_path = folder.join("summary.json");
    let summary = parse(&summary_path, 1, &read(&summary_path)?)?;
    let path = folder.join("report.html");
    if summary.get("probes").is_some_and(Value::is_array) {
        write_whole(&path, capacity::render(&summary).as_bytes())?;
        return Ok(path);
    }
    let timeline = lines_of(&folder.join("timeline.ndjson"))?;
    let ladders = ladders(&folder.join("ladders.ndjson"))?;
    write_whole(&path, render(&summary, &timeline, &ladders).as_bytes())?;
    Ok(path)
}

/// Writes `summary.json` and `report.html` of a capacity search, and returns the path of the latter.
///
/// # Errors
/// [`FolderError`]: they cannot be written.
pub fn write_search(folder: &Path, summary: &Value) -> Result<PathBuf, FolderError> {
    write_whole(&folder.join("summary.json"), format!("{summary:#}\n").as_bytes())?;
    let page = folder.join("report.html");
    write_whole(&page, capacity::render(summary).as_bytes())?;
    Ok(page)
}

/// None in a folder of before there were any.
fn ladders(path: &Path) -> Result<Vec<Value>, FolderError> {
    if path.exists() { lines_of(path) } else { Ok(Vec::new()) }
}
