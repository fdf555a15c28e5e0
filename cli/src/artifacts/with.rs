//! A build with S3.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Error, bail, ensure};
use artifacts::{Entry, Keep, Kind, LockMode, Place, Signer, Store, Verified};
use edges::memory::shown;
use edges::text::line;
use serde_json::{Value, json};
use wire::{Identity, Role};

use super::{Lock, Pushed, Server, Settings};
use crate::commands::{interrupted, runtime};
use crate::exit::Exit;

/// Refuses what cannot be, and warns of what may not work.
pub(super) async fn check(place: &str, settings: &Settings) -> Result<(), Error> {
    let place = parse(place).context("--artifacts")?;
    kept(settings)?;
    let look = async {
        let store = Store::open_for_a_look(settings.server.endpoint.as_deref()).await?;
        store.look(&place).await
    };
    match tokio::time::timeout(LONGEST_LOOK, look).await {
        Ok(Ok(())) => {}
        Ok(Err(fault)) if fault.kind() == Kind::Settings && fault.to_string().starts_with("--endpoint") => {
            return Err(fault.into());
        }
        Ok(Err(fault)) => {
            eprintln!("warning: --artifacts: {fault} (the run begins; they are pushed at its end)")
        }
        Err(_) => eprintln!(
            "warning: --artifacts: {place}: the server does not answer (the run begins; they are pushed at its end)"
        ),
    }
    Ok(())
}

/// Pushes a run folder; Ctrl-C ends that.
pub(super) async fn push(folder: &Path, place: &str, settings: &Settings) -> Result<Pushed, Error> {
    let place = parse(place)?;
    let kept = kept(settings)?;
    let store = Store::open(settings.server.endpoint.as_deref()).await?;
    let pushed = artifacts::push(&store, folder, &place, &kept, interrupted()).await?;
    for left in &pushed.left_out {
        eprintln!("warning: not pushed: {left}");
    }
    if let Err(why) = &pushed.receipt {
        eprintln!("warning: the run folder does not say where its artifacts are: {why}");
    }
    let files = pushed.manifest.files.len();
    let mut described = format!("{files} files, {}", shown(pushed.manifest.octets()));
    if pushed.skipped > 0 {
        described += &format!(" ({} files were there already)", pushed.skipped);
    }
    if let Some(lock) = pushed.manifest.lock {
        described += &format!(", locked ({lock})");
    }
    described += if pushed.signed { ", signed" } else { ", not signed" };
    Ok(Pushed { place: pushed.place.to_string(), described })
}

fn parse(place: &str) -> Result<Place, Error> {
    place.parse().map_err(|why| Error::msg(format!("{}: {why}", line(place, 200))))
}

fn kept(settings: &Settings) -> Result<artifacts::Settings, Error> {
    let mut keep = Keep::default();
    for (class, days) in &settings.artifacts_keep {
        keep = keep.with(class.parse().map_err(Error::msg)?, *days);
    }
    let signer = settings.artifacts_certs.as_deref().map(|certs| Identity::load(certs, Role::Coordinator));
    Ok(artifacts::Settings {
        lock: match settings.artifacts_lock {
            Lock::None => None,
            Lock::Governance => Some(LockMode::Governance),
            Lock::Compliance => Some(LockMode::Compliance),
        },
        keep,
        kms: settings.artifacts_kms.clone().map(|key| if key == "default" { String::new() } else { key }),
        signer: signer.transpose().context("--artifacts-certs")?,
    })
}

