use std::path::PathBuf;

use anyhow::Error;
use wire::{Authority, Role};

use crate::exit::Exit;

/// Makes an authority, a coordinator's identity and an agent's.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The folder to write to.
    folder: PathBuf,
    /// A host name or address by which agents reach the coordinator; may be repeated.
    #[arg(long = "host", value_name = "HOST", default_values_t = ["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()])]
    hosts: Vec<String>,
    /// Overwrites what is there: every identity of the old authority is void then.
    #[arg(long)]
    force: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Error> {
    let authority = Authority::generate("roamstorm fleet")?;
    authority.save(&arguments.folder, arguments.force)?;
    let coordinator = authority.issue("coordinator", Role::Coordinator, &arguments.hosts)?;
    coordinator.save(&arguments.folder, arguments.force)?;
    authority.issue("agent", Role::Agent, &[])?.save(&arguments.folder, arguments.force)?;
    println!(
        "{}: authority, coordinator ({}), agent",
        arguments.folder.display(),
        arguments.hosts.join(", ")
    );
    println!(
        "give an agent's machine authority.pem, agent.pem and agent.key; keep authority.key to yourself"
    );
    Ok(Exit::Pass)
}
