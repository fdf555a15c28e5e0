use std::path::{Path, PathBuf};

use anyhow::{Error, bail};
use wire::{Authority, Role};

use crate::exit::Exit;

/// Makes an authority, a coordinator's identity and an agent's; then issues and revokes agents' one by one.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The authority's folder.
    folder: PathBuf,
    /// A host name or address by which agents reach the coordinator; may be repeated.
    #[arg(long = "host", value_name = "HOST", default_values_t = ["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()])]
    hosts: Vec<String>,
    /// Overwrites what is there: every identity of the old authority is void then.
    #[arg(long)]
    force: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Issue one more agent's identity, of its own: it can be revoked without the others.
    Issue {
        /// The agent's name; its identity is written to a folder of that name in the authority's.
        name: String,
    },
    /// Revoke an identity: a running coordinator that uses this folder cuts it off and takes it no more.
    Revoke {
        /// The name it was issued to, or the file of its certificate.
        name: String,
    },
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Error> {
    match &arguments.command {
        None => make(arguments),
        Some(Command::Issue { name }) => issue(&arguments.folder, name, arguments.force),
        Some(Command::Revoke { name }) => revoke(&arguments.folder, name),
    }
}

fn make(arguments: &Arguments) -> Result<Exit, Error> {
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

fn issue(folder: &Path, name: &str, force: bool) -> Result<Exit, Error> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.starts_with('.') || !name.chars().all(fits) {
        bail!("`{name}` cannot be an agent's name: letters, digits, `-`, `_` and `.` are accepted");
    }
    let own = folder.join(name);
    Authority::load(folder)?.issue(name, Role::Agent, &[])?.save(&own, force)?;
    println!("{}: give this folder to the agent's machine", own.display());
    Ok(Exit::Pass)
}

fn revoke(folder: &Path, name: &str) -> Result<Exit, Error> {
    let places =
        [folder.join(name).join("agent.pem"), folder.join(format!("{name}.pem")), PathBuf::from(name)];
    let Some(certificate) = places.iter().find(|path| path.is_file()) else {
        bail!(
            "no certificate of `{name}`: neither {} nor {} is there; name the file of its certificate instead",
            places[0].display(),
            places[1].display()
        );
    };
    let revoked = Authority::load(folder)?.revoke(folder, certificate)?;
    let list = folder.join("authority.crl");
    if revoked {
        println!("{}: revoked; the coordinator needs {}", certificate.display(), list.display());
    } else {
        println!("{}: was revoked already, see {}", certificate.display(), list.display());
    }
    Ok(Exit::Pass)
}