/// A folder for a while, with what a command needs of runs that lie in S3. It is removed at the end, also when somebody interrupts.
pub(crate) struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// Of one run: the files that match these patterns.
    pub(crate) fn of_run(run: &str, server: &Server, wanted: &[&str]) -> Result<Self, Error> {
        let place = parse(run)?;
        let cache = Self::make()?;
        runtime(2)?.block_on(async {
            let store = Store::open(server.endpoint.as_deref()).await?;
            let signed = artifacts::read_manifest(&store, &place).await?;
            let fetched = artifacts::fetch(&store, &place, &signed, wanted, &cache.folder).await?;
            for path in fetched.over {
                eprintln!("warning: {place} has no {path} any more: it is left out");
            }
            Ok::<_, Error>(())
        })?;
        Ok(cache)
    }

    /// Of the runs below a place: their summaries, each in a folder of its run's name.
    pub(crate) fn of_runs(below: &str, server: &Server) -> Result<Self, Error> {
        let below = parse(below)?;
        let cache = Self::make()?;
        runtime(2)?.block_on(async {
            let store = Store::open(server.endpoint.as_deref()).await?;
            for run in artifacts::runs(&store, &below, MOST_RUNS).await? {
                let signed = match run.manifest {
                    Ok(signed) => signed,
                    Err(fault) => {
                        eprintln!("warning: left out: {fault}");
                        continue;
                    }
                };
                let folder = cache.folder.join(run.place.name());
                edges::files::make_folder(&folder).with_context(|| folder.display().to_string())?;
                let fetched = artifacts::fetch(&store, &run.place, &signed, &["summary.json"], &folder).await;
                if let Err(fault) = fetched {
                    eprintln!("warning: left out: {fault}");
                    drop(std::fs::remove_dir_all(&folder));
                }
            }
            Ok::<_, Error>(())
        })?;
        Ok(cache)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    fn make() -> Result<Self, Error> {
        let below = std::env::temp_dir();
        let random: [u8; 8] = ring::rand::generate(&ring::rand::SystemRandom::new())
            .map_err(|_| Error::msg("this system has no random numbers"))?
            .expose();
        let folder = below.join(format!("roamstorm-s3-{:016x}", u64::from_ne_bytes(random)));
        edges::files::make_folder(&folder)
            .with_context(|| format!("making a folder in {} (TMPDIR says where)", below.display()))?;
        let cache = Self { folder: folder.clone() };
        let removes = move || {
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
                return;
            };
            runtime.block_on(interrupted());
            drop(std::fs::remove_dir_all(&folder));
            std::process::exit(INTERRUPTED);
        };
        // Without a thread the folder is left when somebody interrupts, which is all.
        drop(std::thread::Builder::new().name("interrupted".to_owned()).spawn(removes));
        Ok(cache)
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.folder) {
            eprintln!("warning: {} stays: {error}", self.folder.display());
        }
    }
}

/// Verifies a run, and says what was found.
pub(crate) fn verify(
    run: &str,
    server: &Server,
    authority: Option<&Path>,
    as_json: bool,
) -> Result<Exit, Error> {
    let place = parse(run)?;
    if let Some(authority) = authority {
        ensure!(authority.is_file(), "--authority {}: there is no such file", authority.display());
    }
    let verified = runtime(2)?.block_on(async {
        let store = Store::open(server.endpoint.as_deref()).await?;
        artifacts::verify(&store, &place, authority).await
    })?;
    if as_json {
        crate::stdout::json(&serde_json::to_string_pretty(&verified_as_json(&place, &verified))?);
    } else {
        print_verified(&place, &verified);
    }
    Ok(if verified.is_good() { Exit::Pass } else { Exit::SloFailed })
}

fn verified_as_json(place: &Place, verified: &Verified) -> Value {
    let (signed, signer, trusted) = match &verified.signer {
        Signer::Nobody => (false, None, Value::Null),
        Signer::Unchecked(fingerprint) => (true, Some(fingerprint), Value::Null),
        Signer::Trusted(fingerprint) => (true, Some(fingerprint), json!(true)),
        Signer::NotTrusted(why) => (true, Some(why), json!(false)),
    };
    json!({
        "place": place.to_string(), "good": verified.is_good(), "run_id": verified.manifest.run_id,
        "scenario": verified.manifest.scenario, "verdict": verified.manifest.verdict, "pushed_at": verified.manifest.pushed_at,
        "lock": verified.manifest.lock, "signed": signed, "signer": signer, "trusted": trusted,
        "files": verified.manifest.files.len(), "octets": verified.manifest.octets(), "agree": verified.agree,
        "over": verified.over, "problems": verified.problems, "others": verified.others,
    })
}

