use std::path::PathBuf;

use anyhow::{Error, anyhow};

use crate::artifacts::{self, Server, Settings};
use crate::exit::Exit;
use crate::help;
use crate::runs::Runs;

/// Keeps what runs leave in S3: pushes a run folder, verifies and lists what lies there.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Push the folder of a run that has ended. What is there already, with the same content, is not sent again.
    #[command(after_help = help::PUSH_ARTIFACTS)]
    Push {
        /// The run: its folder, or its name under --out.
        run: PathBuf,
        /// Where it goes, under the run's name.
        #[arg(value_name = "S3-URL", value_parser = artifacts::place)]
        place: String,
        #[command(flatten)]
        runs: Runs,
        #[command(flatten)]
        settings: Box<Settings>,
    },
    /// Read a run that was pushed, and hold every file, its lock and the signature against the manifest.
    #[command(after_help = help::VERIFY_ARTIFACTS)]
    Verify {
        /// The run.
        #[arg(value_name = "S3-URL", value_parser = artifacts::place)]
        run: String,
        /// The certificate of the authority whose coordinator signed it: authority.pem of `roamstorm certs`.
        #[arg(long, value_name = "FILE")]
        authority: Option<PathBuf>,
        /// Prints what was found as JSON on standard output.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        server: Server,
    },
    /// List the runs that were pushed, or the files of one.
    #[command(after_help = help::LIST_ARTIFACTS)]
    List {
        /// The runs' place, or a run's.
        #[arg(value_name = "S3-URL", value_parser = artifacts::place)]
        place: String,
        /// Prints the list as JSON on standard output.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        server: Server,
    },
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Error> {
    match &arguments.command {
        Command::Push { run, place, runs, settings } => {
            let folder = runs.find(run)?;
            let pushed = super::runtime(2)?.block_on(artifacts::push(&folder, place, settings));
            let pushed = pushed.map_err(|error| {
                let again = artifacts::again(&folder, place, settings);
                anyhow!("{error:#}; to go on, for what is there is not sent again: {again}")
            })?;
            println!("{pushed}");
            Ok(Exit::Pass)
        }
        Command::Verify { run, authority, json, server } => {
            artifacts::verify(run, server, authority.as_deref(), *json)
        }
        Command::List { place, json, server } => artifacts::list(place, server, *json),
    }
}
