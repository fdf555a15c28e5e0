//! Whether a run lies there as it was pushed: every object read to its end and held against the manifest, its lock, and who signed.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use serde::Serialize;
use tokio::task::JoinSet;

use crate::fault::{Fault, Kind};
use crate::fetch::{read, read_manifest};
use crate::listing::keys;
use crate::manifest::{Entry, MANIFEST, Manifest};
use crate::place::Place;
use crate::settings::LockMode;
use crate::store::Store;

/// What was found.
#[derive(Debug)]
pub struct Verified {
    /// What was pushed.
    pub manifest: Manifest,
    /// Who signed it.
    pub signer: Signer,
    /// Files that are as they were pushed.
    pub agree: usize,
    /// Files that are gone because their time is over.
    pub over: Vec<String>,
    /// What is not as it was pushed.
    pub problems: Vec<Problem>,
    /// Objects that are there beside those of the manifest; nothing where the place may not be listed.
    pub others: Option<Vec<String>>,
}

/// Something that is not as it was pushed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Which file.
    pub path: String,
    /// What is wrong with it.
    pub what: String,
}

/// Who signed a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signer {
    /// Nobody.
    Nobody,
    /// A certificate with this fingerprint; whose, nobody asked.
    Unchecked(String),
    /// A coordinator of the authority.
    Trusted(String),
    /// Somebody else: why not.
    NotTrusted(String),
}

impl Verified {
    /// Whether everything is as it was pushed, by who should have.
    pub fn is_good(&self) -> bool {
        self.problems.is_empty() && !matches!(self.signer, Signer::NotTrusted(_))
    }
}

/// Verifies the run at this place; with an authority's certificate, who pushed it too.
///
/// # Errors
/// There is no manifest, or the server cannot be asked. What is found wrong is no error.
pub async fn verify(store: &Store, place: &Place, authority: Option<&Path>) -> Result<Verified, Fault> {
    let signed = read_manifest(store, place).await?;
    let pushed_at = seconds(&signed.manifest.pushed_at).unwrap_or_default();
    let at = UNIX_EPOCH + Duration::from_secs(u64::try_from(pushed_at).unwrap_or_default());
    let signer = match (&signed.signature, authority) {
        (None, None) => Signer::Nobody,
        (None, Some(_)) => Signer::NotTrusted("nobody signed it".to_owned()),
        (Some(signature), None) => Signer::Unchecked(signature.fingerprint().unwrap_or_default()),
        (Some(signature), Some(authority)) => match signature.is_trusted(authority, at) {
            Ok(()) => Signer::Trusted(signature.fingerprint().unwrap_or_default()),
            Err(error) => Signer::NotTrusted(error.to_string()),
        },
    };
    let manifest = signed.manifest;
    let others = match keys(store, place, manifest.files.len() + MOST_OTHERS).await {
        Ok(keys) => {
            Some(keys.into_iter().filter(|key| key != MANIFEST && manifest.entry(key).is_none()).collect())
        }
        Err(fault) if fault.kind() == Kind::Denied => None,
        Err(fault) => return Err(fault),
    };
    let mut verified =
        Verified { manifest, signer, agree: 0, over: Vec::new(), problems: Vec::new(), others };
    let (mut under_way, mut waiting) = (JoinSet::new(), verified.manifest.files.clone().into_iter());
    loop {
        while under_way.len() < AT_ONCE
            && let Some(entry) = waiting.next()
        {
            let (store, place, lock) = (store.clone(), place.clone(), verified.manifest.lock);
            under_way.spawn(async move {
                let judged = judge(&store, &place, &entry, lock).await;
                (entry.path, judged)
            });
        }
        let Some(ended) = under_way.join_next().await else { break };
        let (path, judged) = ended.map_err(|error| Fault::new(Kind::Other, place, error.to_string(), ""))?;
        match judged? {
            Judged::Agrees => verified.agree += 1,
            Judged::IsOver => verified.over.push(path),
            Judged::Wrong(what) => verified.problems.push(Problem { path, what }),
        }
    }
    verified.over.sort_unstable();
    verified.problems.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(verified)
}

enum Judged {
    Agrees,
    IsOver,
    Wrong(String),
}

async fn judge(store: &Store, place: &Place, entry: &Entry, lock: Option<LockMode>) -> Result<Judged, Fault> {
    let Some(until) = seconds(&entry.keep_until) else {
        return Ok(Judged::Wrong(format!("until when it is kept cannot be read: {}", entry.keep_until)));
    };
    let got = match read(store, place, entry, None).await {
        Ok(got) => got,
        Err(fault) if fault.kind() == Kind::Missing && until <= now() => return Ok(Judged::IsOver),
        Err(fault) if fault.kind() == Kind::Missing => {
            return Ok(Judged::Wrong(format!(
                "it is missing, and was to be kept until {}",
                entry.keep_until
            )));
        }
        Err(fault) if matches!(fault.kind(), Kind::Unreachable | Kind::Credentials) => return Err(fault),
        Err(fault) => return Ok(Judged::Wrong(fault.to_string())),
    };
    let Some(lock) = lock.filter(|_| until > now()) else { return Ok(Judged::Agrees) };
    Ok(match (got.lock_mode, got.locked_until) {
        (None, _) | (_, None) => Judged::Wrong(format!(
            "the server says of no lock (s3:GetObjectRetention lets it), and it was pushed with one until {}",
            entry.keep_until
        )),
        (Some(LockMode::Governance), _) if lock == LockMode::Compliance => {
            Judged::Wrong("its lock is governance, and was to be compliance".to_owned())
        }
        (_, Some(locked)) if locked < until => {
            let locked = DateTime::from_secs(locked).fmt(DateTimeFormat::DateTime).unwrap_or_default();
            Judged::Wrong(format!(
                "it is locked until {locked} alone, and was to be until {}",
                entry.keep_until
            ))
        }
        _ => Judged::Agrees,
    })
}

fn seconds(text: &str) -> Option<i64> {
    DateTime::from_str(text, DateTimeFormat::DateTime).ok().map(|time| time.secs())
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// Files that are read at once.
const AT_ONCE: usize = 4;
/// Objects beside those of the manifest that are looked for.
const MOST_OTHERS: usize = 1_000;
