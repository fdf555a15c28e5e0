use std::path::{Path, PathBuf};

use anyhow::{Context, Error, anyhow};
use coordinator::control::{self, ControlError, Watched};
use results::{Progress, Status, Verdict};
use tokio::sync::watch;

use crate::exit::{Exit, RunInvalid};
use crate::runs::Runs;
use crate::{outcome, view};

/// Watches a run: the view that its own terminal has. Leaving disturbs nothing.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The run: its folder, or its name under --out.
    run: PathBuf,
    #[command(flatten)]
    runs: Runs,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Error> {
    let folder = arguments.runs.find(&arguments.run)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the runtime")?;
    match runtime.block_on(follow(&folder)) {
        Ok(Watched::Over(verdict)) => Ok(ended(&folder, &verdict)),
        Ok(Watched::Vanished) => {
            let folder = folder.display();
            Err(Error::new(RunInvalid(anyhow!(
                "{folder}: the coordinator is gone without a verdict; if it died, take the run up again: roamstorm coordinator --resume {folder}"
            ))))
        }
        Err(ControlError::Ended { .. }) => {
            let verdict =
                control::verdict_of(&folder).context("the verdict of its summary.json cannot be read")?;
            Ok(ended(&folder, &verdict))
        }
        Err(error) => Err(error.into()),
    }
}

async fn follow(folder: &Path) -> Result<Watched, ControlError> {
    let (progress, shown) = watch::channel(Progress::default());
    let view = view::show(shown);
    let watched = async move {
        // The view ends with the channel.
        let progress = progress;
        control::watch(folder, &progress).await
    };
    tokio::join!(watched, view).0
}

fn ended(folder: &Path, verdict: &Verdict) -> Exit {
    let (status, exit) = match verdict.status {
        Status::Pass => ("pass", Exit::Pass),
        Status::Fail => ("fail", Exit::SloFailed),
        Status::Invalid => ("invalid", Exit::Invalid),
    };
    println!("{status}: {}", folder.display());
    for reason in &verdict.reasons {
        println!("  {reason}");
    }
    outcome::print_report("  ", folder);
    exit
}
