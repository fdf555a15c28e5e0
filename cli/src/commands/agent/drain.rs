use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Error, bail};
use supervisor::control::{Progress, agents, folder, is_named};

use crate::exit::Exit;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The agent's name, where this host has several.
    #[arg(long)]
    name: Option<String>,
    /// Why, for the log and the coordinator.
    #[arg(long, default_value = "drained by its operator")]
    reason: String,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Error> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the runtime")?;
    runtime.block_on(async {
        let (name, socket) = the_agent(arguments.name.as_deref()).await?;
        let began = Instant::now();
        let mut progress = Progress::of(&socket, &arguments.reason)
            .await
            .with_context(|| format!("telling agent {name}"))?;
        while let Some(line) = progress.next().await {
            eprintln!("{name}: {line}, after {:.0} s", began.elapsed().as_secs_f64());
            if let Some(how) = line.strip_prefix("left: ") {
                return Ok(if how.starts_with("exit code 0") { Exit::Pass } else { Exit::Invalid });
            }
        }
        eprintln!("{name}: ended without a word: what it had not handed over is lost with it");
        Ok(Exit::Invalid)
    })
}

async fn the_agent(wanted: Option<&str>) -> Result<(String, PathBuf), Error> {
    let folder = folder();
    let all = agents(&folder).await.with_context(|| folder.display().to_string())?;
    let names: Vec<String> = all.iter().map(|(name, _)| name.clone()).collect();
    let fits = |name: &str| wanted.is_none_or(|wanted| is_named(wanted, name));
    let mut found = all.into_iter().filter(|(name, _)| fits(name));
    match (found.next(), found.next()) {
        (Some(agent), None) => Ok(agent),
        (Some(_), Some(_)) => {
            bail!("this host has several agents: {}; name one with --name", names.join(", "))
        }
        (None, _) if names.is_empty() => {
            bail!("no agent of this user runs on this host ({})", folder.display())
        }
        (None, _) => bail!("no agent of that name runs on this host; there are: {}", names.join(", ")),
    }
}
