use std::path::PathBuf;

use anyhow::{Context, Error};
use edges::files;

use crate::artifacts::Server;
use crate::exit::Exit;
use crate::runs::{Opened, Runs};

/// Writes report.html again.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The run: its folder, its name under --out, or its place in S3, s3://BUCKET/PREFIX/RUN.
    run: PathBuf,
    #[command(flatten)]
    runs: Runs,
    /// Where the page goes; report.html in the run folder when absent, or RUN-report.html in the present one where the run lies in S3.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    #[command(flatten)]
    server: Server,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Error> {
    let run = arguments.runs.open(&arguments.run, &arguments.server, NEEDED)?;
    let shown = run.shown();
    let mut page =
        report::render_report(run.folder()).with_context(|| format!("reporting on {}", shown.display()))?;
    let elsewhere = match (&arguments.html, &run) {
        (Some(file), _) => Some(file.clone()),
        (None, Opened::Brought { .. }) => {
            let name = shown.file_name().unwrap_or_default().to_string_lossy();
            Some(run.page(&format!("{name}-report.html")))
        }
        (None, Opened::Here(_)) => None,
    };
    if let Some(elsewhere) = elsewhere {
        let written = files::read(&page).and_then(|content| files::write(&elsewhere, &content));
        written.with_context(|| format!("writing {}", elsewhere.display()))?;
        page = elsewhere;
    }
    println!("{}", page.display());
    Ok(Exit::Pass)
}

/// Files of a run that is reported on.
const NEEDED: &[&str] =
    &["summary.json", "timeline.ndjson", "histograms.hlog", "ladders.ndjson", "journal.ndjson"];
