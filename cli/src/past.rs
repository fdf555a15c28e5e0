//! Runs that are there: their summaries, in the order in which they began.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Error};
use results::Status;
use serde_json::Value;

use crate::artifacts::{Cache, Server, as_place};

/// Which runs are meant.
#[derive(clap::Args)]
pub(crate) struct Filter {
    /// Where run folders are, also in S3: s3://BUCKET/PREFIX.
    #[arg(long = "out", id = "runs", value_name = "DIR", default_value = "runs")]
    folder: PathBuf,
    #[command(flatten)]
    server: Server,
    /// Those of this scenario, by its name.
    #[arg(long, value_name = "NAME")]
    scenario: Option<String>,
    /// Those that ended like this, or have not ended.
    #[arg(long, value_name = "VERDICT", value_parser = ["pass", "fail", "invalid", "under-way", "broken-off"])]
    verdict: Option<String>,
    /// Those against a target whose URL has this in it.
    #[arg(long, value_name = "TEXT")]
    target: Option<String>,
}

/// One run folder.
pub(crate) struct Past {
    /// The run's name, which is its folder's.
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    /// `summary.json`, or `null` where there is none.
    pub(crate) summary: Value,
}

impl Past {
    /// `pass`, `fail`, `invalid`; `under-way` or `broken-off` without a verdict.
    pub(crate) fn state(&self) -> &str {
        let verdict = &self.summary["verdict"];
        // A capacity search has its status beside its verdict's text.
        let status = verdict["status"].as_str().or_else(|| self.summary["status"].as_str());
        match status {
            Some(status) => status,
            None if self.folder.join("control.json").is_file() => "under-way",
            None => "broken-off",
        }
    }

    pub(crate) fn text(&self, key: &str) -> &str {
        self.summary[key].as_str().unwrap_or_default()
    }

    /// Whether something can be judged by it.
    pub(crate) fn is_valid(&self) -> bool {
        [Status::Pass, Status::Fail].map(Status::as_str).contains(&self.state())
    }

    fn started(&self) -> (&str, &str) {
        // Names begin with the time at which they were made.
        let started = self.text("started_at");
        if started.is_empty() { (&self.name, &self.name) } else { (started, &self.name) }
    }
}

impl Filter {
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Those runs, in the order in which they began.
    ///
    /// # Errors
    /// The folder of runs cannot be read.
    pub(crate) fn find(&self) -> Result<Vec<Past>, Error> {
        let cache = as_place(&self.folder).map(|place| Cache::of_runs(place, &self.server)).transpose()?;
        let folder = cache.as_ref().map_or(self.folder.as_path(), Cache::folder);
        let entries = std::fs::read_dir(folder).with_context(|| {
            format!("reading the runs in {} (--out names another folder)", self.folder.display())
        })?;
        let mut runs: Vec<Past> = entries.flatten().filter_map(|entry| read(&entry.path())).collect();
        if cache.is_some() {
            runs.iter_mut().for_each(|run| run.folder = self.folder.join(&run.name));
        }
        runs.retain(|run| self.takes(run));
        runs.sort_by(|a, b| a.started().cmp(&b.started()));
        Ok(runs)
    }

    fn takes(&self, run: &Past) -> bool {
        let has = |wanted: &Option<String>, is: &dyn Fn(&str) -> bool| wanted.as_deref().is_none_or(is);
        has(&self.scenario, &|name| run.text("scenario") == name)
            && has(&self.verdict, &|verdict| run.state() == verdict)
            && has(&self.target, &|target| run.text("target").contains(target))
    }
}

/// The run of this folder; nothing where it is none.
fn read(folder: &Path) -> Option<Past> {
    if !crate::runs::is_run(folder) {
        return None;
    }
    let name = folder.file_name()?.to_string_lossy().into_owned();
    let text = edges::files::read(&folder.join("summary.json")).unwrap_or_default();
    let mut summary: Value = serde_json::from_slice(&text).unwrap_or_default();
    if !summary.is_object() {
        // What is known before the end.
        let plan = edges::files::read(&folder.join("plan.json")).unwrap_or_default();
        let plan: Value = serde_json::from_slice(&plan).unwrap_or_default();
        summary =
            serde_json::json!({"scenario": plan["scenario"], "seed": plan["seed"], "target": plan["target"]});
    }
    Some(Past { name, folder: folder.to_owned(), summary })
}
