//! Files of a run come down again: those that somebody needs, held against the manifest.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use ring::digest::{Context, SHA256};
use tokio::task::JoinSet;

use crate::classes::fits;
use crate::fault::{Fault, Kind};
use crate::files::MOST_FILES;
use crate::manifest::{Entry, MANIFEST, SignedManifest};
use crate::place::Place;
use crate::store::Store;

/// What came down.
#[derive(Debug, Default)]
pub struct Fetched {
    /// Files that are in the manifest and not there any more: their time is over.
    pub over: Vec<String>,
    /// Octets that came down.
    pub octets: u64,
}

/// Reads the manifest of the run at this place; a signature that is there is of it.
///
/// # Errors
/// There is none, or it is not what a push wrote.
pub async fn read_manifest(store: &Store, place: &Place) -> Result<SignedManifest, Fault> {
    let at = place.within(MANIFEST);
    let request = store.client.get_object().bucket(&place.bucket).key(place.key(MANIFEST));
    let object = request.send().await.map_err(|error| {
        let fault = Fault::of(&at, &error);
        if fault.kind() == Kind::Missing {
            let remedy = "name a run, such as s3://BUCKET/PREFIX/RUN; `roamstorm artifacts list` shows those that are there";
            return Fault::new(Kind::Missing, place, "no run lies there, or its push has not ended", remedy);
        }
        fault
    })?;
    let mut content = Vec::new();
    receive(&at, object, LONGEST_MANIFEST, |octets| {
        content.extend_from_slice(octets);
        Ok(())
    })
    .await?;
    SignedManifest::read(&content).map_err(|why| Fault::new(Kind::Damaged, &at, why, UNTRUSTED))
}

/// Brings the files of a run that match one of these patterns into a folder that is there. Each has the length and the SHA-256 that
/// the manifest says, or nothing of it is used.
///
/// # Errors
/// The server does not give one, what comes is something else, or the disk does not take it.
pub async fn fetch(
    store: &Store,
    place: &Place,
    signed: &SignedManifest,
    wanted: &[&str],
    into: &Path,
) -> Result<Fetched, Fault> {
    let is_wanted = |entry: &&Entry| wanted.iter().any(|pattern| fits(pattern, &entry.path));
    let entries: Vec<&Entry> = signed.manifest.files.iter().filter(is_wanted).take(MOST_FILES).collect();
    let needed = entries.iter().fold(0u64, |sum, entry| sum.saturating_add(entry.octets));
    have_room(place, into, needed)?;
    let mut fetched = Fetched { over: Vec::new(), octets: needed };
    let mut under_way = JoinSet::new();
    let mut waiting = entries.into_iter();
    loop {
        while under_way.len() < AT_ONCE
            && let Some(entry) = waiting.next()
        {
            let (store, place, entry) = (store.clone(), place.clone(), entry.clone());
            let path = into.join(&entry.path);
            under_way.spawn(async move {
                let brought = bring(&store, &place, &entry, &path).await;
                brought.map(|there| (!there).then_some(entry.path))
            });
        }
        let Some(ended) = under_way.join_next().await else { return Ok(fetched) };
        let over = ended.map_err(|error| Fault::new(Kind::Other, place, error.to_string(), ""))??;
        fetched.over.extend(over);
    }
}

/// Brings one file; false where it is not there any more.
async fn bring(store: &Store, place: &Place, entry: &Entry, path: &Path) -> Result<bool, Fault> {
    let on_disk = |error: std::io::Error| {
        Fault::new(Kind::Full, path.display(), error.to_string(), edges::files::remedy(&error))
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(on_disk)?;
    }
    let mut file = edges::files::create(path).map_err(on_disk)?;
    match read(store, place, entry, Some(&mut file)).await {
        Ok(_) => Ok(true),
        Err(fault) if fault.kind() == Kind::Missing => {
            drop(std::fs::remove_file(path));
            Ok(false)
        }
        Err(fault) => Err(fault),
    }
}

/// Reads one object to its end, and holds it against its entry.
pub(crate) async fn read(
    store: &Store,
    place: &Place,
    entry: &Entry,
    mut into: Option<&mut File>,
) -> Result<GotObject, Fault> {
    let at = place.within(&entry.path);
    let request = store.client.get_object().bucket(&place.bucket).key(place.key(&entry.path));
    let request = request.set_version_id(entry.version.clone());
    let object = request.send().await.map_err(|error| Fault::of(&at, &error))?;
    let got = GotObject {
        lock_mode: object.object_lock_mode().and_then(crate::upload::lock_mode),
        locked_until: object.object_lock_retain_until_date().map(|until| until.secs()),
    };
    let mut context = Context::new(&SHA256);
    let octets = receive(&at, object, entry.octets, |octets| {
        context.update(octets);
        into.as_mut().map_or(Ok(()), |file| file.write_all(octets))
    })
    .await?;
    if octets != entry.octets {
        let what = format!("it has {octets} octets, and {} were pushed", entry.octets);
        return Err(Fault::new(Kind::Damaged, &at, what, UNTRUSTED));
    }
    if hex::encode(context.finish().as_ref()) != entry.sha256 {
        return Err(Fault::new(Kind::Damaged, &at, "its content is not what was pushed", UNTRUSTED));
    }
    Ok(got)
}

/// What the server says of an object beside its content.
pub(crate) struct GotObject {
    pub(crate) lock_mode: Option<crate::settings::LockMode>,
    pub(crate) locked_until: Option<i64>,
}

/// Takes an object piece by piece, and no more than it may have.
async fn receive(
    at: &Place,
    object: GetObjectOutput,
    most: u64,
    mut take: impl FnMut(&[u8]) -> std::io::Result<()>,
) -> Result<u64, Fault> {
    let (mut body, mut octets) = (object.body, 0u64);
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|error| Fault::broken_off(at, &error))?;
        octets = octets.saturating_add(piece.len() as u64);
        if octets > most {
            let what = format!("it has more than {most} octets");
            return Err(Fault::new(Kind::Damaged, at, what, UNTRUSTED));
        }
        take(&piece).map_err(|error| {
            Fault::new(
                Kind::Full,
                at,
                format!("it cannot be kept here: {error}"),
                edges::files::remedy(&error),
            )
        })?;
    }
    Ok(octets)
}

/// Refuses what the disk has no room for, before it is full.
fn have_room(place: &Place, folder: &Path, octets: u64) -> Result<(), Fault> {
    let Ok(disk) = rustix::fs::statvfs(folder) else { return Ok(()) };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    if octets.saturating_add(LEFT_FREE) > free {
        let what = format!("{octets} octets are needed of it, and {} has {free} free", folder.display());
        return Err(Fault::new(Kind::Full, place, what, "make room there, or set TMPDIR to a larger disk"));
    }
    Ok(())
}

const UNTRUSTED: &str = "it was changed or damaged since, and is not used";
/// Files that come down at once.
const AT_ONCE: usize = 4;
/// As many files as may go up have less.
const LONGEST_MANIFEST: u64 = 32 << 20;
/// Of a disk that is not ours alone.
const LEFT_FREE: u64 = 64 << 20;
