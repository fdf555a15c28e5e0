use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Error, ensure};
use enrolment::Policy;
use enrolment::ec2::Ec2Policy;
use wire::{Authority, AuthorityCommand, IdentityError};

use crate::times;

/// Where the authority's key is.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct AuthorityOptions {
    /// A program that signs in place of authority.key, whose key may be in a KMS, in Vault or in an HSM: `PROGRAM sign` gets the
    /// octets on standard input and prints the signature, `PROGRAM public-key` prints the key (docs/security.md).
    #[arg(long, value_name = "PROGRAM", global = true)]
    authority_command: Option<PathBuf>,
    /// How long that program may take for one signature.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = times::time, global = true)]
    authority_timeout: Duration,
}

impl AuthorityOptions {
    /// A new authority.
    pub(crate) fn generate(&self, name: &str) -> Result<Authority, Error> {
        Ok(match self.command()? {
            None => Authority::generate(name)?,
            Some(command) => Authority::generate_elsewhere(name, command)?,
        })
    }

    /// The authority of a folder. Signs once, so that one that cannot is found out now.
    pub(crate) fn load(&self, folder: &Path) -> Result<Authority, Error> {
        Ok(match self.command()? {
            None => Authority::load(folder).map_err(|error| {
                let is_key =
                    matches!(&error, IdentityError::Missing { path } if path.ends_with("authority.key"));
                let hint = if is_key {
                    "; where it is elsewhere, name the program that signs: --authority-command"
                } else {
                    ""
                };
                anyhow::anyhow!("{error}{hint}")
            })?,
            Some(command) => Authority::load_elsewhere(folder, command)?,
        })
    }

    fn command(&self) -> Result<Option<AuthorityCommand>, Error> {
        let Some(program) = &self.authority_command else { return Ok(None) };
        ensure!(
            program.components().count() > 1 || !program.is_file(),
            "--authority-command {}: write ./{} for a program of this folder",
            program.display(),
            program.display()
        );
        Ok(Some(AuthorityCommand::new(program.clone(), self.authority_timeout)))
    }
}

/// What is issued, and to whom.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct PolicyOptions {
    /// How long an enrolled agent's certificate is valid; it is renewed before two thirds of it are over.
    #[arg(long, value_name = "TIME", default_value = "12h", value_parser = life)]
    cert_life: Duration,
    /// How far the clock of an agent that enrols may be away from this machine's.
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = times::time)]
    clock_tolerance: Duration,
    /// Lets EC2 instances enrol by their identity documents: the RSA certificates of their regions, PEM, as the EC2 user guide
    /// prints them.
    #[arg(long, value_name = "FILE", requires = "ec2_accounts")]
    ec2_certs: Option<PathBuf>,
    /// The AWS account that such instances are of; may be repeated.
    #[arg(long = "ec2-account", value_name = "ACCOUNT", requires = "ec2_certs")]
    ec2_accounts: Vec<String>,
    /// How long after its start an instance may enrol.
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = times::time)]
    ec2_age: Duration,
    /// The pool that such instances are of.
    #[arg(long, value_name = "NAME", value_parser = identity::membership::pool)]
    ec2_pool: Option<String>,
}

impl PolicyOptions {
    pub(crate) fn policy(&self) -> Result<Policy, Error> {
        let ec2 = self.ec2_certs.as_deref().map(|certificates| {
            let pool = self.ec2_pool.clone().unwrap_or_default();
            let policy =
                Ec2Policy::new(certificates, self.ec2_accounts.clone(), self.ec2_age.as_secs(), pool);
            policy.map_err(Error::msg)
        });
        Ok(Policy { life: self.cert_life, clock_tolerance: self.clock_tolerance, ec2: ec2.transpose()? })
    }
}

fn life(text: &str) -> Result<Duration, String> {
    let life = times::time(text)?;
    let fits = (SHORTEST_LIFE..=LONGEST_LIFE).contains(&life);
    fits.then_some(life).ok_or_else(|| "expected a time from 2s to 8760h, such as 12h".to_owned())
}

const SHORTEST_LIFE: Duration = Duration::from_secs(2);
const LONGEST_LIFE: Duration = Duration::from_secs(365 * 24 * 3600);
