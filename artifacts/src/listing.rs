//! The runs that lie below a place.

use std::collections::BTreeSet;

use aws_sdk_s3::Client;
use tokio::task::JoinSet;

use crate::fault::{Fault, Kind};
use crate::fetch::read_manifest;
use crate::manifest::SignedManifest;
use crate::place::Place;
use crate::store::Store;

/// A run that lies there.
#[derive(Debug)]
pub struct RunFound {
    /// Where.
    pub place: Place,
    /// Its manifest, or why that cannot be used.
    pub manifest: Result<SignedManifest, Fault>,
}

/// The runs below a place in the order of their names, the last `most` of them; folders without a manifest are none.
///
/// # Errors
/// The place cannot be listed, or has too much in it.
pub async fn runs(store: &Store, below: &Place, most: usize) -> Result<Vec<RunFound>, Fault> {
    let names = folders(&store.client, below).await?;
    let names = names.into_iter().rev();
    let (mut found, mut under_way, mut waiting) = (Vec::new(), JoinSet::new(), names.take(most));
    loop {
        while under_way.len() < AT_ONCE
            && let Some(name) = waiting.next()
        {
            let (store, place) = (store.clone(), below.within(&name));
            under_way.spawn(async move {
                let manifest = read_manifest(&store, &place).await;
                RunFound { place, manifest }
            });
        }
        let Some(ended) = under_way.join_next().await else { break };
        let run = ended.map_err(|error| Fault::new(Kind::Other, below, error.to_string(), ""))?;
        match &run.manifest {
            Err(fault) if fault.kind() == Kind::Missing => {}
            Err(fault) if matches!(fault.kind(), Kind::Unreachable | Kind::Credentials) => {
                return run.manifest.map(|_| Vec::new());
            }
            _ => found.push(run),
        }
    }
    found.sort_by(|a: &RunFound, b| a.place.prefix.cmp(&b.place.prefix));
    Ok(found)
}

/// The names of the folders below a place.
async fn folders(client: &Client, below: &Place) -> Result<BTreeSet<String>, Fault> {
    let prefix = if below.prefix.is_empty() { String::new() } else { format!("{}/", below.prefix) };
    let (mut names, mut next) = (BTreeSet::new(), None);
    loop {
        let request = client.list_objects_v2().bucket(&below.bucket).prefix(&prefix).delimiter("/");
        let page = request.set_continuation_token(next).send().await;
        let page = page.map_err(|error| Fault::of(below, &error))?;
        let folders = page.common_prefixes().iter().filter_map(|folder| folder.prefix());
        let inside = folders.filter_map(|folder| folder.strip_prefix(&prefix));
        names.extend(inside.map(|name| name.trim_end_matches('/').to_owned()).filter(|name| is_name(name)));
        if names.len() > MOST_FOLDERS {
            let what = format!("there are more than {MOST_FOLDERS} folders in it");
            return Err(Fault::new(Kind::Settings, below, what, "name a longer prefix"));
        }
        next = page.next_continuation_token().map(str::to_owned);
        if next.is_none() || page.is_truncated() != Some(true) {
            return Ok(names);
        }
    }
}

/// Every key below a place, without its prefix; no more than `most` of them.
pub(crate) async fn keys(store: &Store, below: &Place, most: usize) -> Result<BTreeSet<String>, Fault> {
    let prefix = below.key("");
    let (mut keys, mut next) = (BTreeSet::new(), None);
    loop {
        let request = store.client.list_objects_v2().bucket(&below.bucket).prefix(&prefix);
        let page = request.set_continuation_token(next).send().await;
        let page = page.map_err(|error| Fault::of(below, &error))?;
        let found = page.contents().iter().filter_map(|object| object.key()?.strip_prefix(&prefix));
        keys.extend(found.map(str::to_owned));
        next = page.next_continuation_token().map(str::to_owned);
        if keys.len() > most || next.is_none() || page.is_truncated() != Some(true) {
            return Ok(keys);
        }
    }
}

fn is_name(name: &str) -> bool {
    crate::manifest::is_inside(name) && !name.contains('/')
}

/// Manifests that are read at once.
const AT_ONCE: usize = 8;
/// Their names are held in memory.
const MOST_FOLDERS: usize = 100_000;
