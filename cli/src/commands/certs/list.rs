use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Error, ensure};
use enrolment::clock::{iso, seconds};
use enrolment::{IdentityRow, Store};
use wire::CertificateFacts;

use crate::exit::Exit;
use crate::times;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// As JSON.
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
pub(super) struct LogArguments {
    /// How many lines, the newest.
    #[arg(long, short = 'n', value_name = "N", default_value_t = 100)]
    last: u32,
    /// As JSON, an object a line.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(folder: &Path, arguments: &Arguments) -> Result<Exit, Error> {
    let identities = open(folder)?.identities()?;
    let now = seconds(SystemTime::now());
    if arguments.json {
        let rows: Vec<_> = identities
            .iter()
            .map(|one| {
                serde_json::json!({
                    "name": one.name, "state": state(one, now), "pool": one.pool, "by": one.origin, "address": one.address,
                    "issued": iso(one.issued_s), "until": iso(one.until_s), "certificates": one.certificates,
                })
            })
            .collect();
        crate::stdout::json(&serde_json::to_string_pretty(&rows)?);
        return Ok(Exit::Pass);
    }
    if identities.is_empty() {
        eprintln!("no agent has enrolled; those of `certs {} issue` are folders there", folder.display());
        return Ok(Exit::Pass);
    }
    println!("{:<24}{:<10}{:<16}{:<22}{:<14}{:<22}BY", "NAME", "STATE", "POOL", "UNTIL", "LEFT", "ADDRESS");
    for one in &identities {
        let left = Duration::from_secs(one.until_s.saturating_sub(now));
        println!(
            "{:<24}{:<10}{:<16}{:<22}{:<14}{:<22}{}",
            one.name,
            state(one, now),
            or_dash(&one.pool),
            iso(one.until_s),
            times::for_people(left),
            one.address,
            one.origin
        );
    }
    Ok(Exit::Pass)
}

pub(super) fn log(folder: &Path, arguments: &LogArguments) -> Result<Exit, Error> {
    for row in open(folder)?.journal(arguments.last)? {
        if arguments.json {
            let mut value = serde_json::to_value(&row)?;
            value["at"] = iso(row.at_s).into();
            println!("{value}");
            continue;
        }
        let mut line = format!("{} {:<14}", iso(row.at_s), row.what);
        for part in [&row.name, &row.by, &row.address, &row.text] {
            if !part.is_empty() {
                line.push(' ');
                line.push_str(part);
            }
        }
        println!("{}", edges::text::line(&line, LONGEST));
    }
    Ok(Exit::Pass)
}

/// The pin of the authority of a folder, by its certificate: its key is not needed for this.
pub(super) fn pin(folder: &Path) -> Result<[u8; 32], Error> {
    let path = folder.join("authority.pem");
    ensure!(
        path.exists(),
        "{}: no authority is there; `roamstorm certs {}` makes one",
        path.display(),
        folder.display()
    );
    let text = edges::files::read_text(&path).with_context(|| path.display().to_string())?;
    let facts = CertificateFacts::of_pem(&text);
    Ok(facts.with_context(|| format!("{}: no certificate in it", path.display()))?.key)
}

fn open(folder: &Path) -> Result<Store, Error> {
    Ok(Store::open(folder, pin(folder)?)?)
}

pub(super) fn or_dash(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}

fn state(one: &IdentityRow, now: u64) -> &'static str {
    match one {
        IdentityRow { revoked_s: Some(_), .. } => "revoked",
        IdentityRow { until_s, .. } if *until_s <= now => "ended",
        _ => "valid",
    }
}

/// Characters.
const LONGEST: usize = 1_000;
