//! A fleet's authority: identities that are copied, tokens for those that are not, and the endpoint where these are shown.

pub(crate) mod authority;
mod list;
mod revoke;
pub(crate) mod serve;
mod token;

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Error, bail};
use wire::{Authority, Role};

use crate::exit::Exit;
use crate::help;
use authority::AuthorityOptions;

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
    /// For how many days the identities are valid; the authority is for ten years.
    #[arg(long, value_name = "DAYS", default_value_t = DAYS, value_parser = clap::value_parser!(u16).range(1..=3650))]
    days: u16,
    #[command(flatten)]
    authority: AuthorityOptions,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Issue one more agent's identity, of its own: it can be revoked without the others.
    #[command(after_help = help::ISSUE)]
    Issue {
        /// The agent's name; its identity is written to a folder of that name in the authority's.
        name: String,
        /// Takes the place of an identity that was issued to this name before; that one stays valid until it ends or is revoked.
        #[arg(long)]
        force: bool,
        /// For how many days it is valid.
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..=3650))]
        days: Option<u16>,
    },
    /// Revoke an identity: a running coordinator that uses this folder cuts it off and takes it no more, and nothing of it is renewed.
    #[command(after_help = help::REVOKE)]
    Revoke(revoke::Arguments),
    /// Make, list and revoke join tokens: what an agent shows that has no certificate.
    #[command(after_help = help::TOKEN)]
    Token(token::Arguments),
    /// Serve enrolment: certificates for who shows a token, or that it is an EC2 instance; renewals for who has one.
    #[command(after_help = help::SERVE)]
    Serve(serve::Arguments),
    /// List the agents that enrolled: name, pool, by which token, until when, whether revoked.
    #[command(after_help = help::LIST)]
    List(list::Arguments),
    /// Print the journal of enrolment: what was issued, renewed, refused and revoked, when, to whom, and why.
    #[command(after_help = help::LOG)]
    Log(list::LogArguments),
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Error> {
    match &arguments.command {
        None => make(arguments),
        Some(Command::Issue { name, force, days }) => {
            let days = days.unwrap_or(arguments.days);
            issue(arguments, name, *force || arguments.force, days)
        }
        Some(Command::Revoke(revoked)) => revoke::run(&arguments.folder, &arguments.authority, revoked),
        Some(Command::Token(token)) => token::run(&arguments.folder, token),
        Some(Command::Serve(served)) => serve::run(&arguments.folder, &arguments.authority, served),
        Some(Command::List(listed)) => list::run(&arguments.folder, listed),
        Some(Command::Log(listed)) => list::log(&arguments.folder, listed),
    }
}

fn make(arguments: &Arguments) -> Result<Exit, Error> {
    let authority = arguments.authority.generate("roamstorm fleet")?;
    authority.save(&arguments.folder, arguments.force)?;
    let valid = days(arguments.days);
    let coordinator = authority.issue_for("coordinator", Role::Coordinator, &arguments.hosts, valid)?;
    coordinator.save(&arguments.folder, arguments.force)?;
    authority.issue_for("agent", Role::Agent, &[], valid)?.save(&arguments.folder, arguments.force)?;
    println!(
        "{}: authority, coordinator ({}), agent",
        arguments.folder.display(),
        arguments.hosts.join(", ")
    );
    if let (Some(identities), Some(authority)) = (coordinator.valid_until(), authority.valid_until()) {
        println!(
            "valid until {identities} ({} days), the authority until {authority}; --days N says otherwise",
            arguments.days
        );
    }
    println!("agents without files: `roamstorm certs {} token create`", arguments.folder.display());
    println!(
        "agents with files: give their machines authority.pem, agent.pem and agent.key; keep authority.key to yourself"
    );
    Ok(Exit::Pass)
}

fn issue(arguments: &Arguments, name: &str, force: bool, valid: u16) -> Result<Exit, Error> {
    let folder = &arguments.folder;
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.starts_with('.') || !name.chars().all(fits) {
        bail!("`{name}` cannot be an agent's name: letters, digits, `-`, `_` and `.` are accepted");
    }
    let own = folder.join(name);
    let authority = arguments.authority.load(folder)?;
    expect_free(folder, &authority, name)?;
    let now = SystemTime::now();
    if let Some(end) = authority.valid_until()
        && end.days_after(now) < u64::from(valid)
    {
        bail!(
            "--days {valid}: the authority itself ends on {end}; at most {} days are accepted",
            end.days_after(now)
        );
    }
    // What an authority issued that is no more is void: there is nothing to keep.
    let is_void = own.is_dir() && !authority.is_of(&own);
    let identity = authority.issue_for(name, Role::Agent, &[], days(valid))?;
    identity.save(&own, force || is_void)?;
    let until = identity.valid_until().map(|until| format!(", valid until {until}")).unwrap_or_default();
    println!("{}: give this folder to the agent's machine{until}", own.display());
    Ok(Exit::Pass)
}

/// A name is one agent's, or its revocation would hit another.
fn expect_free(folder: &Path, authority: &Authority, name: &str) -> Result<(), Error> {
    if !enrolment::Store::exists(folder, authority.pin()) {
        return Ok(());
    }
    let enrolled = enrolment::Store::open(folder, authority.pin())?.identities()?;
    if enrolled.iter().any(|one| one.name == name) {
        bail!(
            "`{name}` is the name of an agent that enrolled (`roamstorm certs {} list`): take another one",
            folder.display()
        );
    }
    Ok(())
}

fn days(count: u16) -> Duration {
    Duration::from_secs(u64::from(count) * 24 * 3600)
}

/// A year.
const DAYS: u16 = 365;
