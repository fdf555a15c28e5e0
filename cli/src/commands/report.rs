use std::path::PathBuf;

use anyhow::{Context, Error};

use crate::exit::Exit;

/// Writes report.html again.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A run folder.
    run: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Error> {
    let report = coordinator::render_report(&arguments.run)
        .with_context(|| format!("reporting on {}", arguments.run.display()))?;
    println!("{}", report.display());
    Ok(Exit::Pass)
}
