//! The coordinator's end: where agents join.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use tokio::sync::Mutex;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, timeout};

use crate::admission::{Admission, Denied, Origin, Turn};
use crate::failures::Failures;
use crate::link::{CLOSED, HELLO_LIMIT, TOO_SLOW, halves};
use crate::patience::Patience;
use crate::session_registry::SessionRegistry;
use crate::to_coordinator::Hello;
use crate::version_negotiation::for_people;
use crate::{
    AgentLink, AgentReceiver, AgentSender, CertificateFacts, Identity, Peer, Role, Settings, VersionOffer,
    WireError, resets, tls,
};

/// Where agents join. Any number of them join at the same time; one that is silent or wrong keeps no other waiting, and
/// a flood of joins neither grows without limit nor fills the log (see [`Settings`]).
#[derive(Debug)]
pub struct CoordinatorEndpoint {
    endpoint: quinn::Endpoint,
    local: SocketAddr,
    settings: Settings,
    joins: Mutex<Joins>,
}

impl CoordinatorEndpoint {
    /// Listens on a UDP address; port 0 takes a free one. Must be called in a tokio runtime.
    ///
    /// # Errors
    /// The address cannot be bound, or the identity is not a coordinator's.
    pub fn bind(address: SocketAddr, identity: &Identity) -> Result<Self, WireError> {
        Self::bind_with(address, identity, Settings::default())
    }

    /// [`CoordinatorEndpoint::bind`] with other times and limits.
    ///
    /// # Errors
    /// As [`CoordinatorEndpoint::bind`].
    pub fn bind_with(
        address: SocketAddr,
        identity: &Identity,
        settings: Settings,
    ) -> Result<Self, WireError> {
        identity.expect_role(Role::Coordinator)?;
        let sessions = SessionRegistry::new(identity)?;
        let config = tls::server_config(identity, &settings, sessions.verifier())?;
        let cannot_bind = |source| WireError::Bind { address, source };
        let socket = std::net::UdpSocket::bind(address).map_err(cannot_bind)?;
        make_room(&socket);
        let runtime = Arc::new(quinn::TokioRuntime);
        let ours = resets::endpoint_config(identity)?;
        let endpoint = quinn::Endpoint::new(ours, Some(config), socket, runtime).map_err(cannot_bind)?;
        let local = endpoint.local_addr().map_err(cannot_bind)?;
        let joins = Mutex::new(Joins::new(&settings, sessions));
        Ok(Self { endpoint, local, settings, joins })
    }

    /// The real address, with the port that was taken.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// The next agent that has joined: TLS, version and `Hello` are done. An `Err` is a failed join, logged and with the
    /// peer's address, or where there are too many of them their count; the endpoint goes on, so call again. New joins
    /// are taken up, and revoked agents cut off, only while this is polled, so poll it for as long as agents may come.
    /// Cancel-safe.
    ///
    /// # Errors
    /// A join failed; or [`WireError::EndpointClosed`], after which nothing will come.
    pub async fn accept(&self) -> Result<AgentLink, WireError> {
        let mut joins = self.joins.lock().await;
        let joins = &mut *joins;
        loop {
            joins.take_up(&self.settings);
            tokio::select! {
                Some(joined) = joins.at_work.join_next() => {
                    if let Some(told) = joins.done(joined) {
                        return told;
                    }
                }
                incoming = self.endpoint.accept() => match incoming {
                    Some(incoming) => joins.attempt(incoming),
                    None => return Err(WireError::EndpointClosed),
                },
                _ = joins.ticks.tick() => {
                    if let Some(summary) = joins.tick() {
                        return Err(logged(summary));
                    }
                }
            }
        }
    }

    /// Ends every connection, with a reason that the agents see, and takes no more.
    pub async fn close(&self, reason: &str) {
        self.endpoint.close(CLOSED, reason.as_bytes());
        // Only so that the agents hear of it; one that doesn't finds out by its idle time.
        let _ = timeout(CLOSE_LIMIT, self.endpoint.wait_idle()).await;
    }
}

