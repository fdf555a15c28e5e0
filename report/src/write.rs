//! `report.html` of a run folder, drawn from its files.

use std::path::{Path, PathBuf};

use results::folder::{Outcome, call_flows, outcome, stops, timeline, write_whole};
use results::{FolderError, SearchSummary};
use serde_json::json;

use crate::compare::read_series;
use crate::{Besides, capacity, render};

/// Draws `report.html` of a run folder from its `summary.json` and `timeline.ndjson`, that of a capacity search from the
/// former alone, and returns its path.
///
/// # Errors
/// A file cannot be read or written, or holds something else than a run writes.
pub fn render_report(folder: &Path) -> Result<PathBuf, FolderError> {
    let path = folder.join("report.html");
    let page = match outcome(folder)? {
        Outcome::Search(search) => capacity::render(&search),
        Outcome::Run(summary) => {
            let timeline = timeline(folder)?;
            // A folder of before there was such a log, or one that is cut short, has a report all the same.
            let latencies = read_series(folder, &timeline).ok();
            let besides = Besides { latencies: latencies.as_ref(), stops: &stops(folder) };
            render(&summary, &timeline, &call_flows(folder)?, besides)
        }
    };
    write_whole(&path, page.as_bytes())?;
    Ok(path)
}

/// Writes `summary.json` and `report.html` of a capacity search, and returns the path of the latter.
///
/// # Errors
/// [`FolderError`]: they cannot be written.
pub fn write_search(folder: &Path, summary: &SearchSummary) -> Result<PathBuf, FolderError> {
    write_whole(&folder.join("summary.json"), format!("{:#}\n", json!(summary)).as_bytes())?;
    write_whole(&folder.join("junit.xml"), crate::junit::render_search(summary).as_bytes())?;
    let page = folder.join("report.html");
    write_whole(&page, capacity::render(summary).as_bytes())?;
    Ok(page)
}
