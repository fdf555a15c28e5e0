use anyhow::{Context as _, Error};
use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::exit::Exit;

/// Prints the completions of a shell.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// For which shell.
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Error> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut crate::Arguments::command(), "roamstorm", &mut script);
    print!("{}", String::from_utf8(script).context("writing the completions")?);
    Ok(Exit::Pass)
}
