use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use anyhow::Error;
use enrolment::{Desk, PORT, Policy, Server, pin_text};

use super::authority::{AuthorityOptions, PolicyOptions};
use crate::commands::{interrupted, runtime};
use crate::exit::Exit;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The address to serve at, and the UDP port where that is not 7401. Default: all addresses of this machine.
    #[arg(long, value_name = "ADDRESS[:PORT]", value_parser = listen, default_value = "0.0.0.0")]
    listen: SocketAddr,
    #[command(flatten)]
    policy: PolicyOptions,
}

pub(super) fn run(folder: &Path, authority: &AuthorityOptions, arguments: &Arguments) -> Result<Exit, Error> {
    let policy = arguments.policy.policy()?;
    runtime(2)?.block_on(async {
        let server = open(folder, authority, policy, arguments.listen)?;
        tokio::select! {
            () = server.serve() => {}
            () = interrupted() => eprintln!("enrolment: no more is served here; agents ask again until their certificates end"),
        }
        Ok(Exit::Pass)
    })
}

/// The endpoint of a folder's authority.
pub(crate) fn open(
    folder: &Path,
    authority: &AuthorityOptions,
    policy: Policy,
    listen: SocketAddr,
) -> Result<Server, Error> {
    let authority = authority.load(folder)?;
    let (pin, ec2) = (authority.pin(), policy.ec2.is_some());
    let life = crate::times::for_people(policy.life);
    let server = Server::bind(listen, Arc::new(Desk::open(authority, folder.to_owned(), policy)?))?;
    let who = if ec2 { "tokens and EC2 instances" } else { "tokens" };
    eprintln!(
        "enrolment: listening on {} for {who}; certificates of {life}; authority {}",
        server.local_addr(),
        pin_text(pin)
    );
    Ok(server)
}

/// An address with the port of enrolment where none is given.
pub(crate) fn listen(text: &str) -> Result<SocketAddr, String> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Ok(SocketAddr::new(address, PORT));
    }
    text.parse().map_err(|_| {
        format!("an IP address is accepted, with its port where that is not {PORT}, such as 0.0.0.0, 192.0.2.7:7441 or [::]:{PORT}")
    })
}
