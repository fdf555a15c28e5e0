//! An agent's side: it asks for its certificate, and knows whom it asks by the hash of a key.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::time::timeout;
use wire::{CertificateFacts, Identity, IdentityError, NewKey, Settings, WireError};

use crate::PORT;
use crate::clock::seconds;
use crate::message::{Answer, MOST_ANSWER, Outcome, Request, ShownProof};
use crate::state::{State, StateError};
use crate::tls::{self, Fault, since_1970};
use crate::token::JoinToken;

/// Whom an agent asks.
#[derive(Clone, Debug)]
pub struct Where {
    /// `host` or `host:port` of the enrolment endpoint.
    pub endpoint: String,
    /// SHA-256 of the authority's public key.
    pub pin: [u8; 32],
}

/// Which name and pool an agent wishes for.
#[derive(Clone, Debug)]
pub struct Membership {
    /// The name.
    pub name: String,
    /// The pool; empty for whichever it is given.
    pub pool: String,
}

/// What an agent shows that has no certificate.
#[derive(Clone, Debug)]
pub enum Proof {
    /// A token.
    Token(JoinToken),
    /// The identity document of its instance, and the signature of it.
    Ec2 {
        /// The document.
        document: String,
        /// Base64.
        signature: String,
    },
}

/// An identity that was issued, and what it says.
#[derive(Clone, Debug)]
pub struct Enrolled {
    /// Key and certificate.
    pub identity: Identity,
    /// What the certificate says.
    pub facts: CertificateFacts,
    /// How far this machine's clock is ahead of the authority's, seconds.
    pub clock_ahead_s: i64,
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// Nobody answers.
    #[error(
        "nothing answered at {endpoint} (enrolment, UDP {PORT} where no other port is named): {why}; check that `roamstorm certs DIR serve`, or a coordinator with --enrol, runs there, and that no firewall drops UDP between the two"
    )]
    NoAnswer {
        /// Where.
        endpoint: String,
        /// What is known.
        why: String,
    },
    /// The address is none.
    #[error(
        "`{endpoint}` is no enrolment endpoint: a host name or address is accepted, and its port where that is not {PORT}"
    )]
    NotAnAddress {
        /// What was given.
        endpoint: String,
    },
    /// Somebody else answers.
    #[error(
        "who answers at {endpoint} is not the authority that was named (by the token, or --authority): the token is of another fleet, or somebody stands between; nothing was told to it"
    )]
    OtherAuthority {
        /// Where.
        endpoint: String,
    },
    /// The right authority, but not for this.
    #[error(
        "who answers at {endpoint} is of the right authority, but is no enrolment endpoint: check the address and its port ({PORT})"
    )]
    NotEnrolment {
        /// Where.
        endpoint: String,
    },
    /// The clocks are far apart.
    #[error(
        "this machine's clock is wrong: it says {now_s} (seconds since 1970), and the authority's certificate at {endpoint} is valid from {from_s} to {until_s}; set the clock (timedatectl, chronyc makestep)"
    )]
    Clock {
        /// Where.
        endpoint: String,
        /// This machine's time.
        now_s: u64,
        /// From when.
        from_s: u64,
        /// Until when.
        until_s: u64,
    },
    /// The certificate that was shown is not taken.
    #[error("{0}")]
    OurCertificate(WireError),
    /// The authority says no.
    #[error("enrolment was refused at {endpoint}: {reason}")]
    Refused {
        /// Where.
        endpoint: String,
        /// For programs.
        code: String,
        /// For people.
        reason: String,
        /// The same request may succeed later.
        again: bool,
    },
    /// The answer is none, or of somebody else's key.
    #[error("the answer of {endpoint} cannot be used: {why}")]
    Answer {
        /// Where.
        endpoint: String,
        /// What is wrong.
        why: String,
    },
    /// The folder.
    #[error(transparent)]
    State(#[from] StateError),
    /// A key or certificate.
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

impl EnrolError {
    /// Whether asking again may help without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::NoAnswer { .. } => true,
            Self::Refused { again, .. } => *again,
            _ => false,
        }
    }

    /// Whether the certificate that was shown is of no use any more.
    pub fn is_final_for_identity(&self) -> bool {
        match self {
            Self::Refused { code, .. } => {
                matches!(code.as_str(), "revoked" | "renewed-elsewhere" | "not-renewable")
            }
            Self::OurCertificate(_) => true,
            _ => false,
        }
    }

    /// Whether it was revoked.
    pub fn is_revocation(&self) -> bool {
        matches!(self, Self::Refused { code, .. } if code == "revoked")
    }
}

/// Asks for a certificate with this proof, and keeps it. Asked again after a lost answer, also by another process, it is the same.
///
/// # Errors
/// Nobody answers, the authority is another or refuses, or the folder cannot be used.
pub async fn join(
    state: &State,
    to: &Where,
    who: &Membership,
    proof: &Proof,
) -> Result<Enrolled, EnrolError> {
    let shown = match proof {
        Proof::Token(token) => {
            ShownProof::Token { id: token.id().to_owned(), secret: token.secret().to_owned() }
        }
        Proof::Ec2 { document, signature } => {
            ShownProof::Ec2 { document: document.clone(), signature: signature.clone() }
        }
    };
    ask(state, to, who, shown, None).await
}