/// A fleet that joins at once sends a megabyte of first packets; what finds no room is sent again a second later only.
fn make_room(socket: &std::net::UdpSocket) {
    // As much of it as the system allows (net.core.rmem_max), and all of it where we are allowed to.
    let _ = rustix::net::sockopt::set_socket_recv_buffer_size(socket, RECEIVE_BUFFER);
    #[cfg(target_os = "linux")]
    let _ = rustix::net::sockopt::set_socket_recv_buffer_size_force(socket, RECEIVE_BUFFER);
}

/// The joins of one endpoint.
struct Joins {
    admission: Admission<quinn::Incoming>,
    at_work: JoinSet<(Turn, Result<AgentLink, WireError>)>,
    failures: Failures,
    sessions: SessionRegistry,
    ticks: Interval,
}

impl Joins {
    fn new(settings: &Settings, sessions: SessionRegistry) -> Self {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let admission = Admission::new(settings, Instant::now().into_std());
        Self { admission, at_work: JoinSet::new(), failures: Failures::default(), sessions, ticks }
    }

    fn attempt(&mut self, incoming: quinn::Incoming) {
        let now = Instant::now().into_std();
        let address = incoming.remote_address();
        let validated = incoming.remote_address_validated() || !incoming.may_retry();
        match self.admission.ask(Origin::of(address.ip()), validated, incoming, now) {
            Ok(()) => {}
            // It is not an agent of ours yet, and nothing is kept of it.
            Err((Denied::Retry, incoming)) => drop(incoming.retry()),
            Err((_, incoming)) => {
                incoming.refuse();
                let why = format!("refused {address} without looking at it: too many joins are at hand");
                self.failures.refused(&why, now);
            }
        }
    }

    /// Begins as many joins as may be worked on.
    fn take_up(&mut self, settings: &Settings) {
        while let Some((turn, incoming)) = self.admission.next(Instant::now().into_std()) {
            let settings = settings.clone();
            self.at_work.spawn(async move { (turn, admit(incoming, settings).await) });
        }
    }

    /// Looks after what waits. The summary of failures, when there is one.
    fn tick(&mut self) -> Option<WireError> {
        let now = Instant::now().into_std();
        self.sessions.tick();
        for _ in 0..self.admission.forget_the_old(now) {
            self.failures.refused(&"forgot one that waited too long: too many joins are at hand", now);
        }
        self.failures.summary(now)
    }

    /// A join has ended; `None` when nobody is to hear of it.
    fn done(
        &mut self,
        joined: Result<(Turn, Result<AgentLink, WireError>), JoinError>,
    ) -> Option<Result<AgentLink, WireError>> {
        let (turn, outcome) = match joined {
            Ok(done) => done,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // Only the runtime's end cancels a join.
                Err(_) => return Some(Err(WireError::EndpointClosed)),
            },
        };
        let now = Instant::now().into_std();
        self.admission.left(turn, outcome.is_err(), now);
        match outcome {
            Ok(link) => {
                self.sessions.joined(link.connection());
                Some(Ok(link))
            }
            Err(error) => self.failures.failed(error, now).map(|error| Err(logged(error))),
        }
    }
}

impl fmt::Debug for Joins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Joins").field("at_work", &self.at_work.len()).finish_non_exhaustive()
    }
}

fn logged(error: WireError) -> WireError {
    match &error {
        WireError::JoinsFailed { .. } => tracing::warn!("{error}"),
        // Whoever owns the endpoint hears of it, and says it.
        error => tracing::info!("a join failed: {error}"),
    }
    error
}

