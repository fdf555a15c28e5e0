//! An agent without files: it shows a token, or that it is an EC2 instance, and keeps what it gets in a folder of its own.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Error, bail, ensure};
use enrolment::{EnrolError, Enrolled, JoinToken, Membership, PORT, Proof, Renewing, State, Where};
use supervisor::spot::Endpoint;
use wire::{Identity, IdentitySlot};

/// How an agent gets its certificate that has none.
#[derive(clap::Args)]
pub(super) struct Options {
    /// A file with a join token (`roamstorm certs DIR token create`). The environment variable ROAMSTORM_TOKEN may hold one, too.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["certs", "token", "ec2"])]
    token_file: Option<PathBuf>,
    /// A join token itself, which everybody on this host can read then: --token-file and ROAMSTORM_TOKEN keep it.
    #[arg(long, value_name = "TOKEN", conflicts_with_all = ["certs", "ec2"])]
    token: Option<String>,
    /// Shows the identity document of this EC2 instance in place of a token; --authority says to whom.
    #[arg(long, requires = "authority", conflicts_with = "certs")]
    ec2: bool,
    /// The authority to trust, sha256:…, as `roamstorm certs DIR token list` prints it.
    #[arg(long, value_name = "HASH", value_parser = enrolment::pin_of, conflicts_with = "certs")]
    authority: Option<[u8; 32]>,
    /// Where certificates are asked for and renewed; the coordinator's host, UDP port 7401, where not given.
    #[arg(long, value_name = "HOST[:PORT]", conflicts_with = "certs")]
    enrol: Option<String>,
    /// The folder where this agent keeps its key and certificate. Default: $STATE_DIRECTORY, /var/lib/roamstorm/agent-NAME for root,
    /// else $XDG_STATE_HOME/roamstorm/agent-NAME.
    #[arg(long, value_name = "DIR", conflicts_with = "certs")]
    state: Option<PathBuf>,
}

impl Options {
    pub(super) fn is_ec2(&self) -> bool {
        self.ec2
    }
}

/// What an agent asks with.
pub(super) struct Asking<'a> {
    pub(super) options: &'a Options,
    pub(super) coordinator: &'a str,
    pub(super) name: &'a str,
    pub(super) pool: &'a str,
    /// The metadata service of --ec2.
    pub(super) metadata: Endpoint,
    /// Waits for an endpoint that is not there yet.
    pub(super) stay: bool,
}

/// Who it is by its certificate, and how that is renewed.
pub(super) struct Joined {
    pub(super) name: String,
    pub(super) pool: Option<String>,
    pub(super) identity: Identity,
    pub(super) state: State,
    pub(super) to: Where,
}

impl Joined {
    /// For the process that works: it renews.
    pub(super) fn renewing(&self, slot: &IdentitySlot) -> Result<Renewing, Error> {
        let lock = self.state.lock()?;
        Ok(Renewing { state: self.state.clone(), lock, to: self.to.clone(), slot: slot.clone() })
    }

    /// For the process that watches over one that works: it uses what that one renews.
    pub(super) fn following(&self) -> IdentitySlot {
        let (state, seen) = (self.state.clone(), Mutex::new(self.state.changed()));
        IdentitySlot::following(self.identity.clone(), move || {
            let changed = state.changed();
            let mut seen = seen.lock().ok()?;
            if *seen == changed {
                return None;
            }
            *seen = changed;
            state.load().ok().flatten()
        })
    }
}

/// The identity that is kept, or a new one. Nothing where neither is asked for.
pub(super) fn join(asking: &Asking<'_>) -> Result<Option<Joined>, Error> {
    let options = asking.options;
    let token = token(options)?;
    let folder = folder(options, asking.name);
    let wanted = options.authority.or_else(|| token.as_ref().map(JoinToken::authority));
    let is_asked = token.is_some() || options.ec2 || options.state.is_some() || options.enrol.is_some();
    let is_kept = folder.as_ref().is_some_and(|folder| folder.join("identity.pem").exists());
    if !is_asked && !is_kept {
        return Ok(None);
    }
    if let (Some(token), Some(authority)) = (&token, options.authority) {
        ensure!(
            token.authority() == authority,
            "the token is of another authority than --authority names: one of them is of another fleet"
        );
    }
    let folder = folder.context("--state DIR is needed: this user has no home folder to keep a key in")?;
    let state = State::open(&folder)?;
    let endpoint = match &options.enrol {
        Some(endpoint) => endpoint.clone(),
        None => beside(asking.coordinator)?,
    };
    if let Some(kept) = kept(&state, wanted, token.is_some() || options.ec2)? {
        let facts = kept.facts().context("the certificate that is kept cannot be read")?;
        let pin = kept.authority_pin().context("the authority's certificate that is kept cannot be read")?;
        let left = facts.until.duration_since(SystemTime::now()).unwrap_or_default();
        let shown = folder.display();
        tracing::info!(target: NEWS, "using the certificate of {} in {shown}, valid for {} more", facts.name, crate::times::for_people(left));
        let to = Where { endpoint, pin };
        return Ok(Some(Joined { name: facts.name, pool: facts.pool, identity: kept, state, to }));
    }
    let Some(pin) = wanted else {
        bail!(
            "{}: no certificate is kept there; to get one, give a join token: --token-file FILE, or ROAMSTORM_TOKEN (`roamstorm certs DIR token create` makes one)",
            folder.display()
        );
    };
    let to = Where { endpoint, pin };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the runtime")?;
    let enrolled = runtime.block_on(ask(asking, &state, &to, token.as_ref()))?;
    say(&enrolled, &folder);
    let (name, pool) = (enrolled.facts.name, enrolled.facts.pool);
    Ok(Some(Joined { name, pool, identity: enrolled.identity, state, to }))
}

