//! Which run is meant: a run folder, or the name of a run under `--out`.

use std::path::{Path, PathBuf};

use anyhow::{Error, bail};

use crate::artifacts::{Cache, Server, as_place};

/// Where run folders are, for the commands that take a run by its name too.
#[derive(clap::Args)]
pub(crate) struct Runs {
    /// Where run folders are, for a run that is given by its name.
    #[arg(long = "out", id = "runs", value_name = "DIR", default_value = "runs")]
    folder: PathBuf,
}

impl Runs {
    /// The folder of this run, which has ended or is under way.
    ///
    /// # Errors
    /// Neither the path nor the name among the runs is a run folder: the text says where it was looked for.
    pub(crate) fn find(&self, run: &Path) -> Result<PathBuf, Error> {
        find(run, &self.folder)
    }

    /// The same, also where it lies in S3: then with what is wanted of it.
    ///
    /// # Errors
    /// As [`Self::find`], or it cannot be brought.
    pub(crate) fn open(&self, run: &Path, server: &Server, wanted: &[&str]) -> Result<Opened, Error> {
        Opened::of(run, &self.folder, server, wanted)
    }
}

/// A run folder.
pub(crate) enum Opened {
    /// On this machine.
    Here(PathBuf),
    /// What is needed of one that lies in S3, for a while.
    Brought { cache: Cache, place: String },
}

impl Opened {
    /// The folder of this run, or what a command needs of it where it lies in S3.
    ///
    /// # Errors
    /// It is neither here nor there.
    pub(crate) fn of(run: &Path, runs: &Path, server: &Server, wanted: &[&str]) -> Result<Self, Error> {
        match as_place(run) {
            None => Ok(Self::Here(find(run, runs)?)),
            Some(place) => {
                let cache = Cache::of_run(place, server, wanted)?;
                Ok(Self::Brought { cache, place: place.trim_end_matches('/').to_owned() })
            }
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        match self {
            Self::Here(folder) => folder,
            Self::Brought { cache, .. } => cache.folder(),
        }
    }

    /// What it is called where people read it: its folder, or its place in S3.
    pub(crate) fn shown(&self) -> &Path {
        match self {
            Self::Here(folder) => folder,
            Self::Brought { place, .. } => Path::new(place),
        }
    }

    /// Where a page about it goes that has this name in its folder: there, or, of one that lies in S3, into the present one.
    pub(crate) fn page(&self, name: &str) -> PathBuf {
        match self {
            Self::Here(folder) => folder.join(name),
            Self::Brought { .. } => PathBuf::from(name),
        }
    }
}

/// The folder of a run that is given by its folder, or by its name among `runs`.
///
/// # Errors
/// Neither is a run folder: the text says where it was looked for.
pub(crate) fn find(run: &Path, runs: &Path) -> Result<PathBuf, Error> {
    if let Some(place) = as_place(run) {
        bail!(
            "{place} lies in S3: report, compare, reconcile, runs and trend read it there, and here a folder is needed"
        );
    }
    let under = runs.join(run);
    if let Some(found) = [run, under.as_path()].into_iter().find(|folder| is_run(folder)) {
        return Ok(found.to_owned());
    }
    let is_folder = [run, under.as_path()].into_iter().any(Path::is_dir);
    let near = near(run, runs).map(|near| format!(" (did you mean {near}?)")).unwrap_or_default();
    let (run, under) = (run.display(), under.display());
    if is_folder {
        bail!("{run} is no run folder: it has neither a summary.json nor a plan.json");
    }
    bail!(
        "there is no run {run}: neither {run} nor {under} is a folder{near}; name a run folder, or a run of the --out folder"
    )
}

/// The run whose name is nearest among those that there are, or the newest one.
fn near(run: &Path, runs: &Path) -> Option<String> {
    let wanted = run.file_name()?.to_str()?;
    let entries = std::fs::read_dir(runs).ok()?.flatten();
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.retain(|name| is_run(&runs.join(name)));
    names.sort_unstable();
    let known: Vec<&str> = names.iter().map(String::as_str).collect();
    let near = scenarios::nearest(wanted, &known).map(str::to_owned);
    near.or_else(|| names.last().map(|newest| format!("the newest, {newest}")))
}

/// Whether this folder is that of a run.
pub(crate) fn is_run(folder: &Path) -> bool {
    OF_A_RUN.iter().any(|file| folder.join(file).is_file())
}

/// A folder with one of these is that of a run: the plan is there from its beginning, the summary from its end.
const OF_A_RUN: [&str; 2] = ["plan.json", "summary.json"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_found_by_its_folder_and_by_its_name_and_a_path_goes_first() {
        let runs = tempfile::tempdir().unwrap();
        let folder = runs.path().join("night-1");
        std::fs::create_dir(&folder).unwrap();
        let error = find(Path::new("night-1"), runs.path()).unwrap_err().to_string();
        assert!(error.contains("neither a summary.json nor a plan.json"), "{error}");
        std::fs::write(folder.join("summary.json"), "{}").unwrap();
        assert_eq!(find(Path::new("night-1"), runs.path()).unwrap(), folder);
        assert_eq!(find(&folder, Path::new("elsewhere")).unwrap(), folder);
        let error = find(Path::new("night-2"), runs.path()).unwrap_err().to_string();
        assert!(error.contains("there is no run night-2") && error.contains("--out"), "{error}");
        assert!(error.contains("did you mean night-1?"), "{error}");
        let error = find(Path::new("another"), runs.path()).unwrap_err().to_string();
        assert!(error.contains("did you mean the newest, night-1?"), "{error}");
    }
}
