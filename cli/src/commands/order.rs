use std::path::PathBuf;

use anyhow::{Context, Error};
use coordinator::control::{self, Order};

use crate::exit::Exit;

/// Tells a run that is under way what to do.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The run: its folder, or its name under --out.
    run: String,
    /// Where run folders are.
    #[arg(long, value_name = "DIR", default_value = "runs")]
    out: PathBuf,
}

pub(crate) fn run(arguments: &Arguments, order: Order) -> Result<Exit, Error> {
    let folder = control::find(&arguments.run, &arguments.out)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the runtime")?;
    let done = runtime.block_on(control::order(&folder, order))?;
    println!("{done}");
    Ok(Exit::Pass)
}
