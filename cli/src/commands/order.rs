use std::path::PathBuf;

use anyhow::{Context, Error};
use coordinator::control::{self, Order};

use crate::exit::Exit;
use crate::runs::Runs;

/// Tells a run that is under way what to do.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The run: its folder, or its name under --out.
    run: PathBuf,
    #[command(flatten)]
    runs: Runs,
}

pub(crate) fn run(arguments: &Arguments, order: Order) -> Result<Exit, Error> {
    let folder = arguments.runs.find(&arguments.run)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the runtime")?;
    let done = runtime.block_on(control::order(&folder, order))?;
    println!("{done}");
    Ok(Exit::Pass)
}