fn print_verified(place: &Place, verified: &Verified) {
    let word = if verified.is_good() { "AS PUSHED" } else { "NOT AS PUSHED" };
    let manifest = &verified.manifest;
    println!("{word}: {place}");
    println!(
        "  {} of {} files, {}, pushed {}; verdict {}",
        verified.agree,
        manifest.files.len(),
        shown(manifest.octets()),
        line(&manifest.pushed_at, 40),
        line(&manifest.verdict, 20)
    );
    match &manifest.lock {
        Some(lock) => println!("  locked: {lock}"),
        None => println!("  not locked"),
    }
    match &verified.signer {
        Signer::Nobody => println!("  not signed: who may write there may have changed it all"),
        Signer::Unchecked(fingerprint) => {
            println!(
                "  signed by the certificate {fingerprint}; --authority FILE says whether it is a coordinator's of yours"
            );
        }
        Signer::Trusted(fingerprint) => {
            println!("  signed by a coordinator of this authority, certificate {fingerprint}")
        }
        Signer::NotTrusted(why) => println!("  signature: {why}"),
    }
    for problem in &verified.problems {
        println!("  {}: {}", problem.path, problem.what);
    }
    if !verified.over.is_empty() {
        println!("  {} files are gone because their time is over", verified.over.len());
    }
    match &verified.others {
        None => println!("  what else lies there may not be listed"),
        Some(others) if others.is_empty() => {}
        Some(others) => println!(
            "  {} more objects lie there that were not pushed with it, such as {}",
            others.len(),
            line(others.first().map_or("", String::as_str), 200)
        ),
    }
}

/// Lists the runs below a place, or the files of a run.
pub(crate) fn list(place: &str, server: &Server, as_json: bool) -> Result<Exit, Error> {
    let place = parse(place)?;
    runtime(2)?.block_on(async {
        let store = Store::open(server.endpoint.as_deref()).await?;
        match artifacts::read_manifest(&store, &place).await {
            Ok(signed) => list_files(&place, &signed.manifest.files, as_json),
            Err(fault) if fault.kind() == Kind::Missing => list_runs(&store, &place, as_json).await,
            Err(fault) => Err(fault.into()),
        }
    })
}

fn list_files(place: &Place, files: &[Entry], as_json: bool) -> Result<Exit, Error> {
    if as_json {
        crate::stdout::json(&serde_json::to_string_pretty(files)?);
        return Ok(Exit::Pass);
    }
    println!("{place}");
    for file in files {
        println!(
            "{:<10}{:>10}  until {}  {}",
            file.class,
            shown(file.octets),
            line(&file.keep_until, 40),
            file.path
        );
    }
    Ok(Exit::Pass)
}

async fn list_runs(store: &Store, below: &Place, as_json: bool) -> Result<Exit, Error> {
    let runs = artifacts::runs(store, below, MOST_RUNS).await?;
    let mut rows = Vec::new();
    for run in &runs {
        match &run.manifest {
            Ok(signed) => rows.push((run, signed)),
            Err(fault) => eprintln!("warning: {fault}"),
        }
    }
    if as_json {
        let rows: Vec<Value> = rows.iter().map(|(run, signed)| json!({
            "place": run.place.to_string(), "run_id": signed.manifest.run_id, "scenario": signed.manifest.scenario,
            "verdict": signed.manifest.verdict, "pushed_at": signed.manifest.pushed_at, "files": signed.manifest.files.len(),
            "octets": signed.manifest.octets(), "lock": signed.manifest.lock, "signed": signed.signature.is_some(),
        })).collect();
        crate::stdout::json(&serde_json::to_string_pretty(&rows)?);
        return Ok(Exit::Pass);
    }
    if rows.is_empty() {
        bail!("{below}: no run lies there, or the push of none has ended");
    }
    for (run, signed) in rows {
        let manifest = &signed.manifest;
        let lock = manifest.lock.map_or_else(|| "not locked".to_owned(), |lock| lock.to_string());
        println!(
            "{}  {:<8}{:>5} files{:>10}  {lock}, {}",
            run.place,
            line(&manifest.verdict, 20),
            manifest.files.len(),
            shown(manifest.octets()),
            if signed.signature.is_some() { "signed" } else { "not signed" }
        );
    }
    Ok(Exit::Pass)
}

/// The look before a run takes so long at most.
const LONGEST_LOOK: Duration = Duration::from_secs(5);
/// The last so many are read.
const MOST_RUNS: usize = 1_000;
/// As shells say it of a process that SIGINT has ended.
const INTERRUPTED: i32 = 130;