/// Asks for a new certificate with the one that is there.
///
/// # Errors
/// As [`join`].
pub(crate) async fn renew(state: &State, to: &Where, identity: &Identity) -> Result<Enrolled, EnrolError> {
    let facts =
        identity.facts().ok_or_else(|| answer(&to.endpoint, "this agent's certificate cannot be read"))?;
    let who = Membership { name: facts.name, pool: facts.pool.unwrap_or_default() };
    ask(state, to, &who, ShownProof::Certificate, Some(identity)).await
}

async fn ask(
    state: &State,
    to: &Where,
    who: &Membership,
    proof: ShownProof,
    identity: Option<&Identity>,
) -> Result<Enrolled, EnrolError> {
    let key = state.pending()?;
    let now = seconds(SystemTime::now());
    let request = Request::new(wire::PROGRAM, now, (&who.name, &who.pool), &key.request()?, proof);
    let octets = exchange(to, identity, &request.encode()).await?;
    let received =
        Answer::decode(&octets).ok_or_else(|| answer(&to.endpoint, "it is no answer of this protocol"))?;
    let ahead = i128::from(seconds(SystemTime::now())) - i128::from(received.now_s);
    let clock_ahead_s = i64::try_from(ahead).unwrap_or(i64::MAX);
    let (certificate, authority) = match received.outcome {
        Outcome::Issued { certificate, authority } => (certificate, authority),
        Outcome::Refused { code, reason, again } => {
            return Err(EnrolError::Refused { endpoint: to.endpoint.clone(), code, reason, again });
        }
    };
    let issued = Identity::from_pem(wire::Role::Agent, &authority, &certificate, &key.to_pem());
    judge(&issued, &key, to)?;
    let identity = state.keep(&key, &certificate, &authority)?;
    let facts = identity.facts().ok_or_else(|| answer(&to.endpoint, "its certificate cannot be read"))?;
    Ok(Enrolled { identity, facts, clock_ahead_s })
}

/// The certificate is for our key, and of the pinned authority.
fn judge(issued: &Identity, key: &NewKey, to: &Where) -> Result<(), EnrolError> {
    if issued.authority_pin() != Some(to.pin) {
        return Err(EnrolError::OtherAuthority { endpoint: to.endpoint.clone() });
    }
    if issued.facts().map(|facts| facts.key) != Some(key.hash()) {
        return Err(answer(&to.endpoint, "its certificate is for another key"));
    }
    Ok(())
}

fn answer(endpoint: &str, why: &str) -> EnrolError {
    EnrolError::Answer { endpoint: endpoint.to_owned(), why: why.to_owned() }
}

/// One request and its answer, on a connection of its own.
async fn exchange(to: &Where, identity: Option<&Identity>, request: &[u8]) -> Result<Vec<u8>, EnrolError> {
    let fault = Arc::new(Mutex::new(None));
    let config = tls::client_config(to.pin, identity, &fault).map_err(|why| answer(&to.endpoint, &why))?;
    let judged = |error| {
        let fault = fault.lock().unwrap_or_else(PoisonError::into_inner).take();
        said(&to.endpoint, error, fault)
    };
    let connection = wire::dial(&to.endpoint, PORT, &config, &Settings::default()).await.map_err(&judged)?;
    let no_answer = |why: String| EnrolError::NoAnswer { endpoint: to.endpoint.clone(), why };
    let asking = async {
        let (mut send, mut receive) = connection.open_bi().await.map_err(|error| error.to_string())?;
        // Where its end is not heard, the answer says more.
        let _ = send.write_all(request).await;
        let _ = send.finish();
        receive.read_to_end(MOST_ANSWER).await.map_err(|error| error.to_string())
    };
    let octets = timeout(ANSWER_LIMIT, asking).await;
    // In TLS 1.3 a client is done before the server has judged its certificate: a refusal of it ends the connection.
    match octets {
        Ok(Ok(octets)) => {
            connection.close(0u32.into(), b"heard");
            Ok(octets)
        }
        Ok(Err(why)) => match connection.close_reason() {
            Some(reason) => {
                let peer = wire::Peer { role: wire::Role::Coordinator, address: connection.remote_address() };
                Err(judged(WireError::of_connection(peer, Settings::default().idle, reason)))
            }
            None => Err(no_answer(why)),
        },
        Err(_) => Err(no_answer(format!("no answer came within {} s", ANSWER_LIMIT.as_secs()))),
    }
}

/// What an error of the connection means.
fn said(endpoint: &str, error: WireError, fault: Option<Fault>) -> EnrolError {
    let endpoint = endpoint.to_owned();
    match (fault, error) {
        (Some(Fault::OtherAuthority), _) => EnrolError::OtherAuthority { endpoint },
        (Some(Fault::NotEnrolment), _) | (None, WireError::NotRoamstorm { .. }) => {
            EnrolError::NotEnrolment { endpoint }
        }
        (Some(Fault::Clock { from, until }), _) => EnrolError::Clock {
            endpoint,
            now_s: seconds(SystemTime::now()),
            from_s: since_1970(from),
            until_s: since_1970(until),
        },
        (None, WireError::NotAnAddress { .. }) => EnrolError::NotAnAddress { endpoint },
        (None, error @ WireError::OurCertificateRefused { .. }) => EnrolError::OurCertificate(error),
        (None, WireError::NoAnswer { after, .. }) => {
            EnrolError::NoAnswer { endpoint, why: format!("no packet came within {} s", after.as_secs()) }
        }
        (None, error) => EnrolError::NoAnswer { endpoint, why: error.to_string() },
    }
}

/// How long an answer may take: whoever signs may be slow.
const ANSWER_LIMIT: Duration = Duration::from_secs(40);
