//! What runs leave is kept in S3: pushed at the end of a run, and read from there where a folder could be.
//!
//! A build without the feature `s3` takes the options all the same, and says how to get what it lacks.

#[cfg(feature = "s3")]
#[path = "artifacts/with.rs"]
mod built;
#[cfg(not(feature = "s3"))]
#[path = "artifacts/without.rs"]
mod built;

use std::path::{Path, PathBuf};

use anyhow::{Error, bail};

pub(crate) use built::{Cache, list, verify};

/// The S3 server.
#[derive(clap::Args, Clone, Debug, Default)]
#[group(skip)]
pub(crate) struct Server {
    /// The S3 server where it is not AWS (MinIO, Ceph, SeaweedFS): http://HOST:PORT or https://HOST. AWS_ENDPOINT_URL says the same.
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint: Option<String>,
}

/// How artifacts are kept.
#[derive(clap::Args, Clone, Debug, Default)]
#[group(skip)]
pub(crate) struct Settings {
    /// Locks each object until its time is over; the bucket was made with object lock. With governance, who has a special right may
    /// still delete it; with compliance, nobody.
    #[arg(long, value_name = "none|governance|compliance", value_parser = lock, default_value = "none")]
    pub(crate) artifacts_lock: Lock,
    /// For how long a class of files is kept: traces (30d where not given), reports (1y) or billing (3y). May be repeated.
    #[arg(long, value_name = "CLASS=TIME", value_parser = keep)]
    pub(crate) artifacts_keep: Vec<(String, u32)>,
    /// Encrypts by this key of KMS (its id, ARN or alias); `default` is the account's own.
    #[arg(long, value_name = "KEY")]
    pub(crate) artifacts_kms: Option<String>,
    /// Signs the manifest as the coordinator in this folder (see `roamstorm certs`); a coordinator signs as what it is.
    #[arg(long, value_name = "DIR")]
    pub(crate) artifacts_certs: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) server: Server,
}

impl Settings {
    /// An option that was given.
    fn named(&self) -> Option<&'static str> {
        let given = [
            (self.artifacts_lock != Lock::None, "--artifacts-lock"),
            (!self.artifacts_keep.is_empty(), "--artifacts-keep"),
            (self.artifacts_kms.is_some(), "--artifacts-kms"),
            (self.artifacts_certs.is_some(), "--artifacts-certs"),
            (self.server.endpoint.is_some(), "--endpoint"),
        ];
        given.into_iter().find_map(|(is_given, option)| is_given.then_some(option))
    }
}

/// Whether objects are locked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Lock {
    #[default]
    None,
    Governance,
    Compliance,
}

/// Where the artifacts of a run go, and how they are kept there.
#[derive(clap::Args, Clone, Debug, Default)]
#[group(skip)]
pub(crate) struct Options {
    /// Pushes the run folder there when the run is over, under the run's name: s3://BUCKET/PREFIX (docs/artifacts.md).
    #[arg(long, value_name = "S3-URL", value_parser = place)]
    artifacts: Option<String>,
    #[command(flatten)]
    settings: Settings,
}

impl Options {
    /// Signs as the coordinator whose identity is there, where nothing else is said.
    pub(crate) fn sign_as(&mut self, certs: &Path) {
        if self.artifacts.is_some() {
            self.settings.artifacts_certs.get_or_insert_with(|| certs.to_owned());
        }
    }

    /// Refuses what cannot be, before there is a run, and warns of what may not work at its end.
    pub(crate) async fn check(&self) -> Result<(), Error> {
        match &self.artifacts {
            // Who asks for a lock takes what is kept for locked.
            None => match self.settings.named() {
                Some(option) => {
                    bail!("{option} says how artifacts are kept: --artifacts s3://BUCKET/PREFIX says where")
                }
                None => Ok(()),
            },
            Some(place) => built::check(place, &self.settings).await,
        }
    }

    /// Pushes the folder of a run that has ended, where that is wanted; where its artifacts lie then. What goes wrong is said, and
    /// changes nothing.
    pub(crate) async fn push(&self, folder: &Path) -> Option<String> {
        let place = self.artifacts.as_ref()?;
        match built::push(folder, place, &self.settings).await {
            Ok(pushed) => {
                eprintln!("artifacts: {pushed}");
                Some(pushed.place)
            }
            Err(error) => {
                let again = again(folder, place, &self.settings);
                eprintln!(
                    "warning: the artifacts were not pushed: {error:#}; the run folder has them all: {again}"
                );
                None
            }
        }
    }
}

