use std::path::PathBuf;

use anyhow::{Context, Error};

use crate::exit::Exit;
use crate::runs::Runs;

/// Writes report.html again.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The run: its folder, or its name under --out.
    run: PathBuf,
    #[command(flatten)]
    runs: Runs,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Error> {
    let folder = arguments.runs.find(&arguments.run)?;
    let report =
        report::render_report(&folder).with_context(|| format!("reporting on {}", folder.display()))?;
    println!("{}", report.display());
    Ok(Exit::Pass)
}
