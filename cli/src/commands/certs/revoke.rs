use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context as _, Error, bail};
use enrolment::{Desk, Policy, Revoked, Store};

use super::authority::AuthorityOptions;
use crate::exit::Exit;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The name it was issued to, or the file of its certificate.
    #[arg(required_unless_present = "token")]
    name: Option<String>,
    /// Revokes every agent that enrolled by this token, and the token: when it was stolen.
    #[arg(long, value_name = "ID", conflicts_with = "name")]
    token: Option<String>,
}

pub(super) fn run(folder: &Path, options: &AuthorityOptions, arguments: &Arguments) -> Result<Exit, Error> {
    if let Some(token) = &arguments.token {
        return by_token(folder, options, token);
    }
    let name = arguments.name.as_deref().context("a name is needed")?;
    let authority = options.load(folder)?;
    let places =
        [folder.join(name).join("agent.pem"), folder.join(format!("{name}.pem")), PathBuf::from(name)];
    let file = places.iter().find(|path| path.is_file());
    if Store::exists(folder, authority.pin()) {
        let desk = Desk::open(options.load(folder)?, folder.to_owned(), Policy::default())?;
        let revoked = match file.filter(|file| **file == places[2]).and_then(|file| serial_in(file)) {
            Some(serial) => desk.revoke_serial(&serial, SystemTime::now())?,
            None => desk.revoke(name, SystemTime::now())?,
        };
        if let Some(revoked) = revoked {
            say(&revoked, folder);
            return Ok(Exit::Pass);
        }
    }
    let Some(certificate) = file else {
        bail!(
            "no certificate of `{name}`: no agent of that name enrolled (`roamstorm certs {} list`), and neither {} nor {} is there; name the file of its certificate instead",
            folder.display(),
            places[0].display(),
            places[1].display()
        );
    };
    let revoked = authority.revoke(folder, certificate)?;
    let list = folder.join("authority.crl");
    if revoked {
        println!("{}: revoked; the coordinator needs {}", certificate.display(), list.display());
    } else {
        println!("{}: was revoked already, see {}", certificate.display(), list.display());
    }
    Ok(Exit::Pass)
}

/// The token first: nobody comes in by it meanwhile.
fn by_token(folder: &Path, options: &AuthorityOptions, token: &str) -> Result<Exit, Error> {
    let desk = Desk::open(options.load(folder)?, folder.to_owned(), Policy::default())?;
    let id = desk.store().revoke_token(token, enrolment::clock::seconds(SystemTime::now()))?;
    let id = id.with_context(|| super::token::none(folder, token))?;
    match desk.revoke_by_token(&id, SystemTime::now())? {
        Some(revoked) => say(&revoked, folder),
        None => println!("token {id}: revoked; no agent enrolled by it"),
    }
    Ok(Exit::Pass)
}

fn say(revoked: &Revoked, folder: &Path) {
    let names = revoked.names.join(", ");
    let list = folder.join("authority.crl");
    match revoked.certificates {
        0 => println!("{names}: was revoked already, see {}", list.display()),
        count => println!("{names}: revoked, {count} certificates; the coordinator needs {}", list.display()),
    }
}

/// The serial number of a certificate in a file.
fn serial_in(file: &Path) -> Option<Vec<u8>> {
    let pem = edges::files::read_text(file).ok()?;
    Some(wire::CertificateFacts::of_pem(&pem)?.serial)
}
