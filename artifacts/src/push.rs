//! A run folder goes up: file by file, several at once, and the manifest at last.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use results::folder::{Outcome, outcome};
use results::{FolderError, Status};
use ring::digest::{SHA256, digest};
use serde_json::json;
use tokio::task::JoinSet;
use wire::{IdentityError, Signature};

use crate::classes::Class;
use crate::fault::Fault;
use crate::files::{Found, FoundFile, hash};
use crate::manifest::{Entry, FORM, MANIFEST, Manifest, SignedManifest};
use crate::parts::LONGEST_FILE;
use crate::place::Place;
use crate::settings::{Lock, Settings};
use crate::store::Store;
use crate::upload::{Object, There, Uploader};

/// What was pushed.
#[derive(Debug)]
pub struct Pushed {
    /// Where the run lies.
    pub place: Place,
    /// What lies there.
    pub manifest: Manifest,
    /// Whether the manifest is signed.
    pub signed: bool,
    /// Files that were there already.
    pub skipped: usize,
    /// What of the folder did not go up, each with why.
    pub left_out: Vec<String>,
    /// Why the folder does not say where its artifacts are.
    pub receipt: Result<(), String>,
}

/// Why a folder did not go up.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// The server.
    #[error(transparent)]
    Server(#[from] Fault),
    /// The folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A file of it.
    #[error("{path}: {source}")]
    File {
        /// In the folder.
        path: String,
        /// Why it cannot be read.
        source: io::Error,
    },
    /// A file was not the same all the time.
    #[error("{0} was changed while it was pushed: push again when nothing writes to it")]
    Changed(String),
    /// A file has more octets than S3 takes in parts that fit into memory.
    #[error("{0} is longer than {LONGEST_FILE} octets, which is the most that is pushed")]
    TooLong(String),
    /// The run's name.
    #[error("{0:?} is no name of a run: letters, digits, dots, hyphens and underscores are")]
    Name(String),
    /// The signature.
    #[error(transparent)]
    Signer(#[from] IdentityError),
    /// Whoever pushed said so.
    #[error("it was stopped")]
    Stopped,
    /// This program.
    #[error("a task ended early: {0}")]
    Task(String),
}

/// What is known of the run that goes up.
struct Run {
    id: String,
    scenario: String,
    seed: u64,
    verdict: Status,
}

/// Pushes the folder of a run that has ended to a place of its name below `below`; until `stop`.
///
/// # Errors
/// See [`PushError`]. The folder stays as it is, and what has gone up is not sent again the next time.
pub async fn push(
    store: &Store,
    folder: &Path,
    below: &Place,
    settings: &Settings,
    stop: impl Future<Output = ()>,
) -> Result<Pushed, PushError> {
    let run = Run::of(folder)?;
    let place = below.within(&run.id);
    let uploader = Arc::new(Uploader::new(store.clone(), place.clone(), settings.kms.clone()));
    let pushed = tokio::select! {
        // Who listens for an interruption listens before anything has begun.
        biased;
        () = stop => Err(PushError::Stopped),
        pushed = push_all(&uploader, folder, &run, place, settings) => pushed,
    };
    match pushed {
        Ok((mut pushed, receipt)) => {
            let receipt = json!({
                "place": pushed.place.to_string(), "endpoint": store.endpoint(), "pushed_at": pushed.manifest.pushed_at,
                "manifest_sha256": receipt.sha256, "manifest_version": receipt.version, "signed": pushed.signed,
            });
            let path = folder.join(RECEIPT);
            let written = edges::files::write(&path, format!("{receipt:#}\n").as_bytes());
            pushed.receipt = written.map_err(|error| format!("{}: {error}", path.display()));
            Ok(pushed)
        }
        Err(error) => {
            let _ = tokio::time::timeout(FOR_TIDYING, uploader.abandon()).await;
            Err(error)
        }
    }
}

struct ManifestPushed {
    sha256: String,
    version: Option<String>,
}

async fn push_all(
    uploader: &Arc<Uploader>,
    folder: &Path,
    run: &Run,
    place: Place,
    settings: &Settings,
) -> Result<(Pushed, ManifestPushed), PushError> {
    let found = {
        let folder = folder.to_owned();
        blocking(&folder.display().to_string(), move || Found::look(&folder)).await?
    };
    let now = seconds_now();
    let mut waiting: VecDeque<FoundFile> = found.files.into();
    let (mut under_way, mut files, mut skipped) = (JoinSet::new(), Vec::new(), 0);
    loop {
        while under_way.len() < AT_ONCE
            && let Some(file) = waiting.pop_front()
        {
            let uploader = Arc::clone(uploader);
            let until = now + seconds(settings.keep.days(file.class));
            let lock = settings.lock.map(|mode| Lock { mode, until });
            let tagging = run.tagging(file.class);
            under_way.spawn(push_one(uploader, file, tagging, until, lock));
        }
        let Some(ended) = under_way.join_next().await else { break };
        let (entry, was_there) = ended.map_err(|error| PushError::Task(error.to_string()))??;
        files.push(entry);
        skipped += usize::from(was_there);
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let manifest = Manifest {
        form: FORM,
        run_id: run.id.clone(),
        scenario: run.scenario.clone(),
        seed: run.seed,
        verdict: run.verdict.as_str().to_owned(),
        pushed_at: in_text(now),
        program: wire::PROGRAM.to_owned(),
        lock: settings.lock,
        files,
    };
    let receipt = push_manifest(uploader, run, &manifest, now, settings).await?;
    let (signed, receipt_left) = (settings.signer.is_some(), Ok(()));
    let pushed = Pushed { place, manifest, signed, skipped, left_out: found.left_out, receipt: receipt_left };
    Ok((pushed, receipt))
}

/// What is there already is not sent again. The entry, and whether it was.
async fn push_one(
    uploader: Arc<Uploader>,
    file: FoundFile,
    tagging: String,
    until: i64,
    lock: Option<Lock>,
) -> Result<(Entry, bool), PushError> {
    let on_disk = file.on_disk.clone();
    let (octets, sha256) = blocking(&file.path, move || hash(&on_disk)).await?;
    let object = Object { path: file.path.clone(), octets, sha256, tagging, lock };
    let there = uploader.there(&object).await?;
    let was_there = there.is_some();
    let There { version, lock } = match there {
        Some(there) => There { lock: uploader.lock(&object, &there).await?, version: there.version },
        None => {
            let version = uploader.put_file(&object, &file.on_disk).await?;
            There { version, lock: object.lock.clone() }
        }
    };
    let entry = Entry {
        path: file.path,
        octets,
        sha256: hex::encode(sha256.as_ref()),
        class: file.class,
        keep_until: in_text(lock.map_or(until, |lock| lock.until)),
        version,
    };
    Ok((entry, was_there))
}

async fn push_manifest(
    uploader: &Uploader,
    run: &Run,
    manifest: &Manifest,
    now: i64,
    settings: &Settings,
) -> Result<ManifestPushed, PushError> {
    let no_json = |error: serde_json::Error| PushError::Task(error.to_string());
    let octets = serde_json::to_vec(manifest).map_err(no_json)?;
    let signature = settings.signer.as_ref().map(|signer| Signature::by(signer, &octets)).transpose()?;
    let signed = SignedManifest { manifest: manifest.clone(), octets, signature };
    let content = signed.content().map_err(no_json)?;
    let sha256 = digest(&SHA256, &content);
    let until = now + seconds(settings.keep.longest());
    let object = Object {
        path: MANIFEST.to_owned(),
        octets: content.len() as u64,
        sha256,
        tagging: run.tagging(Class::Billing),
        lock: settings.lock.map(|mode| Lock { mode, until }),
    };
    let version = uploader.put(&object, content).await?;
    Ok(ManifestPushed { sha256: hex::encode(sha256.as_ref()), version })
}

impl Run {
    fn of(folder: &Path) -> Result<Self, PushError> {
        let run = match outcome(folder)? {
            Outcome::Run(run) => {
                Self { id: run.run_id, scenario: run.scenario, seed: run.seed, verdict: run.verdict.status }
            }
            Outcome::Search(search) => Self {
                id: search.run_id,
                scenario: search.scenario,
                seed: search.seed,
                verdict: search.status,
            },
        };
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let is_name =
            !run.id.is_empty() && run.id.len() <= 200 && !run.id.starts_with('.') && run.id.chars().all(fits);
        if is_name { Ok(run) } else { Err(PushError::Name(edges::text::line(&run.id, 100).into_owned())) }
    }

    /// The tags of its objects: what rules of a bucket's life cycle, and bills, can go by.
    fn tagging(&self, class: Class) -> String {
        let tags = [
            ("run", self.id.as_str()),
            ("scenario", self.scenario.as_str()),
            ("verdict", self.verdict.as_str()),
            ("retention-class", class.as_str()),
        ];
        let tags: Vec<String> = tags.iter().map(|(key, value)| format!("{key}={}", tag(value))).collect();
        tags.join("&")
    }
}

/// The value of a tag in a query string; characters that a tag cannot have become `_`.
fn tag(value: &str) -> String {
    let fits = |c: char| {
        c.is_ascii_alphanumeric() || matches!(c, ' ' | '+' | '-' | '=' | '.' | '_' | ':' | '/' | '@')
    };
    let fitting = value.chars().take(LONGEST_TAG).map(|c| if fits(c) { c } else { '_' });
    fitting.fold(String::new(), |text, c| match c {
        c if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') => text + c.encode_utf8(&mut [0; 4]),
        c => text + &format!("%{:02X}", u32::from(c)),
    })
}

/// Does on a thread that may wait what waits for the disk.
pub(crate) async fn blocking<T: Send + 'static>(
    path: &str,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, PushError> {
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.map_err(|error| PushError::Task(error.to_string()))?;
    done.map_err(|source| PushError::File { path: path.to_owned(), source })
}

fn seconds_now() -> i64 {
    i64::try_from(UNIX_EPOCH.elapsed().unwrap_or_default().as_secs()).unwrap_or(i64::MAX)
}

fn seconds(days: u32) -> i64 {
    i64::from(days) * 24 * 3600
}

fn in_text(seconds: i64) -> String {
    DateTime::from_secs(seconds).fmt(DateTimeFormat::DateTime).unwrap_or_default()
}

/// In the run folder: where its artifacts are.
pub const RECEIPT: &str = "artifacts.json";
/// Files under way together. Most are small, and wait for the server.
const AT_ONCE: usize = 4;
const LONGEST_TAG: usize = 256;
/// For giving up what has begun.
const FOR_TIDYING: std::time::Duration = std::time::Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_have_only_what_tags_may_have() {
        assert_eq!(tag("campaign-10k"), "campaign-10k");
        assert_eq!(tag("a b/c&d=é\n"), "a%20b%2Fc_d%3D__");
        assert_eq!(tag(&"x".repeat(1_000)).len(), 256);
    }

    #[test]
    fn a_run_whose_name_is_no_part_of_a_key_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["", "..", ".hidden", "a/b", "a b", "é"] {
            let summary = json!({"run_id": name}).to_string();
            std::fs::write(folder.path().join("summary.json"), summary).unwrap();
            assert!(matches!(Run::of(folder.path()), Err(PushError::Name(_))), "{name:?}");
        }
        std::fs::remove_file(folder.path().join("summary.json")).unwrap();
        assert!(matches!(Run::of(folder.path()), Err(PushError::Folder(_))));
    }
}