/// One agent's way in, with a time limit.
async fn admit(incoming: quinn::Incoming, settings: Settings) -> Result<AgentLink, WireError> {
    let peer = Peer { role: Role::Agent, address: incoming.remote_address() };
    let mut patience = Patience::of(settings.join);
    let too_slow = || WireError::TooSlow { peer, after: settings.join };
    let lost = |error| WireError::from_connection(peer, settings.idle, error);

    let connecting = incoming.accept().map_err(lost)?;
    let connection = patience.wait_for(connecting).await.ok_or_else(too_slow)?.map_err(lost)?;
    match patience.wait_for(greet(connection.clone(), peer, &settings)).await {
        Some(Ok(Greeted::Agreed(link))) => Ok(*link),
        Some(Ok(Greeted::Foreign { sender, ours, theirs })) => {
            let error = WireError::Version { peer, ours, theirs };
            sender.refuse(&error.to_string()).await;
            Err(error)
        }
        Some(Ok(Greeted::OfAnotherPool { sender, error })) => {
            sender.refuse(&error.to_string()).await;
            Err(error)
        }
        Some(Err(error)) => Err(error),
        None => {
            connection.close(TOO_SLOW, b"no Hello came in time");
            Err(too_slow())
        }
    }
}

enum Greeted {
    Agreed(Box<AgentLink>),
    Foreign { sender: AgentSender, ours: VersionOffer, theirs: VersionOffer },
    OfAnotherPool { sender: AgentSender, error: WireError },
}

/// Versions, then `Hello`.
async fn greet(connection: quinn::Connection, peer: Peer, settings: &Settings) -> Result<Greeted, WireError> {
    let lost = |error| WireError::from_connection(peer, settings.idle, error);
    let streams = connection.accept_bi().await.map_err(lost)?;
    let (mut sender, mut receiver): (AgentSender, AgentReceiver) =
        halves(Arc::new(connection.clone()), peer, settings.idle, streams);

    let ours = VersionOffer::new(&settings.versions);
    let theirs = receiver.receive_offer(HELLO_LIMIT).await?;
    sender.send_offer(&ours).await?;
    let Some(version) = ours.common_version(&theirs) else {
        return Ok(Greeted::Foreign { sender, ours, theirs });
    };
    let mut hello = receiver.receive_hello().await?;
    let certificate = certificate_of(&connection);
    if let Some(error) = certificate.as_ref().and_then(|facts| hold_to_it(facts, &mut hello, peer)) {
        return Ok(Greeted::OfAnotherPool { sender, error });
    }
    let name = certificate.map(|facts| facts.name);
    let link = AgentLink { hello, peer: peer.address, certificate: name, version, sender, receiver };
    Ok(Greeted::Agreed(Box::new(link)))
}

fn certificate_of(connection: &quinn::Connection) -> Option<CertificateFacts> {
    let chain = connection.peer_identity()?.downcast::<Vec<CertificateDer<'static>>>().ok()?;
    CertificateFacts::of(chain.first()?)
}

/// An agent that enrolled has the name of its certificate, by which it is revoked; and one that is for a pool makes its agent one of
/// that pool, and of no other.
fn hold_to_it(facts: &CertificateFacts, hello: &mut Hello, peer: Peer) -> Option<WireError> {
    if facts.is_enrolled {
        hello.name.clone_from(&facts.name);
    }
    let pool = facts.pool.as_ref()?;
    let said = &mut hello.belongs.pool;
    if said.is_empty() {
        said.clone_from(pool);
    }
    (said != pool).then(|| WireError::OtherPool {
        peer,
        name: for_people(facts.name.as_bytes(), SHOWN_CHARACTERS),
        pool: for_people(pool.as_bytes(), SHOWN_CHARACTERS),
        said: said.clone(),
    })
}

/// How often what waits is looked at.
const TICK: Duration = Duration::from_millis(250);
/// First packets of a few thousand agents, octets.
const RECEIVE_BUFFER: usize = 8 << 20;
const SHOWN_CHARACTERS: usize = 100;
const CLOSE_LIMIT: Duration = Duration::from_secs(2);