/// The command that pushes the same again.
pub(crate) fn again(folder: &Path, place: &str, settings: &Settings) -> String {
    let mut command = format!("roamstorm artifacts push {} {place}", folder.display());
    if let Some(endpoint) = &settings.server.endpoint {
        command += &format!(" --endpoint {endpoint}");
    }
    match settings.artifacts_lock {
        Lock::None => {}
        Lock::Governance => command += " --artifacts-lock governance",
        Lock::Compliance => command += " --artifacts-lock compliance",
    }
    for (class, days) in &settings.artifacts_keep {
        command += &format!(" --artifacts-keep {class}={days}d");
    }
    if let Some(key) = &settings.artifacts_kms {
        command += &format!(" --artifacts-kms {key}");
    }
    if let Some(certs) = &settings.artifacts_certs {
        command += &format!(" --artifacts-certs {}", certs.display());
    }
    command
}

/// What was pushed, for people.
pub(crate) struct Pushed {
    pub(crate) place: String,
    pub(crate) described: String,
}

impl std::fmt::Display for Pushed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.place, self.described)
    }
}

/// A place as options take it; whether it can be is seen when it is opened.
pub(crate) fn place(text: &str) -> Result<String, String> {
    is_place(text).then(|| text.to_owned()).ok_or_else(|| "expected s3://BUCKET/PREFIX".to_owned())
}

/// Whether a run, or a folder of runs, is meant that lies in S3.
pub(crate) fn is_place(text: &str) -> bool {
    text.starts_with("s3://")
}

/// The text of a path that is such a place.
pub(crate) fn as_place(path: &Path) -> Option<&str> {
    path.to_str().filter(|text| is_place(text))
}

/// Pushes a run folder; what became of it.
pub(crate) async fn push(folder: &Path, place: &str, settings: &Settings) -> Result<Pushed, Error> {
    built::push(folder, place, settings).await
}

fn lock(text: &str) -> Result<Lock, String> {
    match text {
        "none" => Ok(Lock::None),
        "governance" => Ok(Lock::Governance),
        "compliance" => Ok(Lock::Compliance),
        _ => Err("none, governance and compliance are accepted".to_owned()),
    }
}

/// `traces=30d` as a class and days.
fn keep(text: &str) -> Result<(String, u32), String> {
    let expected =
        || "expected traces, reports or billing with a time from 1d to 100y, such as traces=30d".to_owned();
    let (class, time) = text.split_once('=').ok_or_else(expected)?;
    let of_a_unit = [("d", 1), ("w", 7), ("y", 365)];
    let days = of_a_unit.iter().find_map(|(unit, days)| {
        let count: u32 = time.strip_suffix(unit)?.parse().ok()?;
        count.checked_mul(*days)
    });
    let days = days.filter(|days| (1..=36_500).contains(days)).ok_or_else(expected)?;
    if !CLASSES.contains(&class) {
        return Err(expected());
    }
    Ok((class.to_owned(), days))
}

const CLASSES: [&str; 3] = ["traces", "reports", "billing"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_kept_for_days_weeks_or_years() {
        for (text, class, days) in
            [("traces=30d", "traces", 30), ("reports=1y", "reports", 365), ("billing=2w", "billing", 14)]
        {
            assert_eq!(keep(text), Ok((class.to_owned(), days)));
        }
        for wrong in [
            "",
            "traces",
            "traces=",
            "traces=0d",
            "traces=30",
            "traces=101y",
            "logs=1d",
            "traces=99999999999y",
            "traces=-1d",
        ] {
            assert!(keep(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_failed_is_pushed_again_by_the_same_words() {
        let settings = Settings {
            artifacts_lock: Lock::Compliance,
            artifacts_keep: vec![("traces".to_owned(), 7)],
            artifacts_kms: Some("default".to_owned()),
            artifacts_certs: Some("fleet".into()),
            server: Server { endpoint: Some("http://127.0.0.1:9000".to_owned()) },
        };
        assert_eq!(
            again(Path::new("runs/r-1"), "s3://b/p", &settings),
            "roamstorm artifacts push runs/r-1 s3://b/p --endpoint http://127.0.0.1:9000 --artifacts-lock compliance \
             --artifacts-keep traces=7d --artifacts-kms default --artifacts-certs fleet"
        );
    }
}