/// What is kept, if it can be used still. Where it cannot, and there is something to show, it is asked for anew.
fn kept(state: &State, wanted: Option<[u8; 32]>, can_ask: bool) -> Result<Option<Identity>, Error> {
    match state.load() {
        Ok(Some(kept)) if wanted.is_some_and(|pin| kept.authority_pin() != Some(pin)) => {
            tracing::info!(target: NEWS, "the certificate that is kept is of another authority: a new one is asked for");
            Ok(None)
        }
        Ok(kept) => Ok(kept),
        Err(error) if can_ask => {
            tracing::info!(target: NEWS, "{error}: a new certificate is asked for");
            Ok(None)
        }
        Err(error) => {
            Err(Error::new(error)
                .context("the certificate that is kept cannot be used; give a new join token"))
        }
    }
}

/// Asks until there is an answer, or nobody is to be waited for.
async fn ask(
    asking: &Asking<'_>,
    state: &State,
    to: &Where,
    token: Option<&JoinToken>,
) -> Result<Enrolled, Error> {
    let _lock = state.lock()?;
    let who = Membership { name: enrolment::names::fit(asking.name), pool: asking.pool.to_owned() };
    let (mut wait, mut said) = (FIRST_WAIT, false);
    loop {
        let proof = match token {
            Some(token) => Proof::Token(token.clone()),
            None => {
                let document = supervisor::spot::identity_document(&asking.metadata).await;
                let (document, signature) = document.map_err(|why| {
                    anyhow::anyhow!("--ec2: the metadata service is of no use: {why}; is this an EC2 instance, and is IMDSv2 allowed?")
                })?;
                Proof::Ec2 { document, signature }
            }
        };
        match enrolment::join(state, to, &who, &proof).await {
            Ok(enrolled) => return Ok(enrolled),
            Err(error)
                if error.is_transient() && (asking.stay || matches!(error, EnrolError::Refused { .. })) =>
            {
                if !std::mem::replace(&mut said, true) {
                    tracing::info!(target: NEWS, "waiting for a certificate: {error}");
                }
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(LONGEST_WAIT);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn say(enrolled: &Enrolled, folder: &Path) {
    let pool = enrolled.facts.pool.as_ref().map(|pool| format!(" (pool {pool})")).unwrap_or_default();
    let left = enrolled.facts.until.duration_since(SystemTime::now()).unwrap_or_default();
    tracing::info!(
        target: NEWS,
        "enrolled as {}{pool}: certificate and key are in {}, valid for {}, and renewed",
        enrolled.facts.name,
        folder.display(),
        crate::times::for_people(left)
    );
    let ahead = enrolled.clock_ahead_s;
    if ahead.unsigned_abs() > WORTH_SAYING_S {
        let (by, way) = (ahead.unsigned_abs(), if ahead > 0 { "ahead of" } else { "behind" });
        eprintln!(
            "warning: this machine's clock is {by} s {way} the authority's: set it, or certificates look ended or not begun"
        );
    }
}

fn token(options: &Options) -> Result<Option<JoinToken>, Error> {
    if let Some(token) = &options.token {
        eprintln!(
            "warning: --token can be read by everybody on this host (/proc/PID/cmdline): --token-file and ROAMSTORM_TOKEN keep it"
        );
        return Ok(Some(token.parse().context("--token")?));
    }
    if let Some(file) = &options.token_file {
        let shown = file.display();
        ensure!(
            file.exists(),
            "--token-file {shown}: there is no such file; `roamstorm certs DIR token create > FILE` makes one"
        );
        let text = edges::files::read_text(file).with_context(|| format!("--token-file {shown}"))?;
        return Ok(Some(text.parse().with_context(|| format!("--token-file {shown}"))?));
    }
    if options.ec2 {
        return Ok(None);
    }
    match std::env::var(VARIABLE) {
        Ok(text) => Ok(Some(text.parse().context(VARIABLE)?)),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => bail!("{VARIABLE}: this is no join token"),
    }
}

/// Where a key is kept. Nothing where nobody says.
fn folder(options: &Options, name: &str) -> Option<PathBuf> {
    let given = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    // systemd names several with colons between them.
    let of_service = || {
        let all = std::env::var("STATE_DIRECTORY").ok()?;
        all.split(':').next().filter(|first| !first.is_empty()).map(PathBuf::from)
    };
    if let Some(folder) = options.state.clone().or_else(of_service) {
        return Some(folder);
    }
    let own = format!("agent-{}", enrolment::names::fit(name));
    if rustix::process::geteuid().is_root() {
        return Some(Path::new("/var/lib/roamstorm").join(own));
    }
    let base = given("XDG_STATE_HOME").or_else(|| Some(given("HOME")?.join(".local/state")))?;
    Some(base.join("roamstorm").join(own))
}

/// The endpoint on the coordinator's host.
fn beside(coordinator: &str) -> Result<String, Error> {
    let host = wire::host_of(coordinator)?;
    Ok(if host.contains(':') { format!("[{host}]:{PORT}") } else { format!("{host}:{PORT}") })
}

/// The target of the log's lines that an operator of an agent wants to see in any case.
const NEWS: &str = "agent_news";
const VARIABLE: &str = "ROAMSTORM_TOKEN";
/// A clock that is further away is spoken of, seconds.
const WORTH_SAYING_S: u64 = 60;
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_endpoint_is_beside_the_coordinator() {
        assert_eq!(beside("coordinator.example:7400").unwrap(), "coordinator.example:7401");
        assert_eq!(beside("10.0.0.1").unwrap(), "10.0.0.1:7401");
        assert_eq!(beside("[::1]:9").unwrap(), "[::1]:7401");
        assert!(beside("a b").is_err());
    }
}
