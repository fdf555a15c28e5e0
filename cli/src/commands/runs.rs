use anyhow::{Error, bail};
use serde_json::{Value, json};

use crate::exit::Exit;
use crate::past::{Filter, Past};
use crate::times;

/// Lists runs: those under --out, the newest last.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    filter: Filter,
    /// Of these, the last so many.
    #[arg(long, value_name = "N", default_value_t = 50)]
    last: usize,
    /// Prints the list as JSON on standard output.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Error> {
    let all = arguments.filter.find()?;
    let shown = all.get(all.len().saturating_sub(arguments.last)..).unwrap_or_default();
    if arguments.json {
        let list: Vec<Value> = shown.iter().map(as_json).collect();
        crate::stdout::json(&serde_json::to_string_pretty(&list)?);
        return Ok(Exit::Pass);
    }
    if all.is_empty() {
        bail!("{}: there is no such run", arguments.filter.folder().display());
    }
    print(shown);
    if shown.len() < all.len() {
        println!("{} earlier ones are not shown: --last {} shows all", all.len() - shown.len(), all.len());
    }
    Ok(Exit::Pass)
}

fn as_json(run: &Past) -> Value {
    json!({
        "run_id": run.name, "folder": run.folder.display().to_string(), "state": run.state(), "scenario": run.text("scenario"),
        "seed": run.summary["seed"], "started_at": run.text("started_at"), "duration_s": run.summary["duration_s"],
        "target": run.text("target"), "reasons": run.summary["verdict"]["reasons"],
    })
}

fn print(runs: &[Past]) {
    let name = runs.iter().map(|run| run.name.chars().count()).max().unwrap_or_default().max(3);
    println!("{:<name$}  {:<12}{:<22}{:>12}  why", "run", "verdict", "started", "lasted");
    for run in runs {
        let started: String = run.text("started_at").chars().take(19).collect();
        let lasted = run.summary["duration_s"].as_f64().map(|seconds| {
            times::for_people(std::time::Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or_default())
        });
        let why = run.summary["verdict"]["reasons"][0].as_str().unwrap_or_default();
        let why: String = why.chars().take(LONGEST_WHY).collect();
        let line = format!(
            "{:<name$}  {:<12}{:<22}{:>12}  {why}",
            run.name,
            run.state(),
            started.replace('T', " "),
            lasted.unwrap_or_default()
        );
        println!("{}", line.trim_end());
    }
}

/// Characters of the first reason.
const LONGEST_WHY: usize = 80;
